// The order of kernels: fewer bytes alive, the same bits, errors and donations as they were.
#include <algorithm>

#include "expect.h"
#include "graph/bytes.h"
#include "graph/training_steps.h"
#include "graph/verify_memory.h"
#include "ops/checks.h"

namespace duet::testing {
namespace {

using expect::bits;

// All wide values are made first and narrowed later: in trace order they all live together.
Tensor many_wide(const Tensor& x) {
  std::vector<Tensor> wide;
  for (int i = 0; i < 8; ++i) wide.push_back(matmul(x * float(i + 1), x.transpose()));  // f32[64,64] each
  Tensor total = matmul(wide[0], x);
  for (size_t i = 1; i < wide.size(); ++i) total = total + matmul(wide[i], x);  // f32[64,4]
  return total;
}

std::shared_ptr<const graph::Plan> only_plan(const auto& compiled) {
  const auto plans = compiled.cache().plans();
  EXPECT_EQ(plans.size(), 1u);
  return plans.at(0);
}

TEST(Schedule, FewerBytesLiveAtOnce) {
  const Tensor x = normal(Key(1), {64, 4});
  auto with = compile(many_wide), without = compile(many_wide, {.without = {"schedule"}});
  EXPECT_EQ(bits(with(x)), bits(many_wide(x)));
  EXPECT_EQ(bits(without(x)), bits(many_wide(x)));
  const auto plan = only_plan(with), trace = only_plan(without);
  const graph::ScheduleRecord& s = plan->report().schedule;
  EXPECT_NE(s.order, "trace order");
  EXPECT_LT(s.peak_bytes, s.trace_peak_bytes);
  EXPECT_GE(trace->memory().arena_bytes, 8 * 64 * 64 * 4);
  EXPECT_LE(plan->memory().arena_bytes, 2 * 64 * 64 * 4);
  EXPECT_EQ(trace->report().schedule.order, "");
}

TEST(Schedule, TraceOrderWhereNothingIsGained) {
  auto chain = [](const Tensor& x) { return matmul(matmul(matmul(matmul(x, x), x), x), x); };
  auto compiled = compile(chain);
  compiled(normal(Key(1), {16, 16}));
  const auto plan = only_plan(compiled);
  EXPECT_EQ(plan->report().schedule.order, "trace order");
  EXPECT_EQ(plan->report().schedule.peak_bytes, 2 * 16 * 16 * 4);
  int last = -1;
  for (const graph::Kernel& k : plan->graph().kernels) {
    EXPECT_GT(k.nodes.back(), last);
    last = k.nodes.back();
  }
}

TEST(Schedule, TheSameOrderEveryTime) {
  const Tensor x = normal(Key(1), {64, 4});
  auto one = compile(many_wide), two = compile(many_wide);
  one(x), two(x);
  const auto a = only_plan(one), b = only_plan(two);
  ASSERT_EQ(a->graph().kernels.size(), b->graph().kernels.size());
  for (size_t k = 0; k < a->graph().kernels.size(); ++k)
    EXPECT_EQ(a->graph().kernels[k].nodes, b->graph().kernels[k].nodes);
}

// Reordered or not, the first bad index in the program is the one that is reported.
TEST(Schedule, ErrorsStayInProgramOrder) {
  auto f = [](const Tensor& x, const Tensor& i, const Tensor& j) {
    std::vector<Tensor> wide;
    for (int k = 0; k < 6; ++k) wide.push_back(matmul(x * float(k + 1), x.transpose()));
    Tensor total = matmul(gather(wide[0], i), x);
    for (size_t k = 1; k < wide.size(); ++k) total = total + matmul(gather(wide[k], k % 2 ? j : i), x);
    return total;
  };
  auto what = [&](auto&& g, const Tensor& i, const Tensor& j) -> std::string {
    try {
      g(normal(Key(1), {64, 4}), i, j);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  auto all = [](int32_t index) { return from_vector(std::vector<int32_t>(64, index), {64}); };
  auto compiled = compile(f);
  for (int32_t i : {3, 64, 1003})
    for (int32_t j : {3, 64, 1003}) EXPECT_EQ(what(compiled, all(i), all(j)), what(f, all(i), all(j)));
  const auto plan = only_plan(compiled);
  EXPECT_NE(plan->report().schedule.order, "trace order");
  std::vector<int> throwing;
  for (const graph::Kernel& k : plan->graph().kernels)
    for (int n : k.nodes)
      if (plan->graph().node(n).op->may_throw) throwing.push_back(n);
  EXPECT_EQ(throwing.size(), 6u);
  EXPECT_TRUE(std::ranges::is_sorted(throwing));
}

// What could be computed in donated storage still can, unless new storage for it costs less than the order saves.
TEST(Schedule, DonationsStay) {
  struct Bytes {
    std::vector<int> donated;
    int64_t all = 0;  // of the arena and of results that take no argument's storage
  };
  auto bytes = [](const auto& compiled) {
    const auto plan = only_plan(compiled);
    Bytes b{{}, plan->memory().arena_bytes};
    for (const graph::OutputPlan& o : plan->executable().outputs)
      if (!o.donors.empty())
        b.donated.push_back(o.value);
      else
        b.all += graph::value_bytes(plan->graph(), o.value);
    return b;
  };
  int given_up = 0;
  for_each_training_step([&](const std::string& name, auto model, auto optimiser, const Tensor& x, const Tensor& y) {
    auto& step = train_step<decltype(model), decltype(optimiser)>;
    auto with = compile(&step), without = compile(&step, {.without = {"schedule"}});
    auto model2 = model;
    auto optimiser2 = optimiser;
    EXPECT_EQ(bits(with(model, optimiser, x, y, 1e-3f)), bits(without(model2, optimiser2, x, y, 1e-3f))) << name;
    const Bytes wanted = bytes(without), found = bytes(with);
    EXPECT_FALSE(wanted.donated.empty()) << name;
    if (std::ranges::includes(found.donated, wanted.donated)) return;
    ++given_up;
    EXPECT_LT(found.all, wanted.all) << name << ": " << found.donated.size() << " of " << wanted.donated.size();
  });
  EXPECT_GT(given_up, 0);
}

// The gradient of a layer's input lies where its output did, after the weight's gradient has read that: the new weight
// has storage of its own, 128 KB in place of a second 2 MB.
TEST(Schedule, AWeightGradientGoesBeforeThatOfTheInput) {
  std::vector<Tensor> model = {normal(Key(1), {16, 512}), normal(Key(2), {512, 64}), normal(Key(3), {64, 4})};
  auto sgd = optim::Sgd::init(model);
  auto step = compile([](std::vector<Tensor>& m, optim::Sgd& o, const Tensor& x) {
    auto [l, g] = value_and_grad([](const std::vector<Tensor>& w, const Tensor& in) {
      return mean(square(matmul(relu(matmul(relu(matmul(in, w[0])), w[1])), w[2])));
    })(m, x);
    o.update(m, g, 1e-3f);
    return l;
  });
  step(model, sgd, normal(Key(4), {1024, 16}));
  const auto plan = only_plan(step);
  EXPECT_LT(plan->memory().arena_bytes, 2560 * 1024);
  const auto& outputs = plan->executable().outputs;  // the loss and the new weights
  EXPECT_EQ(outputs.at(1).donors.size(), 1u);
  EXPECT_TRUE(outputs.at(2).donors.empty());
}

// No recursion, nothing quadratic: a long program goes through.
TEST(Schedule, LongPrograms) {
  const int length = small_size() ? 2000 : 20000;
  auto chain = [length](const Tensor& x) {
    Tensor y = x, z = x;
    for (int i = 0; i < length / 2; ++i) {
      y = sin(y + 1);
      z = z * y;
    }
    return z;
  };
  auto compiled = compile(chain, {.without = {"fuse"}});
  const Tensor x = normal(Key(1), {16});
  EXPECT_EQ(bits(compiled(x)), bits(chain(x)));
  EXPECT_GE(only_plan(compiled)->cost().kernels, length);
  EXPECT_EQ(only_plan(compiled)->memory().arena_bytes, only_plan(compiled)->memory().lower_bound_bytes);
}

}  // namespace
}  // namespace duet::testing
