// What piles up when a program runs for long: plans, what is known of them, blocks of the allocator, key material.
#include "counted_new.h"
#include "expect.h"

namespace duet {
namespace {

bool small() {
  const char* size = std::getenv("DUET_TEST_SIZE");
  return size != nullptr && std::string(size) == "small";
}

// Shape i of 7⁶ distinct ones.
Shape shape(int i) {
  Shape s;
  for (int axis = 0; axis < 6; ++axis, i /= 7) s.push_back(1 + i % 7);
  return s;
}
int64_t held() { return counted::live_bytes.load() + memory_stats().live_bytes; }

// 100,000 distinct shapes. eager: nothing piles up. compiled: plans leave the cache, and what they held is given back;
// the cap is in bytes that were asked for, which the allocator rounds up by at most a quarter. frozen with retrace
// keeps a plan for each signature until it dies, so it is for few shapes; without, the second shape is an error.
TEST(FootgunMemory, HundredThousandShapes) {
  const int shapes = small() ? 5000 : 100000;
  auto f = [](const Tensor& x) { return sum(exp(x * 2) + 1) + max(x); };
  Tensor all = zeros({1});
  auto compiled = compile(f);
  const int64_t before = held();
  int64_t first_thousand = 0;
  for (int i = 0; i < shapes; ++i) {
    compiled(broadcast_to(all, shape(i)));
    if (i == 999) first_thousand = held() - before;
  }
  EXPECT_LE(held() - before, static_cast<int64_t>(graph::PlanCache::kMaxBytes) * 5 / 4 + first_thousand);
  EXPECT_LE(memory_stats().cached_bytes, int64_t{128} << 20);
  EXPECT_LE(compiled.cache().plans().size(), graph::PlanCache::kMaxPlans);
  EXPECT_LE(compiled.cache().events().size(), graph::PlanCache::kMaxEvents);
  EXPECT_EQ(compiled.cache().events().back().number, static_cast<uint64_t>(shapes));
  // The plans that are left are good, and the latest is found again.
  const uint64_t hits = compiled.cache().hits();
  EXPECT_EQ(expect::bits(compiled(ones(shape(shapes - 1)))), expect::bits(f(ones(shape(shapes - 1)))));
  EXPECT_EQ(compiled.cache().events().back().number, static_cast<uint64_t>(shapes) + 1);  // another layout
  compiled(broadcast_to(all, shape(shapes - 1)));
  EXPECT_EQ(compiled.cache().hits(), hits + 1);
}

// Blocks of sizes that do not come back are not kept for ever; those of a loop are, whatever the loop needs.
TEST(FootgunMemory, AllocatorCache) {
  trim_memory();
  reset_peak();
  for (int64_t i = 1; i <= 400; ++i) zeros({i * 16384});
  EXPECT_LE(memory_stats().cached_bytes, int64_t{64 + 32} << 20);
  auto loop = [] {
    std::vector<Tensor> all;
    for (int i = 0; i < 40; ++i) all.push_back(zeros({1 << 20}));
  };
  loop();
  const int64_t cached = memory_stats().cached_bytes;
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_GE(cached, int64_t{160} << 20);
#endif
  loop();
  EXPECT_EQ(memory_stats().cached_bytes, cached);
  trim_memory();
}

// 10,000 steps of a schedule. eager: no plan. compiled and frozen: one, found 9,999 times, and nothing piles up.
TEST(FootgunMemory, TenThousandStepsOfASchedule) {
  const int steps = small() ? 1000 : 10000;
  auto step = [](Tensor& w, const Tensor& x, float lr) {
    auto [l, g] = value_and_grad([](const Tensor& v, const Tensor& t) { return mean(square(v * t - 1)); })(w, x);
    w = w - g * lr;
    return l;
  };
  const Tensor x = expect::numbers({16});
  std::string ends[3];
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto run = with_mode(mode, step);
    Tensor w = zeros({16});
    int64_t after_ten = 0;
    for (int i = 0; i < steps; ++i) {
      run(w, x, optim::warmup_cosine(i, 0.1f, steps / 10, steps));
      if (i == 10) after_ten = held();
    }
    EXPECT_EQ(held(), after_ten) << std::string(name(mode));
    EXPECT_EQ(run.cache().plans().size(), mode == Mode::eager ? 0u : 1u);
    EXPECT_EQ(run.cache().hits(), mode == Mode::compiled ? static_cast<uint64_t>(steps) - 1 : 0u);
    ends[static_cast<int>(mode)] = expect::bits(w);
  }
  EXPECT_EQ(ends[1], ends[0]);
  EXPECT_EQ(ends[2], ends[0]);
}

// compile or freeze in a loop: each makes a plan of its own at its first call, which is slow and right; it dies with
// the function, so nothing piles up. Outside of the loop there is one plan.
TEST(FootgunMemory, CompileInALoop) {
  auto f = [](const Tensor& x) { return exp(x) * 2 + sum(x); };
  const Tensor x = expect::numbers({33});
  const std::string eager = expect::bits(f(x));
  int64_t after_ten = 0;
  for (int i = 0; i < 200; ++i) {
    auto compiled = compile(f);
    auto frozen = freeze(f);
    ASSERT_EQ(expect::bits(compiled(x)), eager);
    ASSERT_EQ(expect::bits(frozen(x)), eager);
    ASSERT_EQ(compiled.cache().hits(), 0u);
    if (i == 10) after_ten = held();
  }
  EXPECT_LE(held() - after_ten, 64 * 1024);  // less than what 5 of the 190 would hold
  auto outside = compile(f);
  for (int i = 0; i < 200; ++i) outside(x);
  EXPECT_EQ(outside.cache().hits(), 199u);
}

// A closure that holds 1,000 tensors. eager: nothing is copied. compiled: 1,000 inputs, one plan, nothing is copied;
// frozen: 1,000 constants, listed, which share storage with what was captured.
TEST(FootgunMemory, HugeClosure) {
  std::vector<Tensor> weights;
  for (int i = 0; i < 1000; ++i) weights.push_back(expect::numbers({16384}, i + 1));
  auto f = [weights](const Tensor& x) {
    Tensor y = x;
    for (const Tensor& w : weights) y = maximum(y, w);
    return y;
  };
  const Tensor x = zeros({16384});
  const std::string eager = expect::bits(f(x));
  const int64_t before = memory_stats().live_bytes, data = 1000 * 16384 * 4;
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(expect::bits(compiled(x)), eager);
    EXPECT_EQ(expect::bits(frozen(x)), eager);
  }
  EXPECT_LT(memory_stats().live_bytes - before, data / 8);
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  EXPECT_EQ(compiled.cache().plans()[0]->slots().size(), 1001u);
  ASSERT_EQ(frozen.constants().size(), 1000u);
  bool shared = false;
  for (const Tensor& t : frozen.constants()) shared |= t.data() == weights[0].data();
  EXPECT_TRUE(shared);
}

}  // namespace
}  // namespace duet
