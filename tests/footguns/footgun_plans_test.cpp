// When plans are made anew: shapes, types, numbers of the program, loops over sizes. Each test says what eager,
// compiled and frozen do.
#include "expect.h"

namespace duet {
namespace {

using expect::bits;
const std::string kStart = "frozen call: the arguments are not those it was recorded with: ";
const std::string kWayOut = "; freeze again, or freeze(f, {.on_new_shape = OnNewShape::retrace})";

std::vector<std::string> reasons(const graph::PlanCache& cache) {
  std::vector<std::string> all;
  for (const graph::Event& e : cache.events()) all.push_back(e.why);
  return all;
}

// Host code that looks at shapes. eager: of each call. compiled: too, for shapes are known while it is recorded; a plan
// for each. frozen: the first shape; another is refused, or recorded anew.
TEST(FootgunPlans, HostCodeOnShapes) {
  auto f = [](const Tensor& x) { return x.shape(0) > 2 ? sum(x) / static_cast<float>(x.shape(0)) : sum(x); };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  auto retrace = freeze(f, {.on_new_shape = OnNewShape::retrace});
  frozen(ones({4}));
  for (int64_t n : {4, 2, 4, 1, 2}) {
    const Tensor x = expect::numbers({n});
    EXPECT_EQ(bits(compiled(x)), bits(f(x)));
    EXPECT_EQ(bits(retrace(x)), bits(f(x)));
  }
  EXPECT_EQ(compiled.cache().plans().size(), 3u);
  EXPECT_ERROR(TraceError, frozen(ones({2})), kStart + "tensor 1 of the arguments is f32[2], was f32[4]" + kWayOut);
}

// A sequence that grows by one at each call: a storm of plans. eager: none. compiled: right, a plan each, and explain
// says which axis grows; padded to a block there are few. frozen: refused at the second call.
TEST(FootgunPlans, RetraceStorm) {
  auto f = [](const Tensor& x) { return sum(exp(x)); };
  auto storm = compile(f), padded = compile(f);
  auto frozen = freeze(f);
  frozen(ones({1}));
  for (int64_t n = 1; n <= 40; ++n) {
    const Tensor x = ones({n});
    EXPECT_EQ(bits(storm(x)), bits(f(x)));
    padded(pad(x, {{0, 15 - (n - 1) % 16}}, -INFINITY));
  }
  EXPECT_EQ(storm.cache().plans().size(), 40u);
  EXPECT_EQ(storm.cache().hits(), 0u);
  EXPECT_EQ(reasons(storm.cache())[39], "arg0 is f32[40], was f32[39]: axis 0 differs");
  EXPECT_EQ(padded.cache().plans().size(), 3u);
  EXPECT_ERROR(TraceError, frozen(ones({2})), kStart + "tensor 1 of the arguments is f32[2], was f32[1]" + kWayOut);
}

// A C++ integer that decides how many operations there are: a plan for each. A float that is an operand: one plan.
TEST(FootgunPlans, IntegersAndFloats) {
  auto loops = compile([](const Tensor& x, int n) {
    Tensor y = x;
    for (int i = 0; i < n; ++i) y = y * 2;
    return y;
  });
  auto scales = compile([](const Tensor& x, int n, float s) { return x * n * s; });
  for (int n = 1; n <= 20; ++n) {
    EXPECT_EQ(loops(ones({1}), n).item(), std::ldexp(1.f, n));
    EXPECT_EQ(scales(ones({1}), n, 0.5f * static_cast<float>(n)).item(), 0.5f * static_cast<float>(n * n));
  }
  EXPECT_EQ(loops.cache().plans().size(), 20u);
  EXPECT_EQ(reasons(loops.cache())[19], "other operations: 20 recorded, were 19");
  EXPECT_EQ(scales.cache().plans().size(), 1u);
}

// A number that belongs to the program is part of the plan; a number beside a tensor is not. Both are right when they
// change. frozen keeps what it was recorded with.
TEST(FootgunPlans, Constants) {
  double constant = 1;
  float number = 1;
  auto baked = [&](const Tensor& x) { return x * Operand::constant(constant); };
  auto read = [&](const Tensor& x) { return x * number; };
  auto compiled_baked = compile(baked);
  auto compiled_read = compile(read);
  auto frozen = freeze(read);
  for (int i = 1; i <= 5; ++i) {
    constant = i, number = static_cast<float>(i);
    EXPECT_EQ(compiled_baked(ones({1})).item(), static_cast<float>(i));
    EXPECT_EQ(compiled_read(ones({1})).item(), static_cast<float>(i));
    EXPECT_EQ(frozen(ones({1})).item(), 1);
  }
  EXPECT_EQ(compiled_baked.cache().plans().size(), 5u);
  EXPECT_EQ(compiled_read.cache().plans().size(), 1u);
}

// Another element type. eager: as C++ says. compiled: a plan for each, to the eager bits. frozen: refused, or recorded
// anew.
TEST(FootgunPlans, TypesChange) {
  auto f = [](const Tensor& x) { return mean(x * x); };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  frozen(ones({2}));
  for (DType t : {f32, f64, i32, f64, f32}) {
    const Tensor x = tensor({3.0, 4.0}).to(t);
    EXPECT_EQ(bits(compiled(x)), bits(f(x)));
  }
  EXPECT_EQ(compiled.cache().plans().size(), 3u);
  EXPECT_EQ(reasons(compiled.cache())[1], "arg0 is f64[2], was f32[2]");
  EXPECT_ERROR(TraceError, frozen(ones({2}, f64)),
               kStart + "tensor 1 of the arguments is f64[2], was f32[2]" + kWayOut);
}

// A size that comes out of the data. eager: plain. compiled: the plan is split there, and each size is a plan. frozen:
// refused.
TEST(FootgunPlans, SizesFromData) {
  auto f = [](const Tensor& x, const Tensor& n) { return sum(x.slice(0, 0, (n + 1).item<int>())); };
  auto compiled = compile(f);
  const Tensor x = ones({9});
  for (int n : {3, 5, 3, 5}) EXPECT_EQ(compiled(x, tensor({n})).item(), static_cast<float>(n + 1));
  EXPECT_EQ(compiled.cache().plans().size(), 3u);  // n + 1, and two sums
  EXPECT_ERROR(
      TraceError, freeze(f)(x, tensor({3})),
      "item: a frozen function has no values while it is traced; compute with tensors (where, maximum), or use "
      "compile");
}

// A data-dependent choice written with tensors: where. The same in all modes, one plan.
TEST(FootgunPlans, ChoiceByTensors) {
  auto f = [](const Tensor& x) { return where(sum(x) > 0, exp(x), x - 1); };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (double v : {1.0, -1.0, 2.0}) {
    const Tensor x = tensor({v, 0.25});
    EXPECT_EQ(bits(compiled(x)), bits(f(x)));
    EXPECT_EQ(bits(frozen(x)), bits(f(x)));
  }
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
}

}  // namespace
}  // namespace duet
