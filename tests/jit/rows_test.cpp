// Machine code for whole rows against eager kernels: the same bits for every length of rows, with what rows and columns
// are reduced to, on both instruction sets and several threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "cpu/jit/jit.h"
#include "cpu/reduce.h"
#include "cpu/segments.h"
#include "cpu/threads.h"
#include "duet/duet.h"
#include "expect.h"
#include "graph/execute.h"
#include "jit/jit_test.h"

namespace duet {
namespace {

struct JitRowsTest : JitTest {
  std::mt19937 rng{5};

  // Numbers, with one of the special ones in every so many elements.
  Tensor numbers(const Shape& shape, int64_t special_in = 0) {
    static const float kSpecial[] = {std::numeric_limits<float>::quiet_NaN(),
                                     std::numeric_limits<float>::infinity(),
                                     -std::numeric_limits<float>::infinity(),
                                     -0.0f,
                                     1e-42f,
                                     3e38f};
    std::vector<float> x(static_cast<size_t>(shape.numel()));
    for (float& v : x) {
      v = std::uniform_real_distribution<float>(-3, 3)(rng);
      if (special_in > 0 && static_cast<int64_t>(rng() % static_cast<size_t>(special_in)) == 0)
        v = kSpecial[rng() % std::size(kSpecial)];
    }
    return from_vector(x, shape);
  }
  Tensor labels(int64_t rows, int64_t classes) {
    std::vector<int32_t> y(static_cast<size_t>(rows));
    for (int32_t& v : y) v = static_cast<int32_t>(rng() % static_cast<size_t>(classes));
    return from_vector(y, {rows});
  }
};

using Tensors = std::vector<Tensor>;
using Program = Tensors (*)(const Tensor& x, const Tensor& y, const Tensor& g, const Tensor& b, const Tensor& labels);

Tensors layer_norm_of(const Tensor& x, const Tensor&, const Tensor& g, const Tensor& b, const Tensor&) {
  return {layer_norm(x, g, b)};
}
Tensors layer_norm_gradient(const Tensor& x, const Tensor& y, const Tensor& g, const Tensor& b, const Tensor&) {
  auto loss = [&](const std::tuple<Tensor, Tensor, Tensor>& p) {
    return sum(layer_norm(std::get<0>(p), std::get<1>(p), std::get<2>(p)) * y);
  };
  auto [dx, dg, db] = grad(loss)(std::tuple(x, g, b));
  return {dx, dg, db};
}
Tensors softmax_of(const Tensor& x, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {
  return {softmax(x), log_softmax(x * 2.0f)};
}
Tensors softmax_gradient(const Tensor& x, const Tensor& y, const Tensor&, const Tensor&, const Tensor&) {
  return {grad([&](const Tensor& z) { return sum(softmax(z) * y); })(x)};
}
Tensors cross_entropy_gradient(const Tensor& x, const Tensor&, const Tensor&, const Tensor&, const Tensor& labels) {
  auto [loss, dx] = value_and_grad([&](const Tensor& z) { return cross_entropy(z, labels); })(x);
  return {loss, dx};
}
Tensors all_kinds(const Tensor& x, const Tensor& y, const Tensor& g, const Tensor&, const Tensor&) {
  const Tensor a = x * g, highest = max(a, ReduceOver{-1, true});
  const Tensor b = a - highest, lowest = min(b + y, ReduceOver{-1, true});
  const Tensor c = b * lowest;
  return {prod(c, -1), max(c, 0), min(c * y, 0), sum(c, 0), where(c > 0.0f, c, highest), c < lowest};
}
Tensors angles(const Tensor& x, const Tensor& y, const Tensor&, const Tensor&, const Tensor&) {
  const Tensor a = sin(x * 1e5f);
  return {a - mean(a, ReduceOver{-1, true}), sum(cos(a + y), 0)};
}

constexpr std::pair<const char*, Program> kPrograms[] = {{"layer_norm", layer_norm_of},
                                                         {"layer_norm_gradient", layer_norm_gradient},
                                                         {"softmax", softmax_of},
                                                         {"softmax_gradient", softmax_gradient},
                                                         {"cross_entropy_gradient", cross_entropy_gradient},
                                                         {"all_kinds", all_kinds},
                                                         {"angles", angles}};

// The first element that differs; NaNs are the same.
std::string difference(const Tensors& got, const Tensors& expected) {
  for (size_t k = 0; k < got.size(); ++k) {
    const std::vector<float> a = got[k].to(f32).to_vector<float>(), b = expected[k].to(f32).to_vector<float>();
    for (size_t i = 0; i < a.size(); ++i)
      if (std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i]) && (a[i] == a[i] || b[i] == b[i]))
        return fmt::format("output {} at {} of {}: {} is to be {}", k, i, a.size(), a[i], b[i]);
  }
  return "";
}

TEST_F(JitRowsTest, EveryLengthHasTheSameBits) {
  std::vector<int64_t> lengths{0, 1, 2, 7, 10, 63, 255, 256, 257, 511, 513, 768, 1000, 4095, 4096, 4097};
  for (int64_t n = 64; n <= 145; ++n) lengths.push_back(n);
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (const auto& [name, program] : kPrograms)
      for (int64_t n : lengths)
        for (int64_t special_in : {0, 400}) {
          if (n == 0 && program != layer_norm_of) continue;  // maxima of nothing are refused
          const int64_t rows = n > 600 ? 5 : 67;
          const Tensor x = numbers({rows, n}, special_in), y = numbers({rows, n}), g = numbers({n}), b = numbers({n});
          const Tensor classes = labels(rows, std::max<int64_t>(n, 1));
          ASSERT_EQ(difference(compile(program)(x, y, g, b, classes), program(x, y, g, b, classes)), "")
              << name << ", rows of " << n << ", " << isa << ", special numbers in " << special_in;
        }
  }
}

