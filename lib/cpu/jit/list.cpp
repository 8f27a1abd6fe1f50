#include "cpu/jit/list.h"

#include "duet/ops/math_half.h"
#include "duet/ops/pointwise.h"
#include "ops/recorded.h"

namespace duet::cpu::jit {
namespace {

constexpr uint32_t kOne = 0x3f800000u, kSign = 0x80000000u;

size_t hash(const Instruction& x) {
  uint64_t h = static_cast<uint64_t>(x.op);
  for (uint64_t part : {static_cast<uint64_t>(x.a + 1), static_cast<uint64_t>(x.b + 1), static_cast<uint64_t>(x.c + 1),
                        static_cast<uint64_t>(x.imm), static_cast<uint64_t>(x.mask + 1)})
    h = (h ^ part) * 0x9e3779b97f4a7c15u;
  return static_cast<size_t>(h >> 32);
}

// A cast from f32 to bf16 or back, whose bits are the lower half of a lane.
const ExprList& bf16_formula(bool back) {
  using E = Expr<false>;
  auto recorded = [](auto formula) {
    ExprList list;
    ExprRecorder recorder(list);
    list.outputs.push_back(formula(E::emit(ExprOp::input)).node);
    return list;
  };
  static const ExprList to = recorded([](int x) { return math::to_bf16(E::of(x)); });
  static const ExprList from = recorded([](int x) { return math::from_bf16<E>(E::Bits::of(x)); });
  return back ? from : to;
}

// Goes over a program's steps and remembers which instruction each register holds.
class Recording {
 public:
  Recording(Builder& builder, const TileProgram& program, std::span<const Operand> operands,
            std::span<const int> outputs, std::vector<int>& made)
      : program_(program),
        operands_(operands),
        output_numbers_(outputs),
        list_(builder.list()),
        builder_(builder),
        outputs_(made) {
    numbers_.assign(program.sources.size(), -1);
    masks_.assign(program.sources.size(), -1);
    temporaries_.assign(static_cast<size_t>(program.temporaries), -1);
    outputs_.assign(program.output_bytes.size(), -1);
  }

  bool run(std::string& reason) {
    for (const Step& s : program_.steps) {
      const bool done = s.op != nullptr ? op(s) : s.instruction == ExprOp::input ? cast(s) : formula_step(s);
      if (done) continue;
      reason = s.op != nullptr ? std::string(s.op->name) : s.instruction == ExprOp::input ? "a cast" : "a user's op";
      reason += " of " + std::string(name(s.dtype)) +
                (s.op == nullptr && s.to != s.dtype ? " to " + std::string(name(s.to)) : "");
      return false;
    }
    return true;
  }

 private:
  // What an instruction reads from a register, as a number, the bits of a 16-bit float, or a mask; −1 when it holds
  // something else.
  int read(Register r, bool as_mask, int bytes = 4) {
    int value = -1;
    if (r >= kOutput) {
      value = outputs_[static_cast<size_t>(r - kOutput)];
    } else if (r >= kTemporary) {
      value = temporaries_[static_cast<size_t>(r - kTemporary)];
    } else {
      const auto k = static_cast<size_t>(r);
      const Source& s = program_.sources[k];
      if (s.bytes != (as_mask ? 1 : bytes)) return -1;
      int& loaded = as_mask ? masks_[k] : numbers_[k];
      if (operands_[k].value >= 0) {
        value = operands_[k].value;
        return gives_mask(list_.nodes[static_cast<size_t>(value)].op) == as_mask ? value : -1;
      }
      if (loaded < 0) {
        if (s.constant == nullptr)
          loaded = builder_.add(as_mask      ? Op::load_mask
                                : bytes == 2 ? Op::load_half
                                             : Op::load,
                                -1, -1, -1, static_cast<uint32_t>(operands_[k].source));
        else if (!as_mask)
          loaded = builder_.constant(*static_cast<const uint32_t*>(s.constant));
      }
      return loaded;
    }
    return value >= 0 && gives_mask(list_.nodes[static_cast<size_t>(value)].op) == as_mask ? value : -1;
  }
  bool write(Register r, int value, int bytes = 4) {
    if (value < 0) return false;
    if (r < kOutput) {
      temporaries_[static_cast<size_t>(r - kTemporary)] = value;
      return true;
    }
    const auto k = static_cast<size_t>(r - kOutput);
    const bool mask = gives_mask(list_.nodes[static_cast<size_t>(value)].op);
    if (program_.output_bytes[k] != (mask ? 1 : bytes)) return false;
    outputs_[k] = value;
    const Op store = mask ? Op::store_mask : bytes == 2 ? Op::store_half : Op::store;
    list_.nodes.push_back({store, value, -1, -1, static_cast<uint32_t>(output_numbers_[k])});
    return true;
  }

