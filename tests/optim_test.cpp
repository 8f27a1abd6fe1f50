// Optimisers against the plain loops of their papers, in double, for 100 steps.
#include "expect.h"

namespace duet {
namespace {

constexpr int kSteps = 100;

struct Two {
  Tensor a, b;
};
Two start() { return {expect::numbers({7}, 1) + 0, expect::numbers({2, 3}, 2) + 0}; }
// A gradient that is known without a tape: 2·p·c + sin(step).
Tensor gradient(const Tensor& p, float c, float step) { return p * (2 * c) + sin(full(p.shape(), step)); }
double gradient(double p, double c, double step) { return 2 * c * p + std::sin(step); }
double rate(int step) { return 0.05 / (1 + 0.01 * step); }

std::vector<double> values(const Two& m) {
  std::vector<double> v;
  for_each_leaf(m, [&](const Tensor& t) {
    for (float x : t.to_vector()) v.push_back(double{x});
  });
  return v;
}
double scale(size_t i) { return i < 7 ? 0.5 : 2.0; }

template <class Update>
std::vector<double> by_hand(Update update) {
  std::vector<double> p = values(start());
  for (int step = 1; step <= kSteps; ++step)
    for (size_t i = 0; i < p.size(); ++i) update(p[i], gradient(p[i], scale(i), step), i, step);
  return p;
}

template <class Optimizer>
std::vector<double> by_duet(Mode mode, Optimizer optimizer) {
  Two m = start();
  auto step = with_mode(mode, [](Two& model, Optimizer& o, const Two& g, float lr) { o.update(model, g, lr); });
  for (int k = 1; k <= kSteps; ++k) {
    const Two g{gradient(m.a, 0.5f, static_cast<float>(k)), gradient(m.b, 2.f, static_cast<float>(k))};
    step(m, optimizer, g, static_cast<float>(rate(k)));
  }
  return values(m);
}

void expect_close(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  double largest = 0;
  for (double v : expected) largest = std::max(largest, std::fabs(v));
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-5 * std::max(std::fabs(expected[i]), 0.1 * largest));
}

TEST(Optim, Adam) {
  std::vector<double> m(13, 0), v(13, 0);
  const double b1 = double{0.9f}, b2 = double{0.999f};
  const std::vector<double> expected = by_hand([&](double& p, double g, size_t i, int step) {
    m[i] = b1 * m[i] + (1 - b1) * g;
    v[i] = b2 * v[i] + (1 - b2) * g * g;
    p -= rate(step) * (m[i] / (1 - std::pow(b1, step))) / (std::sqrt(v[i] / (1 - std::pow(b2, step))) + double{1e-8f});
  });
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
    expect_close(by_duet(mode, optim::Adam::init(start())), expected);
}

TEST(Optim, SgdWithMomentum) {
  std::vector<double> v(13, 0);
  const std::vector<double> expected = by_hand([&](double& p, double g, size_t i, int step) {
    v[i] = double{0.9f} * v[i] + g;
    p -= rate(step) * v[i];
  });
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
    expect_close(by_duet(mode, optim::Sgd::init(start(), 0.9f)), expected);
}

TEST(Optim, Sgd) {
  const std::vector<double> expected = by_hand([&](double& p, double g, size_t, int step) { p -= rate(step) * g; });
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
    expect_close(by_duet(mode, optim::Sgd::init(start())), expected);
}

TEST(Optim, SgdWithNesterovAndWeightDecay) {
  std::vector<double> v(13, 0);
  const std::vector<double> expected = by_hand([&](double& p, double g, size_t i, int step) {
    g += double{0.02f} * p;
    v[i] = double{0.9f} * v[i] + g;
    p -= rate(step) * (g + double{0.9f} * v[i]);
  });
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
    expect_close(by_duet(mode, optim::Sgd::init(start(), 0.9f, {.nesterov = true, .weight_decay = 0.02f})), expected);
}

// Only what the predicate names decays: a here.
bool named_a(std::string_view name) { return name == "a"; }
double decay(size_t i) { return i < 7 ? double{0.3f} : 0; }

TEST(Optim, AdamW) {
  std::vector<double> m(13, 0), v(13, 0);
  const double b1 = double{0.8f}, b2 = double{0.99f};
  const std::vector<double> expected = by_hand([&](double& p, double g, size_t i, int step) {
    p *= 1 - rate(step) * decay(i);
    m[i] = b1 * m[i] + (1 - b1) * g;
    v[i] = b2 * v[i] + (1 - b2) * g * g;
    p -= rate(step) * (m[i] / (1 - std::pow(b1, step))) / (std::sqrt(v[i] / (1 - std::pow(b2, step))) + double{1e-6f});
  });
  const optim::AdamWOptions options{.beta1 = 0.8f, .beta2 = 0.99f, .epsilon = 1e-6f, .weight_decay = 0.3f};
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
    expect_close(by_duet(mode, optim::AdamW::init(start(), options, named_a)), expected);
}

TEST(Optim, Lion) {
  std::vector<double> m(13, 0);
  const double b1 = double{0.9f}, b2 = double{0.99f};
  const std::vector<double> expected = by_hand([&](double& p, double g, size_t i, int step) {
    const double blend = b1 * m[i] + (1 - b1) * g;
    p = p * (1 - rate(step) * decay(i)) - rate(step) * (blend > 0 ? 1 : blend < 0 ? -1 : 0);
    m[i] = b2 * m[i] + (1 - b2) * g;
  });
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
    expect_close(by_duet(mode, optim::Lion::init(start(), {.weight_decay = 0.3f}, named_a)), expected);
}

// The sign of a gradient of 0 is 0, and a NaN is not hidden.
TEST(Optim, LionAtZeroAndNan) {
  Two m{ones({7}), ones({2, 3})};
  optim::Lion lion = optim::Lion::init(m);
  lion.update(m, Two{zeros({7}), full({2, 3}, std::nanf(""))}, 0.5f);
  EXPECT_EQ(m.a.to_vector(), std::vector<float>(7, 1));
  EXPECT_TRUE(std::isnan(m.b.to_vector()[3]));
}

// Without decay AdamW is Adam, bit for bit, and a parameter's update is one kernel either way.
TEST(Optim, AdamWWithoutDecayIsAdam) {
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    const std::vector<double> adam = by_duet(mode, optim::Adam::init(start()));
    EXPECT_EQ(by_duet(mode, optim::AdamW::init(start(), {.weight_decay = 0})), adam);
    EXPECT_EQ(by_duet(mode, optim::AdamW::init(start(), {}, [](std::string_view) { return false; })), adam);
  }
  auto kernels = [](size_t parameters, auto optimizer_of) {
    std::vector<Tensor> m(parameters, ones({5}));
    auto optimizer = optimizer_of(m);
    const uint64_t before = thread_state.launches;
    optimizer.update(m, m, 0.1f);
    return thread_state.launches - before;
  };
  auto adamw = [](const std::vector<Tensor>& m) { return optim::AdamW::init(m); };
  auto lion = [](const std::vector<Tensor>& m) { return optim::Lion::init(m, {.weight_decay = 0.1f}); };
  EXPECT_EQ(kernels(9, adamw), kernels(4, adamw) + 5);
  EXPECT_EQ(kernels(9, lion), kernels(4, lion) + 5);
}

