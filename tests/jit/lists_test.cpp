// Random lists of instructions against their definitions, element by element: constants and values beside registers
// that are all taken, and multiply-adds, whose instruction overwrites one of its operands.
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "cpu/jit/list.h"
#include "jit/jit_test.h"

namespace duet {
namespace {

using namespace cpu::jit;

constexpr int64_t kN = 37;
using Elements = std::array<float, kN>;

float value_of(const Instruction& x, float a, float b, float c) {
  switch (x.op) {
    case Op::add:
      return a + b;
    case Op::sub:
      return a - b;
    case Op::mul:
      return a * b;
    case Op::div:
      return a / b;
    case Op::fma:
      return std::fma(a, b, c);
    default:
      return std::bit_cast<float>(x.imm);
  }
}

TEST_F(JitTest, RandomListsAreWhatTheySay) {
  std::mt19937 rng(3);
  auto up_to = [&](size_t n) { return static_cast<int>(rng() % n); };
  std::uniform_real_distribution<float> number(-1, 1);
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (int round = 0; round < 500; ++round) {
      List list;
      list.sources = 2, list.outputs = 3;
      list.uniform.assign(2, 0), list.ahead.assign(2, 0);
      list.of_row.assign(3, 0), list.claim.assign(3, 0), list.past.assign(3, 0);
      Builder builder(list);
      std::vector<int> values, constants;
      for (int k = up_to(50); k >= 0; --k) constants.push_back(builder.constant(std::bit_cast<uint32_t>(number(rng))));
      for (uint32_t k = 0; k < 2; ++k) values.push_back(builder.add(Op::load, -1, -1, -1, k));
      const size_t reach = 2 + rng() % 60;
      const auto any = [&] {
        return rng() % 3 == 0 ? constants[rng() % constants.size()]
                              : values[values.size() - 1 - rng() % std::min(reach, values.size())];
      };
      for (int step = 10 + up_to(120); step > 0; --step) {
        static constexpr Op kOps[] = {Op::add, Op::sub, Op::mul, Op::fma, Op::fma, Op::div};
        const Op op = kOps[rng() % std::size(kOps)];
        const int a = any(), b = any(), c = op == Op::fma ? any() : -1;
        values.push_back(builder.add(op, a, b, c));
      }
      for (uint32_t k = 0; k < 3; ++k) list.nodes.push_back({Op::store, any(), -1, -1, k});

      Elements in[2], out[3], expected[3];
      for (Elements& x : in)
        for (float& e : x) e = number(rng);
      std::vector<Elements> made(list.nodes.size());
      for (size_t i = 0; i < list.nodes.size(); ++i) {
        const Instruction& x = list.nodes[i];
        const auto operand = [&](int k, int64_t e) { return k < 0 ? 0.0f : made[static_cast<size_t>(k)][size_t(e)]; };
        for (int64_t e = 0; e < kN; ++e)
          made[i][size_t(e)] = x.op == Op::load    ? in[x.imm][size_t(e)]
                               : x.op == Op::store ? operand(x.a, e)
                                                   : value_of(x, operand(x.a, e), operand(x.b, e), operand(x.c, e));
        if (x.op == Op::store) expected[x.imm] = made[i];
      }
      std::string reason;
      const Codes codes = compile(std::span(&list, 1), reason);
      ASSERT_NE(codes.any, nullptr) << reason;
      std::vector<Stream> streams;
      for (Elements& x : in) streams.push_back({reinterpret_cast<char*>(x.data()), 0});
      for (Elements& x : out) streams.push_back({reinterpret_cast<char*>(x.data()), 0});
      (*codes.any)(streams.data(), 1, kN);
      for (int k = 0; k < 3; ++k)
        for (size_t e = 0; e < kN; ++e) {
          const float a = expected[k][e], b = out[k][e];
          if (a != a && b != b) continue;
          ASSERT_EQ(std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(b)) << isa << ", round " << round << ", " << k;
        }
    }
  }
}

}  // namespace
}  // namespace duet