  bool op(const Step& s) {
    if (s.op == &duet::op<Eq>() && s.dtype == DType::i32) {
      const int a = read(s.in[0], false), b = read(s.in[1], false);
      return a >= 0 && b >= 0 && write(s.out[0], builder_.add(Op::bits_eq, a, b));
    }
    const bool only_masks = (s.op->bool_in & ((1u << s.inputs) - 1)) == (1u << s.inputs) - 1;
    if (s.dtype != DType::f32 && !(s.dtype == DType::boolean && only_masks)) return false;
    const ExprList& formula = recorded(*s.op, false);
    values_.clear();
    for (const ExprNode& e : formula.nodes) {
      int value = -1;
      if (e.op == ExprOp::input || e.op == ExprOp::input_mask)
        value = read(s.in[e.imm], e.op == ExprOp::input_mask);
      else
        value = instruction(e.op, of(e.a), of(e.b), of(e.c), static_cast<uint32_t>(e.imm));
      if (value < 0) return false;
      values_.push_back(value);
    }
    for (int k = 0; k < s.outputs; ++k)
      if (!write(s.out[k], of(formula.outputs[static_cast<size_t>(k)]))) return false;
    return true;
  }
  int of(int node) const { return node < 0 ? -1 : values_[static_cast<size_t>(node)]; }

  bool formula_step(const Step& s) {
    if (s.dtype == DType::f64) return false;
    list_.of_users = true;
    int in[3] = {-1, -1, -1};
    for (int i = 0; i < s.inputs; ++i) {
      const bool is_select = s.instruction == ExprOp::select || s.instruction == ExprOp::bits_select;
      const bool mask = s.instruction == ExprOp::mask_and || s.instruction == ExprOp::mask_or ||
                        s.instruction == ExprOp::mask_not || (is_select && i == 0);
      in[i] = read(s.in[i], mask);
      if (in[i] < 0) return false;
    }
    return write(s.out[0], instruction(s.instruction, in[0], in[1], in[2], static_cast<uint32_t>(s.imm)));
  }

  bool cast(const Step& s) {
    if (s.dtype == s.to && (s.to == DType::f32 || s.to == DType::i32)) return write(s.out[0], read(s.in[0], false));
    if (s.dtype == DType::f32 && is_half(s.to)) {
      const int x = read(s.in[0], false);
      if (s.to == DType::bf16) return write(s.out[0], computed(bf16_formula(false), x), 2);
      return x >= 0 && write(s.out[0], builder_.add(Op::to_f16, x), 2);
    }
    if (is_half(s.dtype) && s.to == DType::f32) {
      const int x = read(s.in[0], false, 2);
      if (s.dtype == DType::bf16) return write(s.out[0], computed(bf16_formula(true), x));
      return x >= 0 && write(s.out[0], builder_.add(Op::from_f16, x));
    }
    if (s.dtype == DType::boolean && s.to == DType::f32) {
      const int mask = read(s.in[0], true);
      return mask >= 0 &&
             write(s.out[0], builder_.add(Op::select, mask, builder_.constant(kOne), builder_.constant(0)));
    }
    if (s.dtype == DType::f32 && s.to == DType::boolean) {
      const int x = read(s.in[0], false);
      return x >= 0 && write(s.out[0], builder_.add(Op::ne, x, builder_.constant(0)));
    }
    if (s.dtype == DType::i32 && s.to == DType::f32) {
      const int x = read(s.in[0], false);
      return x >= 0 && write(s.out[0], builder_.add(Op::from_int, x));
    }
    return false;
  }