// 100 steps are the same bits in every mode: parameters and state.
template <class Optimizer>
void expect_same_bits(const Optimizer& optimizer) {
  std::string first;
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    Two m = start();
    Optimizer mine = optimizer;
    auto step = with_mode(mode, [](Two& model, Optimizer& o, const Two& at, float lr) {
      const Two g{gradient(model.a, 0.5f, 1) * at.a, gradient(model.b, 2.f, 1) * at.b};
      const auto clipped = optim::clip_by_global_norm(g, 1.5f);
      o.update(model, clipped.gradients, lr);
      return clipped.norm;
    });
    std::string bits;
    for (int k = 1; k <= kSteps; ++k) {
      const float wave = std::sin(static_cast<float>(k));
      const Tensor norm = step(m, mine, Two{full({7}, wave), full({2, 3}, wave)}, static_cast<float>(rate(k)));
      bits += expect::bits(norm);
    }
    bits += expect::tree_bits(m) + expect::tree_bits(mine);
    if (first.empty()) first = bits;
    EXPECT_EQ(bits, first) << name(mode);
  }
}
TEST(Optim, AllModesGiveTheSameBits) {
  expect_same_bits(optim::Adam::init(start()));
  expect_same_bits(optim::AdamW::init(start(), {.weight_decay = 0.1f}, named_a));
  expect_same_bits(optim::Lion::init(start(), {.weight_decay = 0.1f}, named_a));
  expect_same_bits(optim::Sgd::init(start(), 0.9f, {.nesterov = true, .weight_decay = 0.1f}));
  expect_same_bits(optim::Sgd::init(start(), 0, {.weight_decay = 0.1f}));
}

