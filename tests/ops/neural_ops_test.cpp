// Normalisations, losses, dropout and attention, from their list; and their special cases.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

TEST(NeuralOpsTest, EveryOneOfTheList) {
  check_samples(family_samples<NeuralOps>(), [](const std::string& wrong) { ADD_FAILURE() << wrong; });
}

TEST(NeuralOpsTest, LargeLogitsNeitherOverflowNorLoseSmallLosses) {
  const Tensor x = tensor({200.f, -200.f, 1e30f, -1e30f});
  EXPECT_EQ(binary_cross_entropy(x, tensor({1.f, 0.f, 1.f, 0.f})).item(), 0);
  EXPECT_EQ(binary_cross_entropy(x, tensor({0.f, 1.f, 0.f, 1.f})).item(), (400.f + 2e30f) / 4);
  EXPECT_FLOAT_EQ(binary_cross_entropy(tensor({20.f}), 1).item(), std::log1p(std::exp(-20.f)));
  const Tensor g = grad([](const Tensor& v) { return binary_cross_entropy(v, 1); })(tensor({0.f}));
  EXPECT_EQ(g[0].item(), -0.5f);  // no kink at 0, whatever the formula is made of
}

TEST(NeuralOpsTest, AQueryThatSeesNothingGivesZerosAndZeroGradients) {
  Rng rng(5);
  auto numbers = drawing(rng, Draw::plain, f32);
  const Tensor q = laid_out({3, 4}, f32, Layout::dense, numbers), k = laid_out({5, 4}, f32, Layout::dense, numbers),
               v = laid_out({5, 2}, f32, Layout::dense, numbers);
  const Tensor rows = reshape(arange(3), {3, 1}), sees = broadcast_to(rows != 1, {3, 5});
  for (const Tensor& mask : {sees, where(sees, zeros({3, 5}), -INFINITY)}) {
    auto f = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
      return sum(square(attention(a, b, c, {.mask = mask})));
    };
    const Tensor y = attention(q, k, v, {.mask = mask});
    EXPECT_EQ(bits(y[1]), bits(zeros({2})));
    EXPECT_EQ(bits(y[0]), bits(attention(q, k, v)[0]));
    const auto [dq, dk, dv] = grad<0, 1, 2>(f)(q, k, v);
    EXPECT_EQ(sum(abs(dq[1])).item(), 0);
    for (const Tensor& g : {dq, dk, dv}) EXPECT_TRUE(std::isfinite(sum(g).item()));
  }
}

TEST(NeuralOpsTest, DropoutKeepsTheMeanAndRepeatsWithItsKey) {
  const Tensor x = ones({100, 1000});
  const Tensor y = dropout(x, 0.25, Key(3));
  EXPECT_NEAR(mean(y).item(), 1, 0.01);
  EXPECT_NEAR(mean(y == 0).item(), 0.25, 0.01);
  EXPECT_EQ(bits(y), bits(dropout(x, 0.25, Key(3))));
  EXPECT_NE(bits(y), bits(dropout(x, 0.25, Key(4))));
  // What is dropped is 0 whatever it was.
  EXPECT_FALSE(std::isinf(max(where(dropout(x, 0.5, Key(1)) == 0, dropout(x * INFINITY, 0.5, Key(1)), 0)).item()));
  EXPECT_EQ(bits(dropout(x * -0.0f, 0, Key(1))), bits(x * -0.0f));
}

}  // namespace
}  // namespace duet::testing
