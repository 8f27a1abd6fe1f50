// How long machine code is, and which formulas it takes for others: lists of instructions, of which none is run.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cpu/jit/assemble.h"
#include "cpu/kernels.h"
#include "duet/duet.h"

namespace duet::cpu::jit {
namespace {

// The instructions of an operation on operands that lie dense, before anything is simplified.
List list_of(const OpRecord& op) {
  TileProgram program;
  program.clear(1000);
  const bool masks = op.bool_in != 0 && op.bool_in + 1u == 1u << op.inputs;
  Register from[kMaxTileInputs], to[kMaxTileOutputs];
  for (int k = 0; k < op.inputs; ++k) {
    const int64_t strides[kMaxRank] = {1};
    const DType dtype = ((op.bool_in >> k) & 1u) != 0 ? DType::boolean : DType::f32;
    from[k] = program.add_source(make_source(dtype, {1000}, strides, {1000}));
  }
  for (int k = 0; k < op.outputs; ++k) to[k] = program.add_output(op.bool_out ? DType::boolean : DType::f32);
  program.add_op(op, masks ? DType::boolean : DType::f32, from, to);
  List list;
  list.sources = op.inputs;
  list.outputs = op.outputs;
  list.uniform.assign(static_cast<size_t>(op.inputs), 0);
  list.ahead.assign(static_cast<size_t>(op.inputs), 0);
  list.of_row.assign(static_cast<size_t>(op.outputs), 0);
  list.claim.assign(static_cast<size_t>(op.outputs), 0);
  list.past.assign(static_cast<size_t>(op.outputs), 0);
  std::vector<Operand> operands(static_cast<size_t>(op.inputs));
  std::vector<int> outputs, made;
  for (int k = 0; k < op.inputs; ++k) operands[static_cast<size_t>(k)].source = k;
  for (int k = 0; k < op.outputs; ++k) outputs.push_back(k);
  Builder builder(list);
  std::string reason;
  EXPECT_TRUE(append(builder, program, operands, outputs, made, reason)) << op.name << ": " << reason;
  return list;
}

struct Length {
  size_t instructions = 0, bytes = 0;
};
Length length(const OpRecord& op, bool wide) {
  List list = list_of(op);
  simplify(list, wide);
  return {list.nodes.size(), assemble(std::span(&list, 1), wide).bytes.size()};
}

// Longer is a step back.
TEST(JitInstructions, OfAFormula) {
  struct Row {
    const OpRecord* op;
    size_t narrow, wide;
  };
  const Row rows[] = {{&op<Exp>(), 36, 27},     {&op<Log>(), 50, 32},   {&op<Tanh>(), 54, 53},
                      {&op<Sigmoid>(), 48, 39}, {&op<Erf>(), 66, 65},   {&op<Sin>(), 42, 42},
                      {&op<Pow>(), 148, 122},   {&op<Maximum>(), 6, 6}, {&op<Where>(), 5, 5}};
  for (const Row& row : rows) {
    EXPECT_LE(length(*row.op, false).instructions, row.narrow) << row.op->name << " for AVX2";
    EXPECT_LE(length(*row.op, true).instructions, row.wide) << row.op->name << " for AVX-512";
  }
}

TEST(JitInstructions, OfAllFormulasAndGradients) {
  for (const bool wide : {false, true}) {
    Length all;
    for (int i = 0; i < PointwiseOps::kCount; ++i) {
      const OpRecord& op = builtin(static_cast<const PointwiseOps*>(nullptr), i);
      for (const OpRecord* record : {&op, op.vjp_record != nullptr ? op.vjp_record((1u << op.inputs) - 1) : nullptr}) {
        if (record == nullptr) continue;
        const Length one = length(*record, wide);
        all.instructions += one.instructions, all.bytes += one.bytes;
      }
    }
    EXPECT_LE(all.instructions, wide ? 1898u : 2113u);
    EXPECT_LE(all.bytes, 107'000u) << wide;  // 102,866 to 103,730: some are for the alignment of loops
  }
}

// What only AVX-512 has is not made for AVX2.
TEST(JitInstructions, OfAvx2) {
  for (int i = 0; i < PointwiseOps::kCount; ++i) {
    List list = list_of(builtin(static_cast<const PointwiseOps*>(nullptr), i));
    simplify(list, false);
    for (const Instruction& x : list.nodes) {
      EXPECT_TRUE(x.op != Op::scale && x.op != Op::mantissa && x.op != Op::exponent && x.op != Op::or_and) << i;
      EXPECT_EQ(x.mask, -1) << i;
    }
  }
}

// What an instruction is made of, from the last one back; not beyond `end`.
void collect(const List& list, int i, int end, std::set<int>& nodes) {
  if (i < 0 || i == end || is_load(list.nodes[static_cast<size_t>(i)].op) || !nodes.insert(i).second) return;
  for (int x : list.nodes[static_cast<size_t>(i)].operands()) collect(list, x, end, nodes);
}

int find(const List& list, const auto& what) {
  const auto at = std::ranges::find_if(list.nodes, what);
  return at == list.nodes.end() ? -1 : static_cast<int>(at - list.nodes.begin());
}

// Another instruction of the same operands, or another number.
void turn(Instruction& x) {
  constexpr std::pair<Op, Op> kOthers[] = {
      {Op::lt, Op::le},   {Op::eq, Op::ne},   {Op::add, Op::sub}, {Op::bits_add, Op::bits_sub},
      {Op::mul, Op::add}, {Op::sar, Op::shr}, {Op::shl, Op::shr}, {Op::bits_xor, Op::bits_or}};
  if (x.op == Op::constant) x.imm ^= 1;
  if (x.op == Op::select) std::swap(x.b, x.c);
  const Op before = x.op;
  for (auto [a, b] : kOthers)
    if (x.op == before && (x.op == a || x.op == b)) x.op = x.op == a ? b : a;
}

// AVX-512 takes a logarithm's number apart in one instruction each, exponent and mantissa. Whatever differs in one
// place from what math::log_split computes is left as it is.
TEST(JitInstructions, NearlyALogarithm) {
  const List log = list_of(op<Log>());
  auto is_constant = [](const List& list, int i, uint32_t bits) {
    const Instruction& x = list.nodes[static_cast<size_t>(i)];
    return x.op == Op::constant && x.imm == bits;
  };
  // How many of the two were replaced.
  auto replaced = [&](List list) {
    simplify(list, true);
    int readers = 0;
    const int upper = find(list, [&](const Instruction& x) {
      return x.op == Op::le && is_constant(list, x.a, 0x3faaaaabu) &&
             list.nodes[static_cast<size_t>(x.b)].op == Op::mantissa;
    });
    for (const Instruction& x : list.nodes) readers += upper >= 0 && (x.a == upper || x.mask == upper);
    return readers;
  };
  EXPECT_EQ(replaced(log), 2);
  const int exponent = find(log, [&](const Instruction& x) {
    return x.op == Op::select && log.nodes[static_cast<size_t>(x.a)].op == Op::eq &&
           is_constant(log, log.nodes[static_cast<size_t>(x.a)].b, 0x7f800000u);
  });
  const int mantissa = find(log, [&](const Instruction& x) {
    return x.op == Op::select && log.nodes[static_cast<size_t>(x.a)].op == Op::le && is_constant(log, x.c, 0x7fc00000u);
  });
  ASSERT_GE(exponent, 0);
  ASSERT_GE(mantissa, 0);
  std::set<int> nodes;
  collect(log, exponent, -1, nodes);
  collect(log, mantissa, -1, nodes);
  EXPECT_GE(nodes.size(), 20u);
  for (int i : nodes) {
    List other = log;
    turn(other.nodes[static_cast<size_t>(i)]);
    ASSERT_NE(other.nodes[static_cast<size_t>(i)], log.nodes[static_cast<size_t>(i)]);
    EXPECT_LT(replaced(other), 2) << "instruction " << i << " of " << log.nodes.size();
  }
}

// Nor is a product with nearly a power of two that power's scaling.
TEST(JitInstructions, NearlyAPowerOfTwo) {
  const List exp = list_of(op<Exp>());
  auto scales = [](List list) {
    simplify(list, true);
    return std::ranges::count(list.nodes, Op::scale, &Instruction::op);
  };
  EXPECT_EQ(scales(exp), 1);
  const auto at = [&](int i) -> const Instruction& { return exp.nodes[static_cast<size_t>(i)]; };
  const int product = find(exp, [&](const Instruction& x) {
    return x.op == Op::mul && at(x.b).op == Op::shl && at(x.a).op == Op::mul && at(at(x.a).b).op == Op::shl;
  });
  ASSERT_GE(product, 0);
  const int whole = find(exp, [&](const Instruction& x) {
    return x.op == Op::bits_sub && at(x.b).op == Op::constant && at(x.b).imm == 0x4b400000u;
  });
  ASSERT_GE(whole, 0);
  std::set<int> nodes{product, at(product).a};
  collect(exp, at(product).b, at(whole).a, nodes);
  collect(exp, at(at(product).a).b, at(whole).a, nodes);
  EXPECT_GE(nodes.size(), 9u);
  for (int i : nodes) {
    List other = exp;
    turn(other.nodes[static_cast<size_t>(i)]);
    EXPECT_EQ(scales(other), 0) << "instruction " << i << " of " << exp.nodes.size();
  }
}

// Casts between f32 and 16 bits, masks and i32 are machine code; others are the tile executor's.
TEST(JitInstructions, Casts) {
  for (const DType from : {f16, bf16, f32, f64, i32, i64, u8, boolean})
    for (const DType to : {f16, bf16, f32, f64, i32, i64, u8, boolean}) {
      TileProgram program;
      program.clear(1000);
      const int64_t strides[kMaxRank] = {1};
      const Register x = program.add_source(make_source(from, {1000}, strides, {1000}));
      const Register y = program.add_output(to);
      program.add_cast(nullptr, from, to, x, y);
      List list;
      Builder builder(list);
      const Operand operand{0, -1};
      const int output = 0;
      std::vector<int> made;
      std::string reason;
      const bool wanted = (from == f32 && (is_half(to) || to == boolean)) ||
                          (to == f32 && (is_half(from) || from == boolean || from == i32)) ||
                          (from == to && (from == f32 || from == i32));
      EXPECT_EQ(append(builder, program, std::span(&operand, 1), std::span(&output, 1), made, reason), wanted)
          << name(from) << " to " << name(to);
      EXPECT_EQ(reason.empty(), wanted);
    }
}

}  // namespace
}  // namespace duet::cpu::jit