// A rate may be a tensor, in the parameters' dtype or f32, and a temporary, though it is used more than once.
TEST(Optim, RateAsTensor) {
  auto all = [](const auto& rate, DType dtype) {
    Two m{start().a.to(dtype), start().b.to(dtype)};
    const Two g{ones({7}, dtype), ones({2, 3}, dtype)};
    optim::Adam adam = optim::Adam::init(m);
    optim::AdamW adamw = optim::AdamW::init(m);
    optim::Lion lion = optim::Lion::init(m, {.weight_decay = 0.1f});
    optim::Sgd sgd = optim::Sgd::init(m, 0.9f);
    adam.update(m, g, rate());
    adamw.update(m, g, rate());
    lion.update(m, g, rate());
    sgd.update(m, g, rate());
    return values(Two{m.a.to(f32), m.b.to(f32)});
  };
  auto temporary = [](double lr, DType dtype) { return [=] { return full({}, lr, dtype); }; };
  const std::vector<double> narrow = all([] { return 0.25f; }, f32), wide = all([] { return 0.25; }, f64);
  const Tensor rate = full({}, 0.25f);
  EXPECT_EQ(all([&]() -> const Tensor& { return rate; }, f32), narrow);
  EXPECT_EQ(all(temporary(0.25, f32), f32), narrow);
  EXPECT_EQ(all([&]() -> const Tensor& { return rate; }, f64), wide);
  EXPECT_EQ(all(temporary(0.25, f32), f64), wide);
  EXPECT_EQ(all(temporary(0.25, f64), f64), wide);
}

TEST(Optim, Clip) {
  const Two g{full({7}, 3.f), full({2, 3}, -4.f)};
  const double norm = std::sqrt(7 * 9 + 6 * 16);
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto clip = with_mode(mode, [](const Two& x, float largest) {
      auto y = optim::clip_by_global_norm(x, largest);
      return std::pair(y.gradients, y.norm);
    });
    auto [clipped, n] = clip(g, 2.f);
    EXPECT_NEAR(n.template item<double>(), norm, 1e-5);
    EXPECT_NEAR(clipped.a[0].template item<double>(), 3 * 2 / norm, 1e-6);
    EXPECT_NEAR(clipped.b[1][2].template item<double>(), -4 * 2 / norm, 1e-6);
    EXPECT_NEAR(optim::clip_by_global_norm(clipped, 9).norm.item(), 2, 1e-5);
    // Below the largest norm no bit changes, and nothing is divided by a norm of 0.
    EXPECT_EQ(expect::tree_bits(clip(g, 13.f).first), expect::tree_bits(g));
    const Two none{zeros({7}), zeros({2, 3})};
    auto [same, zero] = clip(none, 2.f);
    EXPECT_EQ(expect::tree_bits(same), expect::tree_bits(none));
    EXPECT_EQ(zero.item(), 0);
    for (const graph::Event& e : clip.cache().events()) EXPECT_EQ(e.what, "plan");
  }
  const auto wide = optim::clip_by_global_norm(Two{full({1000}, 1e-3, f64), ones({3})}, full({}, 1.f));
  EXPECT_EQ(wide.norm.dtype(), f64);
  EXPECT_EQ(wide.gradients.b.dtype(), f32);
  EXPECT_NEAR(wide.norm.item<double>(), std::sqrt(3.001), 1e-14);
  EXPECT_EQ(optim::clip_by_global_norm(std::vector<Tensor>(), 1).norm.item(), 0);
  EXPECT_ERROR(Error, optim::clip_by_global_norm(g, -1), "clip_by_global_norm: the largest norm must be positive: -1");
  EXPECT_ERROR(ShapeError, optim::clip_by_global_norm(g, ones({2})),
               "clip_by_global_norm: the largest norm must be a number or one element: f32[2]");
}

