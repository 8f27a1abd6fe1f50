// Losses, attention and random numbers at the edges of what they take, and with numbers that change between calls.
#include "modes.h"

namespace duet {
namespace {

using namespace expect;

const float kInf = INFINITY;

/// f(x, number) has the eager bits compiled, with one plan for all numbers, and frozen at the first of them.
template <class F, class X>
void one_plan(F f, const X& x, const std::vector<double>& numbers) {
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (double v : numbers) {
    const std::string eager = bits(f(x, v));
    EXPECT_EQ(bits(compiled(x, v)), eager) << v;
    EXPECT_EQ(bits(frozen(x, v)), eager) << v;
  }
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
}

TEST(NeuralValues, CrossEntropyBesideImpossibleClasses) {
  const Tensor labels = tensor({0, 1});
  auto loss = [&](const Tensor& x) { return cross_entropy(x, labels); };
  for (DType t : {f32, f64}) {
    const Tensor x = tensor({{1.f, -kInf, 1.f}, {-kInf, 2.f, -kInf}}).to(t);
    EXPECT_NEAR(loss(x).to(f32).item(), std::log(2.f) / 2, 1e-6f);
    in_every_mode(value_and_grad(loss), x);
    EXPECT_EQ(floats(grad(loss)(x).to(f32)), (std::vector<float>{-0.25f, 0, 0.25f, 0, 0, 0}));
    // The label itself is impossible.
    EXPECT_EQ(cross_entropy(x, tensor({1, 1})).to(f32).item(), kInf);
  }
}

TEST(NeuralValues, HuberAndDropoutTakeNumbersThatChange) {
  const Tensor x = numbers({7, 5}) * 4;
  one_plan([](const Tensor& a, double delta) { return huber(a, 0.5f, delta); }, x, {1, 0.25, 3});
  one_plan([](const Tensor& a, double p) { return dropout(a, p, Key(4)); }, x, {0.5, 0.25, 0.1});
  one_plan([](const Tensor& a, double p) { return dropout(a, p, Key(4)); }, x.to(f64), {0.5, 0.25, 0.1});
  // Bit by bit what C++ computes from p.
  const double p = 0.1;
  const Tensor kept = uniform(Key(4), x.shape()) < static_cast<float>(1 - p);
  EXPECT_EQ(bits(dropout(x, p, Key(4))), bits(where(kept, x * static_cast<float>(1 / (1 - p)), 0)));
}

TEST(NeuralValues, AttentionTakesAScaleThatChanges) {
  auto f = [](const Tensor& q, double scale) { return attention(q, q, q, {.causal = true, .scale = scale}); };
  const Tensor q = numbers({2, 5, 4});
  one_plan(f, q, {0.5, 2, 0.125});
  EXPECT_EQ(bits(f(q, 0.5)), bits(attention(q, q, q, {.causal = true})));  // 1/sqrt(4)
}

TEST(NeuralValues, RandomNumbersTakeParametersThatChange) {
  one_plan([](const Key& k, double sigma) { return normal(k, {33}, 0, sigma); }, Key(5), {0.5, 2, 3});
  one_plan([](const Key& k, double mean) { return normal(k, {33}, mean, 2); }, Key(5), {0.5, 2, 3});
  auto drawn = compile([](const Key& k, double low, double high) { return uniform(k, {33}, low, high); });
  for (double bound : {0.5, 2.0, 3.0})
    EXPECT_EQ(bits(drawn(Key(5), -bound, bound)),
              bits(uniform(Key(5), {33}) * static_cast<float>(2 * bound) - static_cast<float>(bound)));
  EXPECT_EQ(drawn.cache().plans().size(), 1u);
}

}  // namespace
}  // namespace duet
