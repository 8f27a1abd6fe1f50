// Variance, deviation and logsumexp, from their list; and their special cases.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

TEST(StatsTest, EveryComposite) {
  check_samples(family_samples<Statistics>(), [](const std::string& wrong) { ADD_FAILURE() << wrong; });
}

TEST(StatsTest, DegreesOfFreedom) {
  const Tensor x = tensor({1.0f, 2.0f, 3.0f, 6.0f});
  EXPECT_EQ(var(x).item(), 3.5f);
  EXPECT_FLOAT_EQ(var(x, {}, 1).item(), 14.0f / 3);
  EXPECT_EQ(var(x, 0, 1).shape(), Shape{});
  EXPECT_FLOAT_EQ(stddev(x, 0, 2).item(), std::sqrt(7.0f));
  EXPECT_EQ(var(tensor({1, 2, 3, 6})).spec(), (Spec{f32, {}}));
  EXPECT_EQ(stddev(tensor({true, false})).item(), 0.5f);
  EXPECT_TRUE(std::isnan(var(ones({1}), {}, 1).item())) << "0 / 0";
  EXPECT_EQ(var(x, {}, 4).item(), INFINITY);
  EXPECT_EQ(var(x, {}, 9).item(), INFINITY) << "not negative";
  EXPECT_TRUE(std::isnan(var(zeros({0})).item()));
  // Numbers far from 0 against their spread: two passes lose nothing.
  EXPECT_EQ(var(x + 1e6f).item(), 3.5f);
}

TEST(StatsTest, DeviationOfEqualNumbersHasGradientZero) {
  const Tensor x = tensor({{2.0f, 2.0f}, {1.0f, 3.0f}});
  EXPECT_EQ(difference(stddev(x, 1), tensor({0.0f, 1.0f})), "");
  auto f = [](const Tensor& v) { return sum(stddev(v, 1)); };
  EXPECT_EQ(difference(grad(f)(x), tensor({{0.0f, 0.0f}, {-0.5f, 0.5f}})), "");
  const Tensor second = grad([&](const Tensor& v) { return sum(square(grad(f)(v))); })(x);
  EXPECT_EQ(second[0][0].item(), 0.0f);
  EXPECT_TRUE(std::isnan(stddev(tensor({1.0f, NAN})).item()));
  EXPECT_EQ(difference(compile(grad(f))(x), grad(f)(x)), "");
}

TEST(StatsTest, LogSumExpOfInfinities) {
  const float inf = INFINITY;
  const Tensor x =
      tensor({{-inf, -inf, -inf}, {-inf, 0.0f, -inf}, {0.0f, inf, -inf}, {NAN, 0.0f, inf}, {1000.0f, 1000.0f, -inf}});
  const Tensor y = logsumexp(x, 1);
  EXPECT_EQ(y[0].item(), -inf);
  EXPECT_EQ(y[1].item(), 0.0f);
  EXPECT_EQ(y[2].item(), inf);
  EXPECT_TRUE(std::isnan(y[3].item()));
  EXPECT_FLOAT_EQ(y[4].item(), 1000.0f + std::log(2.0f));
  const Tensor g = grad([](const Tensor& v) { return sum(logsumexp(v, 1)); })(x);
  EXPECT_EQ(difference(g[0], zeros({3})), "") << "a row that is masked altogether";
  EXPECT_EQ(difference(g[1], tensor({0.0f, 1.0f, 0.0f})), "");
  EXPECT_EQ(difference(g[4], tensor({0.5f, 0.5f, 0.0f})), "");
  EXPECT_TRUE(std::isnan(g[2][1].item()));
  EXPECT_EQ(logsumexp(zeros({2, 0}), 1)[1].item(), -inf) << "of nothing";
  EXPECT_EQ(logsumexp(x, {.axis = {0, 1}, .keepdims = true}).shape(), (Shape{1, 1}));
}

}  // namespace
}  // namespace duet::testing