TEST(Optim, Schedules) {
  EXPECT_EQ(optim::constant(7, 0.5f), 0.5f);
  EXPECT_EQ(optim::warmup(0, 1, 3), 0.25f);
  EXPECT_EQ(optim::warmup(2, 1, 3), 0.75f);
  EXPECT_EQ(optim::warmup(3, 1, 3), 1.f);
  EXPECT_EQ(optim::warmup(0, 1, 0), 1.f);
  EXPECT_EQ(optim::warmup_cosine(1, 2, 3, 11, 1), 1.f);
  EXPECT_EQ(optim::warmup_cosine(3, 2, 3, 11, 1), 2.f);
  EXPECT_FLOAT_EQ(optim::warmup_cosine(5, 2, 3, 11, 1), 1 + 0.5f * (1 + std::sqrt(0.5f)));
  EXPECT_FLOAT_EQ(optim::warmup_cosine(7, 2, 3, 11, 1), 1.5f);
  EXPECT_EQ(optim::warmup_cosine(11, 2, 3, 11, 1), 1.f);
  EXPECT_EQ(optim::warmup_cosine(1000, 2, 3, 11), 0.f);
  EXPECT_FLOAT_EQ(optim::exponential_decay(5, 2, 0.25f, 10), 1.f);
  EXPECT_FLOAT_EQ(optim::exponential_decay(2, 2, 0.5f), 0.5f);
  EXPECT_EQ(optim::step_decay(9, 2, 0.5f, 10), 2.f);
  EXPECT_EQ(optim::step_decay(10, 2, 0.5f, 10), 1.f);
  EXPECT_EQ(optim::step_decay(29, 2, 0.5f, 10), 0.5f);
  EXPECT_ERROR(Error, optim::constant(-1, 1), "constant: a step is negative: -1; steps count from 0");
  EXPECT_ERROR(Error, optim::warmup(0, 1, -2), "warmup: a length is below 0: -2; give a larger one");
  EXPECT_ERROR(Error, optim::warmup_cosine(0, 1, 5, 5),
               "warmup_cosine: the warm-up takes all of the steps: 5 of 5; give more steps");
  EXPECT_EQ(optim::warmup(0, 1, INT64_MAX), 0x1p-63f);
  EXPECT_EQ(optim::warmup_cosine(1, 1, INT64_MAX - 1, INT64_MAX), 0x1p-62f);
  EXPECT_EQ(optim::exponential_decay(3, 1, 0), 0.f);
  EXPECT_ERROR(Error, optim::exponential_decay(1, 1, -0.5f, 2),
               "exponential_decay: a factor must not be negative: -0.5");
  EXPECT_ERROR(Error, optim::exponential_decay(0, 1, 0.5f, 0),
               "exponential_decay: a length is below 1: 0; give a larger one");
  EXPECT_ERROR(Error, optim::step_decay(1, 1, -0.5f, 2), "step_decay: a factor must not be negative: -0.5");
  EXPECT_ERROR(Error, optim::step_decay(1, 1, std::nanf(""), 2), "step_decay: a factor must not be negative: nan");
  EXPECT_ERROR(Error, optim::step_decay(0, 1, 0.5f, 0), "step_decay: a length is below 1: 0; give a larger one");
}

