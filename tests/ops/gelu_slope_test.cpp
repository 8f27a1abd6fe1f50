// gelu's derivative has a formula of its own: Φ(x) + x·φ(x), against the C library's erfc and exp.
#include <gtest/gtest.h>

#include <cmath>

#include "duet/duet.h"

namespace duet::testing {
namespace {

double slope(double x) {
  if (std::isinf(x)) return x > 0 ? 1 : 0;
  return 0.5 * std::erfc(-x * M_SQRT1_2) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
}

std::vector<double> slopes(const std::vector<double>& x, DType dtype) {
  const Tensor at = from_vector(x, {std::ssize(x)}).to(dtype);
  return grad([](const Tensor& t) { return sum(gelu(t)); })(at).to(f64).to_vector<double>();
}

TEST(GeluSlope, IsTheDerivative) {
  std::vector<double> x;
  for (int i = -20 * 512; i <= 20 * 512; ++i) x.push_back(i / 512.0);
  const std::vector<double> single = slopes(x, f32), twice = slopes(x, f64);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(single[i], slope(x[i]), 1.5e-7) << x[i];
    EXPECT_NEAR(twice[i], slope(x[i]), 1e-15) << x[i];
    // In the negative tail, which ends at 0, the last digits are right too: away from the zero at -0.75.
    if (x[i] < -1 && x[i] > -13) {
      EXPECT_NEAR(single[i] / slope(x[i]), 1, 6e-7) << x[i];
    }
  }
}

TEST(GeluSlope, AtTheEnds) {
  const double inf = INFINITY;
  for (const DType dtype : {f32, f64}) {
    const std::vector<double> y = slopes({0, -0.0, inf, -inf, 1e30, -1e30, 14.75, -14.75, NAN}, dtype);
    const std::vector<double> expected = {0.5, 0.5, 1, 0, 1, 0, 1, 0};
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-30) << i;
    EXPECT_TRUE(std::isnan(y.back()));
  }
}

// The second derivative, φ(x)·(2 − x²), is 0 at the ends, not inf · 0.
TEST(GeluSlope, OfASlope) {
  const std::vector<double> x = {-INFINITY, -2, -0.5, 0, 1, 3, INFINITY};
  auto first = [](const Tensor& t) { return sum(grad([](const Tensor& u) { return sum(gelu(u)); })(t)); };
  const std::vector<double> y = grad(first)(from_vector(x, {std::ssize(x)})).to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected =
        std::isinf(x[i]) ? 0 : std::exp(-0.5 * x[i] * x[i]) / std::sqrt(2 * M_PI) * (2 - x[i] * x[i]);
    EXPECT_NEAR(y[i], expected, 1e-14) << x[i];
  }
}

}  // namespace
}  // namespace duet::testing
