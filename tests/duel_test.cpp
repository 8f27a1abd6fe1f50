#include "duet/duel.h"

#include <fmt/format.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "duet/core/machine.h"
#include "duet/data/progress.h"
#include "duet/optim/adam.h"

using namespace duet;

namespace {

const DuelOptions kShort{.min_calls = 4, .max_calls = 4};

TEST(Duel, ComparesTheThreeLives) {
  Tensor x = from_vector(std::vector<float>(1000, 0.5f), {10, 100}),
         b = from_vector(std::vector<float>(100, 0.25f), {100});
  DuelReport r = duel(
      kShort, [](const Tensor& x, const Tensor& b) { return gelu(x + b); }, x, b);
  ASSERT_EQ(r.lives.size(), 3u);
  const LifeReport &eager = r.lives[0], &compiled = r.lives[1], &frozen = r.lives[2];
  EXPECT_EQ(eager.name, "eager");
  EXPECT_EQ(compiled.name, "compiled");
  EXPECT_EQ(frozen.name, "frozen");
  EXPECT_TRUE(r.bits_equal());
  for (const LifeReport& l : r.lives) {
    EXPECT_EQ(l.call_us.n, 3u) << l.name;
    EXPECT_LE(l.call_us.min, l.call_us.median);
    EXPECT_LE(l.call_us.median, l.call_us.p95);
    EXPECT_GT(l.first.total_ms, 0);
    EXPECT_NEAR(l.first.total_ms, l.first.trace_ms + l.first.passes_ms + l.first.plan_ms + l.first.run_ms, 1e-9)
        << l.name;
  }
  EXPECT_EQ(eager.operations, 2);
  EXPECT_EQ(compiled.operations, 2);
  EXPECT_EQ(frozen.operations, 0);
  EXPECT_EQ(eager.kernels, 2);
  EXPECT_EQ(compiled.kernels, 1);
  EXPECT_EQ(frozen.kernels, 1);
  EXPECT_EQ(eager.bytes, 4 * (1000 + 100 + 1000 + 1000 + 1000));
  EXPECT_EQ(compiled.bytes, 4 * (1000 + 100 + 1000));
  EXPECT_EQ(frozen.bytes, compiled.bytes);
  EXPECT_EQ(eager.first.trace_ms, 0);
  EXPECT_GT(compiled.first.passes_ms, 0);
  EXPECT_GT(compiled.first.plan_ms, 0);
  EXPECT_GT(compiled.first.run_ms, 0);
}

TEST(Duel, EachLifeHasArgumentsOfItsOwn) {
  Tensor p = from_vector<float>({1, 2, 3}, {3}), kept = p;
  DuelReport r = duel(
      kShort,
      [](Tensor& p, const Tensor& g, float lr) {
        p = p - g * lr;
        return sum(p);
      },
      p, from_vector<float>({1, 1, 1}, {3}), 0.5f);
  EXPECT_TRUE(r.bits_equal()) << to_string(r);
  EXPECT_EQ(p.to_vector(), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(&p.block(), &kept.block());
}

TEST(Duel, SaysWhatDiffers) {
  int calls = 0;  // shared by the lives: each sees another number
  DuelReport r = duel(
      DuelOptions{.min_calls = 1, .max_calls = 1},
      [&calls](const Tensor& x) {
        return std::pair{x, x + ++calls};
      },
      from_vector<float>({1}, {1}));
  EXPECT_FALSE(r.bits_equal());
  EXPECT_EQ(r.lives[1].difference, "result 1");
  EXPECT_NE(to_string(r).find("compiled: result 1 differs from eager\n"), std::string::npos) << to_string(r);
  EXPECT_NE(to_string(r).find("bits equal: NO\n"), std::string::npos);

  int steps = 0;
  r = duel(
      DuelOptions{.min_calls = 1, .max_calls = 1}, [&steps](Tensor& x) { x = x + ++steps; },
      from_vector<float>({1}, {1}));
  EXPECT_EQ(r.lives[1].difference, "argument 0");
}

TEST(Duel, AFrozenLifeThatCannotBeIsReported) {
  DuelReport r = duel(
      kShort, [](const Tensor& x) { return sum(x).item() > 0 ? x * 2 : x; }, from_vector<float>({1, 2}, {2}));
  EXPECT_TRUE(r.bits_equal());
  EXPECT_TRUE(r.lives[1].refused.empty());
  EXPECT_EQ(r.lives[2].refused.find("item: a frozen function has no values while it is traced"), 0u)
      << r.lives[2].refused;
  EXPECT_NE(to_string(r).find("frozen: refused: item"), std::string::npos) << to_string(r);
  EXPECT_EQ(speedups(r).find("frozen"), std::string::npos);
}

TEST(Duel, AblateLeavesOutOnePassAtATime) {
  Tensor x = from_vector(std::vector<float>(64, 0.5f), {64});
  DuelReport r = ablate(
      kShort, [](const Tensor& x) { return exp(x) * exp(x) + sqrt(sum(x)); }, x);
  std::vector<std::string> names;
  for (const LifeReport& l : r.lives) names.push_back(l.name);
  std::vector<std::string> expected{"all passes"};
  for (const graph::Pass& p : graph::passes()) expected.push_back("without " + std::string(p.name));
  expected.push_back("without plan_memory");
  EXPECT_EQ(names, expected);
  EXPECT_TRUE(r.bits_equal());
  for (const LifeReport& l : r.lives)
    if (l.name == "without fuse") {
      EXPECT_GT(l.kernels, r.lives[0].kernels);
    }
}

LifeReport life(std::string name, double us, int64_t kernels) {
  LifeReport l;
  l.name = std::move(name);
  l.first = {1, 0.5, 0.25, 0.125, 0.125};
  l.call_us = {us - 1, us, us + 1, 1234};
  l.kernels = kernels;
  l.allocations = 7;
  l.bytes = 1234567;
  l.peak_bytes = 1000;
  return l;
}

TEST(Duel, Prints) {
  DuelReport r{{life("eager", 30, 52), life("compiled", 20, 30)}};
  r.lives[1].arena_bytes = r.lives[1].lower_bound_bytes = 84160;
  for (LifeReport& l : r.lives) l.more = {{"accuracy", "0.91"}};
  EXPECT_EQ(fmt::format("{}", r),
            "          accuracy  first call ms  = trace  + passes  + plan  + run  µs min  median   p95  calls\n"
            "eager         0.91          1.000    0.500     0.250   0.125  0.125    29.0    30.0  31.0  1,234\n"
            "compiled      0.91          1.000    0.500     0.250   0.125  0.125    19.0    20.0  21.0  1,234\n"
            "\n"
            "          kernels  allocations      bytes  peak bytes  arena bytes  lower bound\n"
            "eager          52            7  1,234,567       1,000            -            -\n"
            "compiled       30            7  1,234,567       1,000       84,160       84,160\n"
            "\n"
            "bits equal: yes\n"
            "eager 30.0 µs · compiled 1.50x");
  r.lives[1].difference = "result";
  EXPECT_EQ(differences(r),
            "          Δkernels     Δbytes  Δpeak bytes  Δµs (median)    bits\n"
            "eager           52  1,234,567        1,000          30.0\n"
            "compiled       -22          0            0         -10.0  DIFFER\n");
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(-999), "-999");
  EXPECT_EQ(with_commas(-1000), "-1,000");
  EXPECT_EQ(with_commas(1234567890), "1,234,567,890");
}

TEST(Duel, MeterCountsCalls) {
  Tensor x = from_vector(std::vector<float>(3000, 1), {3000});
  Meter meter("sum of two");
  for (int i = 0; i < 3; ++i) {
    Tensor y = meter([&] { return x + x; });
    EXPECT_EQ(y.numel(), 3000);
  }
  LifeReport r = meter.report();
  EXPECT_EQ(r.name, "sum of two");
  EXPECT_EQ(r.operations, 1);
  EXPECT_EQ(r.kernels, 1);
  EXPECT_EQ(r.bytes, 3 * 12000);
  EXPECT_EQ(r.allocations, 2);  // header and storage
  EXPECT_GE(r.peak_bytes, 12000);
  EXPECT_LE(r.peak_bytes, 12000 * 5 / 4 + 512);
  EXPECT_EQ(r.call_us.n, 2u);
  EXPECT_EQ(Meter("none").report().call_us.n, 0u);
  Meter once("once");
  once([&] { return x + x; });
  EXPECT_EQ(once.report().kernels, 1);
}

TEST(Duel, TimesAreSummarised) {
  std::vector<double> us;
  for (int i = 100; i >= 1; --i) us.push_back(i);
  Times t = summarize(us);
  EXPECT_EQ(t.min, 1);
  EXPECT_EQ(t.median, 51);
  EXPECT_EQ(t.p95, 96);
  EXPECT_EQ(t.n, 100u);
  EXPECT_EQ(summarize({}).n, 0u);
  EXPECT_EQ(summarize({5}).p95, 5);
}

TEST(Duel, BitsAreEqualOrNot) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Tensor a = from_vector<float>({0, nan, 1}, {3});
  EXPECT_TRUE(same_bits(a, from_vector<float>({0, -nan, 1}, {3})));
  EXPECT_FALSE(same_bits(a, from_vector<float>({-0.0f, nan, 1}, {3})));
  EXPECT_FALSE(same_bits(a, from_vector<float>({0, nan, std::nextafter(1.0f, 2.0f)}, {3})));
  EXPECT_FALSE(same_bits(a, from_vector<float>({0, nan, 1}, {3, 1})));
  EXPECT_FALSE(same_bits(from_vector<int32_t>({1}, {1}), from_vector<int64_t>({1}, {1})));
  EXPECT_TRUE(same_bits(Tensor(), Tensor()));
  EXPECT_FALSE(same_bits(Tensor(), a));
  Tensor m = from_vector<double>({1, 2, 3, 4}, {2, 2});
  EXPECT_TRUE(same_bits(m.transpose(), from_vector<double>({1, 3, 2, 4}, {2, 2})));
  EXPECT_TRUE(same_bits(zeros({0, 3}), zeros({0, 3})));
}

