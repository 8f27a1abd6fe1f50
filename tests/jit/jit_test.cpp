// Machine code against the tile executor: the same bits for every pointwise op and gradient, on both instruction sets,
// for every length, and wherever operands lie.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "cpu/jit/jit.h"
#include "cpu/jit/memory.h"
#include "cpu/segments.h"
#include "duet/duet.h"
#include "expect.h"
#include "jit/jit_test.h"

namespace duet {
namespace {

using cpu::Register;

std::vector<const OpRecord*> all_records() {
  std::vector<const OpRecord*> records;
  for (int i = 0; i < PointwiseOps::kCount; ++i) {
    const OpRecord& op = builtin(static_cast<const PointwiseOps*>(nullptr), i);
    records.push_back(&op);
    if (op.vjp_record == nullptr) continue;
    for (unsigned wanted = 1; wanted < (1u << op.inputs); ++wanted) records.push_back(op.vjp_record(wanted));
  }
  return records;
}

float number(std::mt19937& rng) {
  static const float kSpecial[] = {0.0f,
                                   -0.0f,
                                   1.0f,
                                   -1.0f,
                                   std::numeric_limits<float>::quiet_NaN(),
                                   std::numeric_limits<float>::infinity(),
                                   -std::numeric_limits<float>::infinity(),
                                   1e-40f,
                                   -1e-45f,
                                   3e38f,
                                   -3e38f,
                                   88.7f,
                                   -103.9f,
                                   2e5f,
                                   -1e10f,
                                   0.5f,
                                   11.0f};
  const auto kind = rng() % 8;
  if (kind == 0) return kSpecial[rng() % std::size(kSpecial)];
  if (kind == 1) return std::bit_cast<float>(static_cast<uint32_t>(rng()));
  return std::uniform_real_distribution<float>(-4, 4)(rng);
}

bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a != a && b != b); }

enum class Lies { dense, single, by_row, along_row, strided, outer };
constexpr int kWays = 6;

// A program of two steps: the op, and once more on what it made, where types allow; on operands that lie as said.
struct Sample {
  cpu::TileProgram program;
  std::vector<std::vector<char>> data;
  std::vector<const void*> in;
  std::vector<int> output_bytes;

  Sample(const OpRecord& op, const std::vector<Lies>& lies, int64_t rows, int64_t row, std::mt19937& rng) {
    const Shape space{2, rows, row};
    program.clear(space.numel());
    const DType dtype = ((op.bool_in + 1) >> op.inputs) != 0 && op.bool_in != 0 ? DType::boolean : DType::f32;
    Register from[cpu::kMaxTileInputs], to[cpu::kMaxTileOutputs];
    for (int k = 0; k < op.inputs; ++k) {
      const bool mask = ((op.bool_in >> k) & 1u) != 0;
      const auto numel = static_cast<size_t>(space.numel() * 2 + 1);
      std::vector<char>& bytes = data.emplace_back(numel * (mask ? 1 : 4));
      for (size_t i = 0; i < numel; ++i) {
        const float x = number(rng);
        if (mask)
          bytes[i] = static_cast<char>(rng() % 2);
        else
          std::memcpy(&bytes[i * 4], &x, 4);
      }
      int64_t strides[kMaxRank] = {rows * row, row, 1};
      Shape shape = space;
      switch (lies[static_cast<size_t>(k)]) {
        case Lies::dense:
          break;
        case Lies::single:
          shape = Shape{1, 1, 1};
          break;
        case Lies::by_row:
          shape = Shape{2, rows, 1};
          strides[0] = rows, strides[1] = 1;
          break;
        case Lies::along_row:
          shape = Shape{1, 1, row};
          break;
        case Lies::strided:
          strides[0] = rows * row * 2, strides[1] = row * 2, strides[2] = 2;
          break;
        case Lies::outer:
          shape = Shape{1, rows, 1};
          strides[1] = 1;
          break;
      }
      from[k] = program.add_source(cpu::make_source(mask ? DType::boolean : DType::f32, shape, strides, space));
    }
    for (const auto& bytes : data) in.push_back(bytes.data());
    for (int k = 0; k < op.outputs; ++k) {
      to[k] = program.add_output(op.bool_out ? DType::boolean : DType::f32);
      output_bytes.push_back(op.bool_out ? 1 : 4);
    }
    program.add_op(op, dtype, from, to);
  }