  // The result of a formula of one operand; −1 without it.
  int computed(const ExprList& formula, int x) {
    values_.clear();
    for (const ExprNode& e : formula.nodes)
      values_.push_back(x < 0 ? -1
                        : e.op == ExprOp::input
                            ? x
                            : instruction(e.op, of(e.a), of(e.b), of(e.c), static_cast<uint32_t>(e.imm)));
    return of(formula.outputs[0]);
  }

  int instruction(ExprOp op, int a, int b, int c, uint32_t imm) {
    using E = ExprOp;
    switch (op) {
      case E::constant:
      case E::bits_constant:
        return builder_.constant(imm);
      case E::move:
      case E::bits:
      case E::from_bits:
        return a;
      case E::neg:
        return builder_.add(Op::bits_xor, a, builder_.constant(kSign));
      case E::mask_or:
        return a == b ? a : builder_.add(Op::mask_or, a, b);
      case E::bits_select:
        return builder_.add(Op::select, a, b, c);
      default:
        break;
    }
    static constexpr std::pair<E, Op> kSame[] = {{E::add, Op::add},
                                                 {E::sub, Op::sub},
                                                 {E::mul, Op::mul},
                                                 {E::div, Op::div},
                                                 {E::fma, Op::fma},
                                                 {E::sqrt, Op::sqrt},
                                                 {E::lt, Op::lt},
                                                 {E::le, Op::le},
                                                 {E::eq, Op::eq},
                                                 {E::ne, Op::ne},
                                                 {E::mask_and, Op::mask_and},
                                                 {E::mask_not, Op::mask_not},
                                                 {E::select, Op::select},
                                                 {E::bits_add, Op::bits_add},
                                                 {E::bits_sub, Op::bits_sub},
                                                 {E::bits_and, Op::bits_and},
                                                 {E::bits_or, Op::bits_or},
                                                 {E::bits_xor, Op::bits_xor},
                                                 {E::shl, Op::shl},
                                                 {E::shr, Op::shr},
                                                 {E::sar, Op::sar},
                                                 {E::mul_lo, Op::mul_lo},
                                                 {E::mul_hi, Op::mul_hi},
                                                 {E::bits_eq, Op::bits_eq},
                                                 {E::pio2_rest, Op::pio2_rest},
                                                 {E::pio2_quadrant, Op::pio2_quadrant}};
    for (const auto& [from, to] : kSame)
      if (from == op) return builder_.add(to, a, b, c, imm);
    return -1;  // libm, of f64 only
  }

  const TileProgram& program_;
  std::span<const Operand> operands_;
  std::span<const int> output_numbers_;
  List& list_;
  Builder& builder_;
  std::vector<int>& outputs_;
  std::vector<int> numbers_, masks_, temporaries_, values_;
};

}  // namespace

int Builder::add(const Instruction& x) {
  if (list_.nodes.size() * 2 > table_.size()) grow();
  for (size_t at = hash(x);; ++at) {
    int& slot = table_[at & (table_.size() - 1)];
    if (slot < 0) {
      slot = static_cast<int>(list_.nodes.size());
      list_.nodes.push_back(x);
      return slot;
    }
    if (list_.nodes[static_cast<size_t>(slot)] == x) return slot;
  }
}

void Builder::grow() {
  table_.assign(table_.size() * 2, -1);
  for (size_t i = 0; i < list_.nodes.size(); ++i) {
    if (is_store(list_.nodes[i].op)) continue;
    size_t at = hash(list_.nodes[i]);
    while (table_[at & (table_.size() - 1)] >= 0) ++at;
    table_[at & (table_.size() - 1)] = static_cast<int>(i);
  }
}

bool append(Builder& builder, const TileProgram& program, std::span<const Operand> operands,
            std::span<const int> outputs, std::vector<int>& made, std::string& reason) {
  return Recording(builder, program, operands, outputs, made).run(reason);
}

}  // namespace duet::cpu::jit
