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
  adam.update(m, g, 0.5);
  EXPECT_NEAR(m.a[0].item<double>(), before - 0.5, 1e-6);
  sgd.update(m, g, 0.25);
  EXPECT_NEAR(m.a[0].item<double>(), before - 0.75, 1e-6);
  Two f = start();
  optim::Adam state = optim::Adam::init(f);
  EXPECT_THROW(state.update(f, f, Tensor(0.1)), DTypeError);
  EXPECT_EQ(state.step.item(), 0);
}

// Subnormal numbers make a step several times as slow; a moment without gradients becomes zero before it gets there.
TEST(Optim, MomentsDoNotBecomeSubnormal) {
  Two m = start();
  optim::Adam adam = optim::Adam::init(m);
  auto step = freeze([](Two& model, optim::Adam& o, const Two& g, float lr) { o.update(model, g, lr); });
  step(m, adam, Two{ones({7}), ones({2, 3})}, 0.1f);
  const Two none{zeros({7}), zeros({2, 3})};
  for (int i = 0; i < 600; ++i) step(m, adam, none, 0.1f);
  EXPECT_NEAR(adam.m[0].value[0].item<double>() / (0.1 * std::pow(0.9, 600)), 1, 1e-3);
  for (int i = 0; i < 300; ++i) step(m, adam, none, 0.1f);
  EXPECT_EQ(adam.m[0].value.to_vector(), std::vector<float>(7, 0));
  EXPECT_GT(adam.v[0].value[0].item(), 0);
}

TEST(Optim, StateMustFit) {
  Two m = start();
  struct One {
    Tensor a;
  };
  One one{ones({7})};
  optim::Adam adam = optim::Adam::init(one);
  EXPECT_ERROR(ShapeError, adam.update(m, m, 0.1f),
               "Adam: the trees differ: 2 parameters, 2 gradients, state for 1; init the optimiser from this model");
  optim::Sgd sgd = optim::Sgd::init(one, 0.9f);
  EXPECT_ERROR(ShapeError, sgd.update(m, m, 0.1f),
               "Sgd: the trees differ: 2 parameters, 2 gradients, state for 1; init the optimiser from this model");
}

}  // namespace
}  // namespace duet