  std::vector<std::vector<char>> run(const cpu::jit::Kernel* kernel, int64_t begin, int64_t n) const {
    std::vector<std::vector<char>> results;
    std::vector<void*> out;
    for (int bytes : output_bytes)
      results.emplace_back(static_cast<size_t>(program.numel + 8) * static_cast<size_t>(bytes), 77);
    for (auto& r : results) out.push_back(r.data());
    if (kernel != nullptr)
      kernel->run(program, in.data(), out.data(), begin, n);
    else
      cpu::run_tiles(program, in.data(), out.data(), begin, n);
    return results;
  }

  std::string difference() const {
    std::string reason;
    const cpu::jit::Kernel kernel(program, {}, reason);
    if (!kernel) return "not compiled: " + reason;
    const int64_t n = program.numel;
    for (auto [begin, count] : {std::pair<int64_t, int64_t>{0, n}, {n / 3, n / 2}}) {
      const auto expected = run(nullptr, begin, count), got = run(&kernel, begin, count);
      for (size_t k = 0; k < expected.size(); ++k)
        for (size_t i = 0; i < expected[k].size() / static_cast<size_t>(output_bytes[k]); ++i) {
          if (output_bytes[k] == 1) {
            if (expected[k][i] != got[k][i])
              return fmt::format("output {} at {}: {} {}", k, i, expected[k][i], got[k][i]);
            continue;
          }
          float a, b;
          std::memcpy(&a, &expected[k][i * 4], 4);
          std::memcpy(&b, &got[k][i * 4], 4);
          if (!same(a, b)) return fmt::format("output {} at {} of {}: {} is to be {}", k, i, n, b, a);
        }
    }
    return "";
  }
};

TEST_F(JitTest, EveryOpAndGradientHasTheSameBits) {
  std::mt19937 rng(7);
  std::vector<int64_t> rows_of;
  for (int64_t n = 1; n <= 70; ++n) rows_of.push_back(n);
  for (int64_t n : {0, 255, 256, 257, 511, 512, 513, 4097}) rows_of.push_back(n);
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (const OpRecord* op : all_records()) {
      if (!contains(op->accepts, DType::f32) && op->bool_in == 0) continue;
      for (int64_t row : rows_of) {
        const std::vector<Lies> dense(static_cast<size_t>(op->inputs), Lies::dense);
        const std::string wrong = Sample(*op, dense, 1, row, rng).difference();
        ASSERT_EQ(wrong, "") << op->name << " " << op->vjp_mask << ", rows of " << row << ", " << isa;
      }
      for (int64_t row : {1, 3, 8, 10, 17, 33, 600})
        for (int round = 0; round < kWays; ++round) {
          std::vector<Lies> lies;
          for (int k = 0; k < op->inputs; ++k)
            lies.push_back(static_cast<Lies>(k == 0 ? round : static_cast<int>(rng() % kWays)));
          const std::string wrong = Sample(*op, lies, 5, row, rng).difference();
          ASSERT_EQ(wrong, "") << op->name << " " << op->vjp_mask << ", rows of " << row << ", " << isa << ", round "
                               << round;
        }
    }
  }
}

// More values alive at once than there are registers.
TEST_F(JitTest, SpillsWhatRegistersDoNotHold) {
  auto f = [](const Tensor& x) {
    std::vector<Tensor> kept, masks;
    for (int i = 0; i < 50; ++i) {
      kept.push_back(x * (0.1f + static_cast<float>(i)) + x);
      masks.push_back(kept.back() > 0.5f * static_cast<float>(i));
    }
    Tensor y = x;
    for (size_t i = 50; i-- > 0;) y = where(masks[i], y + kept[i], y * kept[49 - i]);
    return y;
  };
  std::mt19937 rng(3);
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (int64_t n : {1, 7, 16, 33, 1000}) {
      std::vector<float> x(static_cast<size_t>(n));
      for (float& v : x) v = std::uniform_real_distribution<float>(-1, 1)(rng);
      const Tensor t = from_vector(x, {n});
      EXPECT_EQ(expect::tree_bits(compile(f)(t)), expect::tree_bits(f(t))) << n << " " << isa;
    }
  }
}

