#include "cuda/codegen/functions.h"

#include <algorithm>

#include "duet/core/error.h"
#include "ops/recorded.h"

namespace duet::cuda {
namespace {

constexpr std::string_view kName = "@NAME@";

// A formula's list for a type of numbers. Integers take that of doubles, which has no bit tricks of floats: the same
// comparisons and selections, and arithmetic that wraps around.
const ExprList& list_of(const OpRecord& op, Type number) { return recorded(op, number != Type::f32); }

uint64_t constant_as(const ExprNode& e, bool is_double, Type number) {
  if (!is_double || number == Type::f64) return e.imm;
  Number8 from, to;
  from.bits = e.imm;
  to.bits = 0;
  if (number == Type::i64)
    to.i64 = static_cast<int64_t>(from.f64);
  else if (number == Type::i32)
    to.i32 = static_cast<int32_t>(from.f64);
  else
    to.u8 = static_cast<uint8_t>(from.f64);
  return to.bits;
}

// The instructions of a list as lines that begin with `indent`; gives the variable of each instruction.
std::vector<Variable> instructions(const ExprList& list, Type number, const Variable* in, std::string& to) {
  std::vector<Variable> made(list.nodes.size());
  for (size_t i = 0; i < list.nodes.size(); ++i) {
    const ExprNode& e = list.nodes[i];
    Variable operands[3];
    int k = 0;
    for (int operand : {e.a, e.b, e.c})
      if (operand >= 0) operands[k++] = made[static_cast<size_t>(operand)];
    if (e.op == ExprOp::input || e.op == ExprOp::input_mask) operands[0] = in[e.imm];
    const uint64_t imm = e.op == ExprOp::constant ? constant_as(e, list.is_double, number) : e.imm;
    Variable x = expression(e.op, imm, number, operands);
    const bool plain = e.op == ExprOp::input || e.op == ExprOp::input_mask || e.op == ExprOp::constant ||
                       e.op == ExprOp::bits_constant || e.op == ExprOp::bits || e.op == ExprOp::from_bits;
    if (plain) {
      made[i] = x.text[0] == '-' ? Variable{"(" + x.text + ")", x.type} : x;
      continue;
    }
    made[i] = {fmt::format("t{}", i), x.type};
    line(to, "  const {} t{} = {};", name(x.type), i, x.text);
  }
  return made;
}

// The one instruction of a formula that needs no function; null where there are more.
const ExprNode* only_instruction(const ExprList& list) {
  const ExprNode* only = nullptr;
  if (list.outputs.size() != 1) return nullptr;
  for (const ExprNode& e : list.nodes) {
    if (e.op == ExprOp::input || e.op == ExprOp::input_mask) continue;
    if (only != nullptr || e.op == ExprOp::constant || e.op == ExprOp::bits_constant) return nullptr;
    only = &e;
  }
  return only == nullptr || list.outputs[0] != static_cast<int>(only - list.nodes.data()) ? nullptr : only;
}

}  // namespace

std::string Functions::unique(std::string_view wanted) {
  const std::string base = identifier(wanted);
  const int n = names_[base]++;
  return n == 0 ? base : fmt::format("{}_{}", base, n + 1);
}

std::string Functions::add(const std::string& text, std::string_view wanted_name) {
  if (const auto found = known_.find(text); found != known_.end()) return found->second;
  const std::string chosen = unique(wanted_name);
  std::string named = text;
  for (size_t at = named.find(kName); at != named.npos; at = named.find(kName, at + chosen.size()))
    named.replace(at, kName.size(), chosen);
  text_ += named;
  text_ += '\n';
  return known_[text] = chosen;
}

std::string Functions::loop(const Loop& loop, bool packs, std::string_view wanted_name) {
  auto known = std::find_if(loops_.begin(), loops_.end(), [&](const KnownLoop& k) {
    return k.loop.parameters == loop.parameters && k.loop.packed == loop.packed;
  });
  if (known == loops_.end()) {
    text_ += fmt::format("@LOOP {}@", loops_.size());
    known = loops_.insert(loops_.end(), {loop, unique(wanted_name)});
  }
  ++known->uses;
  known->packs = known->packs || packs;
  return known->name;
}

std::string Functions::text_of(const KnownLoop& l) {
  return fmt::format("{} void {}({}[[maybe_unused]] bool wide, i64 mine, [[maybe_unused]] i64 count) {{\n{}}}\n\n",
                     l.uses > 1 ? "DUET_FUSED_CALL" : "DUET_FUSED_FN", l.name, l.loop.parameters,
                     l.packs ? l.loop.packed : l.loop.apart);
}

std::string Functions::text() const {
  std::string all = text_;
  for (size_t k = loops_.size(); k-- > 0;) {
    const std::string mark = fmt::format("@LOOP {}@", k);
    all.replace(all.find(mark), mark.size(), text_of(loops_[k]));
  }
  return all;
}

std::string Functions::formula(const OpRecord& op, Type number) {
  std::string& known = formulas_[{&op, number}];
  if (!known.empty()) return known;
  const ExprList& list = list_of(op, number);
  const auto inputs = static_cast<size_t>(op.inputs);
  std::vector<Variable> in(inputs);
  std::string text = fmt::format("// {} of {}\nDUET_FUSED_FN void @NAME@(", op.name, name(number));
  for (size_t i = 0; i < inputs; ++i) {
    in[i] = {fmt::format("x{}", i), ((op.bool_in >> i) & 1u) != 0 ? Type::boolean : number};
    text += fmt::format("{} x{}, ", name(in[i].type), i);
  }
  const Type out = op.bool_out ? Type::boolean : number;
  for (int k = 0; k < op.outputs; ++k) text += fmt::format("{}{}& y{}", k > 0 ? ", " : "", name(out), k);
  text += ") {\n";
  const std::vector<Variable> made = instructions(list, number, in.data(), text);
  for (size_t k = 0; k < list.outputs.size(); ++k)
    line(text, "  y{} = {};", k, as(made[static_cast<size_t>(list.outputs[k])], out));
  text += "}\n";
  return known = add(text, fmt::format("{}_{}", op.name, name(number)));
}

Element Functions::element(const cpu::Pass& pass, const TypeOf& type_of_place, std::string_view wanted_name) {
  const cpu::TileProgram& program = pass.program;
  Element made;
  if (pass.empty()) return made;
  std::vector<int> argument(program.sources.size(), -1);
  std::vector<Variable> temporaries(static_cast<size_t>(program.temporaries)), outputs(program.output_bytes.size());
  std::string body;
  int variables = 0;

  auto read = [&](cpu::Register r, Type wanted) -> Variable {
    if (r >= cpu::kOutput) return outputs[static_cast<size_t>(r - cpu::kOutput)];
    if (r >= cpu::kTemporary) return temporaries[static_cast<size_t>(r - cpu::kTemporary)];
    const auto k = static_cast<size_t>(r);
    if (program.sources[k].constant != nullptr) {
      uint64_t bits = 0;
      __builtin_memcpy(&bits, program.sources[k].constant, program.sources[k].bytes);
      const std::string text = literal(bits, wanted);
      return {text[0] == '-' ? "(" + text + ")" : text, wanted};
    }
    if (argument[k] < 0) {
      argument[k] = static_cast<int>(made.sources.size());
      made.sources.push_back(r);
      made.source_types.push_back(type_of_place(pass.in[k], wanted));
    }
    return {fmt::format("x{}", argument[k]), made.source_types[static_cast<size_t>(argument[k])]};
  };
  auto write = [&](cpu::Register r, const Variable& x) {
    (r >= cpu::kOutput ? outputs[static_cast<size_t>(r - cpu::kOutput)]
                       : temporaries[static_cast<size_t>(r - cpu::kTemporary)]) = x;
  };
  auto define = [&](cpu::Register r, const Variable& x, std::string_view word) {
    const std::string variable = fmt::format("{}{}", identifier(word), variables++);
    line(body, "  const {} {} = {};", name(x.type), variable, x.text);
    write(r, {variable, x.type});
  };

  for (const cpu::Step& s : program.steps) {
    const Type number = type_of(s.dtype);
    if (s.op != nullptr) {
      const ExprList& list = list_of(*s.op, number);
      Variable in[cpu::kMaxTileInputs];
      for (int i = 0; i < s.inputs; ++i)
        in[i] = read(s.in[i], ((s.op->bool_in >> i) & 1u) != 0 ? Type::boolean : number);
      if (const ExprNode* only = only_instruction(list)) {
        Variable operands[3];
        int k = 0;
        for (int operand : {only->a, only->b, only->c})
          if (operand >= 0) operands[k++] = in[list.nodes[static_cast<size_t>(operand)].imm];
        define(s.out[0], expression(only->op, only->imm, number, operands), s.op->name);
        continue;
      }
      const std::string function = formula(*s.op, number);
      const Type out = s.op->bool_out ? Type::boolean : number;
      std::string call = function + "(";
      for (int i = 0; i < s.inputs; ++i)
        call += as(in[i], ((s.op->bool_in >> i) & 1u) != 0 ? Type::boolean : number) + ", ";
      for (int k = 0; k < s.outputs; ++k) {
        const std::string variable = fmt::format("{}{}", identifier(s.op->name), variables++);
        line(body, "  {} {};", name(out), variable);
        call += (k > 0 ? ", " : "") + variable;
        write(s.out[k], {variable, out});
      }
      line(body, "  {});", call);
    } else if (s.instruction == ExprOp::input) {
      define(s.out[0], {conversion(read(s.in[0], number), type_of(s.to)), type_of(s.to)}, "cast");
    } else {
      Variable in[3];
      for (int i = 0; i < s.inputs; ++i) in[i] = read(s.in[i], number);
      // A move keeps what it moves: numbers, bits or masks.
      const Type moved = s.instruction == ExprOp::move ? in[0].type : number;
      define(s.out[0], expression(s.instruction, s.imm, moved, in), "t");
    }
  }

  std::string text = "DUET_FUSED_FN void @NAME@(", separator;
  for (size_t i = 0; i < made.sources.size(); ++i) {
    text += fmt::format("{}{} x{}", separator, name(made.source_types[i]), i);
    separator = ", ";
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    // A formula's bits are stored as what they are bits of.
    const Type t = outputs[k].type == Type::bits ? Type::f32 : outputs[k].type;
    made.output_types.push_back(t);
    line(body, "  y{} = {};", k, as(outputs[k], t));
    text += fmt::format("{}{}& y{}", separator, name(t), k);
    separator = ", ";
  }
  made.function = add(text + ") {\n" + body + "}\n", wanted_name);
  return made;
}

}  // namespace duet::cuda