// A rate that changes at every step is no reason for another plan.
TEST(Optim, AScheduleIsOnePlan) {
  Two m = start();
  optim::AdamW adamw = optim::AdamW::init(m);
  auto step = compile([](Two& model, optim::AdamW& o, float lr) { o.update(model, model, lr); });
  for (int64_t k = 0; k < 10'000; ++k) step(m, adamw, optim::warmup_cosine(k, 1e-3f, 100, 10'000));
  EXPECT_EQ(step.cache().plans().size(), 1u);
  EXPECT_EQ(step.cache().hits(), 9'999u);
  EXPECT_EQ(adamw.step.item(), 10'000);
}

// Nor are decays that change: they are numbers of a step like its rate.
TEST(Optim, ChangingBetasAreOnePlan) {
  auto train = [](Mode mode, size_t plans) {
    Two m = start();
    optim::Adam adam = optim::Adam::init(m);
    auto step = with_mode(mode, [](Two& model, optim::Adam& o) { o.update(model, model, 0.01f); });
    for (int i = 0; i < 200; ++i) {
      adam.beta1 = .95f - .0001f * static_cast<float>(i);
      adam.beta2 = .999f - .0002f * static_cast<float>(i);
      step(m, adam);
    }
    if (mode == Mode::compiled) {
      EXPECT_EQ(step.cache().plans().size(), plans);
    }
    return expect::tree_bits(m) + expect::tree_bits(adam);
  };
  const std::string eager = train(Mode::eager, 0);
  EXPECT_EQ(train(Mode::compiled, 1), eager);
  EXPECT_EQ(train(Mode::frozen, 200), eager);
}

// The step count is a tensor, so a replayed plan goes on counting.
TEST(Optim, StepCountIsALeaf) {
  Two m = start();
  optim::Adam adam = optim::Adam::init(m);
  auto step = freeze([](Two& model, optim::Adam& o, const Two& g, float lr) { o.update(model, g, lr); });
  for (int i = 0; i < 5; ++i) step(m, adam, Two{ones({7}), ones({2, 3})}, 0.1f);
  EXPECT_EQ(adam.step.item(), 5);
}

// f64 models, for checks; a rate that does not fit changes nothing, not even the step count.
TEST(Optim, DoublePrecision) {
  Two m{start().a.to(f64), start().b.to(f64)};
  optim::Adam adam = optim::Adam::init(m);
  optim::Sgd sgd = optim::Sgd::init(m, 0.9f);
  const Two g{ones({7}, f64), ones({2, 3}, f64)};
  const double before = m.a[0].item<double>();
  // The rate and the corrections for the young moments are f64 as well.
  adam.update(m, g, 0.3);
  const double after = before - 0.3 / (1 + double{1e-8f});
  EXPECT_NEAR(m.a[0].item<double>(), after, 1e-15);
  sgd.update(m, g, 0.25);
  EXPECT_NEAR(m.a[0].item<double>(), after - 0.25, 1e-15);
  optim::AdamW adamw = optim::AdamW::init(m, {.weight_decay = 0.1f});
  adamw.update(m, g, 0.3);
  EXPECT_NEAR(m.a[0].item<double>(), (after - 0.25) * (1 - 0.3 * double{0.1f}) - 0.3 / (1 + double{1e-8f}), 1e-15);
  Two f = start();
  optim::Adam state = optim::Adam::init(f);
  EXPECT_THROW(state.update(f, f, Tensor(0.1)), DTypeError);
  EXPECT_EQ(state.step.item(), 0);
}

// Subnormal numbers make a step several times as slow; a moment without gradients becomes zero before it gets there.
TEST(Optim, MomentsDoNotBecomeSubnormal) {
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    Two m = start();
    optim::Adam adam = optim::Adam::init(m, 0.9f, 0.9f);  // v as short-lived as m
    optim::Lion lion = optim::Lion::init(m, {.beta2 = 0.9f});
    auto step = with_mode(mode, [](Two& model, optim::Adam& o, optim::Lion& l, const Two& g, float lr) {
      o.update(model, g, lr);
      l.update(model, g, lr);
    });
    step(m, adam, lion, Two{ones({7}), ones({2, 3})}, 0.1f);
    const Two none{zeros({7}), zeros({2, 3})};
    for (int i = 0; i < 600; ++i) step(m, adam, lion, none, 0.1f);
    for (const Tensor& t : {adam.m[0].value, adam.v[0].value, lion.m[0].value})
      EXPECT_NEAR(t[0].item<double>() / (0.1 * std::pow(0.9, 600)), 1, 1e-3);
    for (int i = 0; i < 300; ++i) {
      step(m, adam, lion, none, 0.1f);
      for (const Tensor& t : {adam.m[1].value, adam.v[0].value, lion.m[0].value}) {
        const float x = t.to_vector()[0];
        ASSERT_TRUE(x == 0 || std::isnormal(x)) << x;
      }
    }
    EXPECT_EQ(adam.m[0].value.to_vector(), std::vector<float>(7, 0));
    EXPECT_EQ(adam.v[0].value.to_vector(), std::vector<float>(7, 0));
    EXPECT_EQ(lion.m[0].value.to_vector(), std::vector<float>(7, 0));
    const std::string still = expect::tree_bits(m);
    step(m, adam, lion, none, 0.1f);
    EXPECT_EQ(expect::tree_bits(m), still);
  }
  // f64 has smaller normal numbers, and keeps them.
  Two wide{full({7}, 1.0, f64), full({2, 3}, 1.0, f64)};
  optim::Adam adam = optim::Adam::init(wide);
  adam.update(wide, Two{full({7}, 1e-25, f64), full({2, 3}, 1e-200, f64)}, 0.1f);
  EXPECT_NEAR(adam.v[0].value[0].item<double>() / 1e-53, 1, 1e-4);
  EXPECT_EQ(adam.v[1].value[0][0].item<double>(), 0);
}

}  // namespace
}  // namespace duet