// Programs whose values live on long: those that are read from the stack for the last time, beside full registers.
TEST_F(JitTest, RandomProgramsHaveTheSameBits) {
  std::mt19937 rng(1);
  const OpRecord* const ops[] = {&op<Add>(),     &op<Mul>(),  &op<Sub>(), &op<Neg>(),
                                 &op<Maximum>(), &op<Sqrt>(), &op<Exp>()};
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (int round = 0; round < 500; ++round) {
      constexpr int64_t kN = 37;
      const int64_t strides[kMaxRank] = {1};
      cpu::TileProgram program;
      program.clear(kN);
      std::vector<Register> values, masks;
      std::vector<std::vector<float>> data(1 + rng() % 6, std::vector<float>(kN));
      for (auto& elements : data) {
        values.push_back(program.add_source(cpu::make_source(DType::f32, {kN}, strides, {kN})));
        for (float& x : elements) x = std::uniform_real_distribution<float>(-2, 2)(rng);
      }
      const size_t reach = 5 + rng() % 60;
      auto any = [&] { return values[values.size() - 1 - rng() % std::min(reach, values.size())]; };
      for (size_t step = 20 + rng() % 150; step-- > 0;) {
        const auto kind = rng() % 10;
        const bool is_mask = kind == 0, is_where = kind == 1 && !masks.empty();
        const Register first = is_where ? masks[rng() % masks.size()] : any();
        const Register in[] = {first, any(), any()};
        const Register out = !is_mask && rng() % 12 == 0 ? program.add_output(DType::f32) : program.add_temporary();
        const OpRecord& op = is_mask ? duet::op<Lt>() : is_where ? duet::op<Where>() : *ops[rng() % std::size(ops)];
        program.add_op(op, DType::f32, in, &out);
        (is_mask ? masks : values).push_back(out);
      }
      for (size_t k = 0; k < 10; ++k) {
        const Register in[] = {values[values.size() - 1 - k], any()}, out = program.add_output(DType::f32);
        program.add_op(op<Sub>(), DType::f32, in, &out);
      }
      auto run = [&](const cpu::jit::Kernel* kernel) {
        std::vector<std::vector<float>> results(program.output_bytes.size(), std::vector<float>(kN));
        std::vector<const void*> in;
        std::vector<void*> out;
        for (const auto& elements : data) in.push_back(elements.data());
        for (auto& r : results) out.push_back(r.data());
        kernel != nullptr ? kernel->run(program, in.data(), out.data(), 0, kN)
                          : cpu::run_tiles(program, in.data(), out.data(), 0, kN);
        return results;
      };
      std::string reason;
      const cpu::jit::Kernel kernel(program, {}, reason);
      ASSERT_TRUE(kernel) << reason;
      const auto expected = run(nullptr), got = run(&kernel);
      for (size_t k = 0; k < expected.size(); ++k)
        for (size_t i = 0; i < kN; ++i)
          ASSERT_TRUE(same(expected[k][i], got[k][i])) << isa << ", round " << round << ", output " << k << " at " << i;
    }
  }
}