TEST(Duel, HashesAreOfDTypesShapesAndBits) {
  struct Pair {
    Tensor a, b;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto of = [](std::vector<float> x, Shape s) { return from_vector(x, s); };
  const std::string h = bits_hash(Pair{of({1, nan}, {2}), of({3}, {1})});
  EXPECT_EQ(h.size(), 16u);
  EXPECT_EQ(h.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(h, bits_hash(Pair{of({1, -nan}, {2}), of({3}, {1})}));
  EXPECT_NE(h, bits_hash(Pair{of({1, nan}, {2}), of({4}, {1})}));
  EXPECT_NE(h, bits_hash(Pair{of({1, nan}, {2, 1}), of({3}, {1})}));
  EXPECT_NE(h, bits_hash(Pair{of({3}, {1}), of({1, nan}, {2})}));
  EXPECT_NE(bits_hash(zeros({2}, i32)), bits_hash(zeros({2}, f32)));
  EXPECT_NE(bits_hash(of({0}, {1})), bits_hash(of({-0.0f}, {1})));
}

TEST(Duel, ProgressIsQuietInAPipe) {
  testing::internal::CaptureStderr();
  {
    data::Progress progress("training", 3);
    for (int i = 0; i < 3; ++i) progress.step("epoch 1");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Duel, TheMachineIsNamed) {
  set_threads(1);
  EXPECT_EQ(threads(), 1);
  Machine m = machine();
  EXPECT_EQ(m.threads, 1);
  EXPECT_FALSE(m.cpu.empty());
  EXPECT_EQ(to_string(Machine{"A CPU", "v3", 1, "g++ 12.2.0", "Release"}),
            "A CPU · v3 kernels · 1 thread · g++ 12.2.0 · Release");
  EXPECT_EQ(to_string(Machine{"A CPU", "v3", 2, "g++ 12.2.0", "Release"}),
            "A CPU · v3 kernels · 2 threads · g++ 12.2.0 · Release");
  set_threads(0);
  EXPECT_GE(threads(), 1);
}

}  // namespace