// Operands that follow the rows in every way, and some that do not: those leave the segment to its passes.
TEST_F(JitRowsTest, OperandsLieAsTheyLike) {
  auto program = [](const Tensor& x, const Tensor& y) {
    const Tensor a = x * 2.0f + y;
    const Tensor b = exp(a - max(a, ReduceOver{-1, true})) * y;
    return Tensors{b / sum(b, ReduceOver{-1, true}), sum(b, ReduceOver{.axis = {0, 1}}), b > y};
  };
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (const int64_t n : {64, 100, 129, 1024}) {
      const Tensor x = numbers({4, 9, n});
      const Tensor others[] = {numbers({4, 9, n}),
                               numbers({9, n}),
                               numbers({n}),
                               numbers({4, 1, n}),
                               numbers({4, 9, 1}),
                               numbers({9, 1}),
                               numbers({4, 1, 1}),
                               numbers({}),
                               numbers({1, 1, 1}),
                               transpose(numbers({4, n, 9}), {0, 2, 1}),
                               numbers({4, 9, 2 * n}).slice(2, 0, 2 * n, 2)};
      for (const Tensor& y : others)
        for (const int threads : {1, 2}) {
          cpu::set_threads(threads);
          ASSERT_EQ(difference(compile(program)(x, y), program(x, y)), "")
              << fmt::format("{}", y.spec()) << ", rows of " << n << ", " << isa;
        }
    }
  }
}

// A result in the place of an operand that nobody else has.
TEST_F(JitRowsTest, RowsTakeTheirOperandsPlace) {
  auto program = [](Tensor& x, const Tensor& g) { x = layer_norm(x, g, 0.5f) * softmax(x); };
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (const int64_t n : {64, 131, 768}) {
      Tensor x = numbers({70, n}), y = from_vector(x.to_vector<float>(), {70, n});
      const Tensor g = numbers({n});
      auto compiled = compile(program);
      for (int step = 0; step < 3; ++step) {
        compiled(x, g);
        program(y, g);
        ASSERT_EQ(difference({x}, {y}), "") << "rows of " << n << ", step " << step << ", " << isa;
      }
    }
  }
}

// Rows of any length, unless they are reduced: then up to a chunk.
TEST_F(JitRowsTest, LongRows) {
  auto in_code = [](const auto& f, const Tensor& x) {
    auto compiled = compile(f);
    compiled(x);
    const std::vector<cpu::Segment>& segments = compiled.cache().plans().at(0)->executable().launches.at(0).segments;
    return static_cast<bool>(segments.at(0).code);
  };
  auto columns = [](const Tensor& x) { return sum(x * x, 0); };
  auto rows = [](const Tensor& x) { return sum(x * x, -1); };
  for (const int64_t n : {cpu::kReduceChunk, cpu::kReduceChunk + 16}) {
    EXPECT_TRUE(in_code(columns, numbers({300, n}))) << n;
    EXPECT_EQ(in_code(rows, numbers({300, n})), n <= cpu::kReduceChunk);
  }
}

// 32 MiB and more go past the caches, unless the program reads them again.
TEST_F(JitRowsTest, WhatGoesPastTheCaches) {
  auto past = [](const auto& f, int64_t n) {
    auto compiled = compile(f);
    compiled(ones({n}));
    const graph::Launch& launch = compiled.cache().plans().at(0)->executable().launches.at(0);
    return launch.segments.at(0).stages.at(0).elements.out.at(0).past;
  };
  auto chain = [](const Tensor& x) { return x * 2.0f + 1.0f; };
  const int64_t n = cpu::kPastCaches / 4;
  EXPECT_FALSE(past(chain, n - 1));
  EXPECT_TRUE(past(chain, n));
}

// Large results are written past the caches where they lie on a cache line's boundary.
TEST_F(JitRowsTest, LargeResultsHaveTheSameBits) {
  auto chain = [](const Tensor& x) { return Tensors{(x * 2.0f + 1.0f) * x}; };
  auto rows = [](const Tensor& x) { return Tensors{softmax(x)}; };
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (const Shape& shape : {Shape{8400, 1024}, Shape{8400, 1021}}) {
      const Tensor x = numbers(shape);
      ASSERT_GE(x.size_bytes(), cpu::kPastCaches);
      EXPECT_EQ(difference(compile(chain)(x), chain(x)), "") << isa;
      EXPECT_EQ(difference(compile(rows)(x), rows(x)), "") << isa;
    }
  }
}

}  // namespace
}  // namespace duet