// A result may lie where an operand does whose last reader is an earlier step, also when that reader is merged into a
// later instruction.
TEST_F(JitTest, OperandsAreReadBeforeResultsTakeTheirPlace) {
  constexpr int64_t kN = 40;
  const int64_t strides[kMaxRank] = {1};
  cpu::TileProgram program;
  program.clear(kN);
  Register in[3];
  for (Register& r : in) r = program.add_source(cpu::make_source(DType::f32, {kN}, strides, {kN}));
  const Register minus = program.add_temporary(), in_place = program.add_output(DType::f32),
                 sum = program.add_output(DType::f32);
  program.add_op(op<Neg>(), DType::f32, &in[0], &minus);
  program.add_op(op<Sqrt>(), DType::f32, &in[1], &in_place);
  const Register both[] = {in[2], minus};
  program.add_op(op<Add>(), DType::f32, both, &sum);
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    std::vector<float> a(kN, 3), b(kN, 4), c(kN, 10), result(kN);
    std::string reason;
    const void* const data[] = {a.data(), b.data(), c.data()};
    void* const out[] = {a.data(), result.data()};
    cpu::jit::Kernel(program, {}, reason).run(program, data, out, 0, kN);
    EXPECT_EQ(a, std::vector<float>(kN, 2)) << isa;
    EXPECT_EQ(result, std::vector<float>(kN, 7)) << isa;
  }
}

// Code is shared by equal programs of any shape, and goes with the last function that has it.
TEST_F(JitTest, CodeGoesWithItsFunctions) {
  const size_t codes = cpu::jit::codes(), bytes = cpu::jit::mapped_bytes();
  {
    auto f = compile([](const Tensor& x) { return tanh(x * 2.0f + x) * x; });
    auto g = compile([](const Tensor& x) { return tanh(x * 2.0f + x) * x; });
    f(ones({3, 5}));
    EXPECT_EQ(cpu::jit::codes(), codes + 1);
    f(ones({7}));
    g(ones({1000}));
    EXPECT_EQ(cpu::jit::codes(), codes + 1);
    EXPECT_GT(cpu::jit::mapped_bytes(), bytes);
  }
  EXPECT_EQ(cpu::jit::codes(), codes);
  EXPECT_EQ(cpu::jit::mapped_bytes(), bytes);
}

// Hardened systems give no executable memory: the tile executor runs everything then, and explain says so.
TEST_F(JitTest, WithoutExecutableMemoryTilesRun) {
  auto f = [](const Tensor& x) { return std::pair(softmax(x), sum(tanh(x) * 2.0f, 0)); };
  const Tensor x = reshape(arange(600), {3, 200}) * 0.01f;
  const std::string expected = expect::tree_bits(compile(f)(x));
  const size_t codes = cpu::jit::codes(), bytes = cpu::jit::mapped_bytes();
  cpu::jit::refuse_memory(true);
  auto g = compile(f);
  EXPECT_EQ(expect::tree_bits(g(x)), expected);
  const std::string page = to_string(explain(f, x));
  cpu::jit::refuse_memory(false);
  EXPECT_EQ(cpu::jit::codes(), codes);
  EXPECT_EQ(cpu::jit::mapped_bytes(), bytes);
  EXPECT_NE(page.find("(the system gives no executable memory)"), std::string::npos) << page;
  EXPECT_EQ(page.find("machine code"), std::string::npos) << page;
}

// What a plan keeps includes its code.
TEST_F(JitTest, PlansCountTheirCode) {
  auto bytes = [](auto f) {
    auto compiled = compile(f);
    compiled(ones({3, 200}));
    return compiled.cache().plans().at(0)->size_bytes();
  };
  auto with_code = bytes([](const Tensor& x) { return tanh(x) * softmax(x); });
  cpu::jit::set_enabled(false);
  EXPECT_LT(bytes([](const Tensor& x) { return tanh(x) * softmax(x); }), with_code);
}

TEST_F(JitTest, SwitchedOffNothingIsCompiled) {
  cpu::jit::set_enabled(false);
  const size_t codes = cpu::jit::codes();
  auto f = compile([](const Tensor& x) { return exp(x * 2.0f) + x; });
  const Tensor x = ones({100});
  const std::string without = expect::tree_bits(f(x));
  EXPECT_EQ(cpu::jit::codes(), codes);
  cpu::jit::set_enabled(true);
  auto g = compile([](const Tensor& x) { return exp(x * 2.0f) + x; });
  EXPECT_EQ(expect::tree_bits(g(x)), without);
  EXPECT_EQ(cpu::jit::codes(), codes + 1);
}

}  // namespace
}  // namespace duet
