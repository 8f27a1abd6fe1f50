// What plans of real programs need, in bytes.
#include "expect.h"
#include "graph/training_steps.h"
#include "graph/verify_memory.h"
#include "ops/random_program.h"

namespace duet::testing {
namespace {

void print(const std::string& name, const graph::Plan& plan) {
  const graph::MemoryPlan& m = plan.memory();
  const graph::ScheduleRecord& s = plan.report().schedule;
  fmt::print(
      "{:36} {:3} kernels {:3} buffers, naive {:8} bound {:8} arena {:8} ratio {:.3f}{}; {}, {:.0f} µs\n", name,
      plan.cost().kernels, m.buffers.size(), m.naive_bytes, m.lower_bound_bytes, m.arena_bytes,
      m.lower_bound_bytes == 0 ? 1.0 : static_cast<double>(m.arena_bytes) / static_cast<double>(m.lower_bound_bytes),
      m.proven_optimal ? " (proven)" : "", s.order, plan.compile_us());
}

Tensor sum_of(const Tensor& x) { return sum(x); }

TEST(MemoryPlan, TrainingStepsNeedWhatIsLiveAtOnce) {
  for_each_training_step([](const std::string& name, auto model, auto optimiser, const Tensor& x, const Tensor& y) {
    auto step = compile(&train_step<decltype(model), decltype(optimiser)>);
    step(model, optimiser, x, y, 1e-3f);
    const auto plans = step.cache().plans();
    ASSERT_EQ(plans.size(), 1u) << name;
    print(name, *plans[0]);
    const graph::MemoryPlan& m = plans[0]->memory();
    EXPECT_EQ(m.arena_bytes, m.lower_bound_bytes) << name;
    EXPECT_TRUE(m.proven_optimal) << name;
    EXPECT_LT(m.arena_bytes, m.naive_bytes) << name;
    EXPECT_EQ(graph::memory_fault(plans[0]->graph(), plans[0]->executable(), m), "") << name;
  });
}

// w − lr·(xᵀ·dy) is computed in w, and relu's gradient in what relu made, a block of the product at a time: no product
// is stored.
TEST(MemoryPlan, ProductsPassBy) {
  auto step = [](Tensor& w, const Tensor& x, const Tensor& y) { w = w - matmul(transpose(x), y) * 0.1f; };
  for (const int64_t k : {1, 64, 300, 512, 600}) {
    const Tensor x = normal(Key(1), {k, 80}), y = normal(Key(2), {k, 96});
    Tensor w = normal(Key(3), {80, 96}), eager_w = w;
    auto compiled = compile(step);
    for (int i = 0; i < 3; ++i) {
      compiled(w, x, y);
      step(eager_w, x, y);
    }
    EXPECT_EQ(bits(w), bits(eager_w)) << k;
    EXPECT_EQ(compiled.cache().plans()[0]->memory().arena_bytes, k <= 512 ? 0 : 80 * 96 * 4) << k;
  }
  auto two = [](const Tensor& x, const Tensor& u, const Tensor& v) {
    const Tensor h = exp(x);
    return sum(matmul(u, v) * h + h);
  };
  auto compiled = compile(two);
  const Tensor x = normal(Key(1), {2, 80, 96}), u = normal(Key(2), {2, 80, 48}), v = normal(Key(3), {48, 96});
  EXPECT_EQ(bits(compiled(x, u, v)), bits(two(x, u, v)));
  EXPECT_LT(compiled.cache().plans()[0]->memory().arena_bytes, 2 * 2 * 80 * 96 * 4);
}

TEST(MemoryPlan, GeneratedGraphs) {
  const uint32_t count = small_size() ? 60 : 400;
  double sum = 0, worst = 0;
  int plans = 0, proven = 0;
  for (uint32_t seed = 1; seed <= count; ++seed) {
    auto generated = [seed](const Tensor& x, const Tensor& y, const Tensor& z) {
      Style style;
      style.steps = 10 + static_cast<int>(seed % 50);
      Program program(Rng(seed * 2654435761u), style, 0.75f, -0.5f);
      for (const Tensor& t : {x, y, z}) program.add(t);
      program.run();
      // All values are needed to the end in some form, and none is an output itself.
      Tensor total;
      for (const Tensor& t : program.pool())
        if (is_float(t.dtype()) && t.dtype() == x.dtype()) total = total.defined() ? total + sum_of(t) : sum_of(t);
      return total;
    };
    auto compiled =
        compile(generated, {.without = seed % 2 ? std::vector<std::string>{} : std::vector<std::string>{"fuse"}});
    compiled(normal(Key(1), {64, 65}), normal(Key(2), {65}), normal(Key(3), {64, 1}));
    for (const auto& plan : compiled.cache().plans()) {
      const graph::MemoryPlan& m = plan->memory();
      ASSERT_EQ(graph::memory_fault(plan->graph(), plan->executable(), m), "") << seed;
      if (m.buffers.empty()) continue;
      const double ratio = static_cast<double>(m.arena_bytes) / static_cast<double>(m.lower_bound_bytes);
      if (ratio > 1) print(fmt::format("generated graph {}", seed), *plan);
      sum += ratio;
      worst = std::max(worst, ratio);
      ++plans;
      proven += m.proven_optimal;
    }
  }
  fmt::print("{} plans, {} proven optimal; arena / bound: mean {:.5f}, worst {:.3f}\n", plans, proven, sum / plans,
             worst);
  EXPECT_GT(plans, static_cast<int>(count / 2));
  EXPECT_LE(sum / plans, 1.01);
}

}  // namespace
}  // namespace duet::testing
