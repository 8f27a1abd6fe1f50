// Powers: every special pair as the C library has it, and the error over pairs of every kind.

#include <gtest/gtest.h>

#include "pow_pairs.h"
#include "reference.h"

namespace duet::probe {
namespace {

std::vector<double> special_numbers() {
  std::vector<double> v = {0,
                           0.5,
                           1,
                           1.5,
                           2,
                           2.5,
                           3,
                           100,
                           101,
                           1.0 / 3,
                           0x1p-149,
                           0x1p-126,
                           0x1p-1022,
                           0x1p-1074,
                           0x1p23,
                           0x1p24,
                           0x1p53,
                           8388607.5,
                           8388609,
                           16777215,
                           0x1p24 + 2,
                           0x1.fffffep127,
                           0x1p1000,
                           0x1.fffffffffffffp1023,
                           1e10,
                           0x1.fffffep-1,
                           0x1.000002p0,
                           4503599627370495.5,
                           INFINITY,
                           NAN};
  const std::size_t n = v.size();
  for (std::size_t i = 0; i < n; ++i) v.push_back(-v[i]);
  return v;
}

TEST(Pow, SpecialPairsAreThoseOfIeee) {
  for (double a : special_numbers()) {
    for (double b : special_numbers()) {
      const double x = static_cast<double>(static_cast<float>(a)), z = static_cast<double>(static_cast<float>(b));
      const float y = pow(S32::of(static_cast<float>(a)), S32::of(static_cast<float>(b))).v;
      EXPECT_LE(ulp_error(y, std::pow(x, z)), 1) << x << " to the " << z << " is " << y;
      EXPECT_TRUE(same_bits(pow(S64::of(a), S64::of(b)).v, std::pow(a, b))) << a << " to the " << b;
    }
  }
}

TEST(Pow, TheTableOfIeee) {
  const auto p = [](float a, float b) { return pow(S32::of(a), S32::of(b)).v; };
  for (float x : special_values<float>()) {
    EXPECT_EQ(p(x, 0), 1);
    EXPECT_EQ(p(x, -0.0f), 1);
    EXPECT_EQ(p(1, x), 1);
  }
  EXPECT_EQ(word(p(-0.0f, 3)), word(-0.0f));
  EXPECT_EQ(word(p(-0.0f, 2)), word(0.0f));
  EXPECT_EQ(word(p(-0.0f, 0.5f)), word(0.0f));
  EXPECT_EQ(p(-0.0f, -3), -kInf);
  EXPECT_EQ(p(-0.0f, -2.5f), kInf);
  EXPECT_EQ(p(0, -1), kInf);
  EXPECT_EQ(p(-1, kInf), 1);
  EXPECT_EQ(p(-1, -kInf), 1);
  EXPECT_EQ(p(0.5f, kInf), 0);
  EXPECT_EQ(p(0.5f, -kInf), kInf);
  EXPECT_EQ(p(-2, kInf), kInf);
  EXPECT_EQ(word(p(-kInf, -3)), word(-0.0f));
  EXPECT_EQ(p(-kInf, 3), -kInf);
  EXPECT_EQ(p(-kInf, 2.5f), kInf);
  EXPECT_EQ(p(-2, 3), -8);
  EXPECT_EQ(p(-2, 4), 16);
  EXPECT_EQ(p(-2, -149), -0x1p-149f);
  EXPECT_EQ(p(-2, 16777215), -kInf);  // the largest odd number
  EXPECT_EQ(p(-2, 16777216), kInf);
  EXPECT_TRUE(std::isnan(p(-2, 0.5f)));
  EXPECT_TRUE(std::isnan(p(-2, 8388607.5f)));
  EXPECT_TRUE(std::isnan(p(kNan, 1)));
  EXPECT_TRUE(std::isnan(p(2, kNan)));
}

TEST(Pow, IntegerPowersThatAreFloatsAreExact) {
  for (int a = -20; a <= 20; ++a) {
    double exact = 1;
    for (int b = 0; b <= 30 && std::fabs(exact) <= 0x1p24; ++b, exact *= a)
      EXPECT_EQ(pow(S32(a), S32(b)).v, static_cast<float>(exact)) << a << " to the " << b;
  }
}

TEST(Pow, StaysWithinItsPublishedError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::size_t kPairs = 1 << 13;
#else
  constexpr std::size_t kPairs = 1 << 18;
#endif
  std::mt19937 rng(11);
  std::vector<float> a(kPairs), b(kPairs), y(kPairs);
  for (int kind = 0; kind < static_cast<int>(Pairs::kCount); ++kind) {
    draw_pairs(static_cast<Pairs>(kind), rng, a.data(), b.data(), kPairs);
    for (const Probe* probe : probes()) {
      probe->eval2_f32(Fn2::kPow, a.data(), b.data(), y.data(), static_cast<long>(kPairs));
      for (std::size_t i = 0; i < kPairs; ++i) {
        ASSERT_TRUE(same_bits(y[i], pow(S32::of(a[i]), S32::of(b[i])).v)) << probe->name << " " << a[i] << " " << b[i];
        ASSERT_LE(ulp_error(y[i], std::pow(double{a[i]}, double{b[i]})), 0.99)
            << kPairNames[kind] << ": " << a[i] << " to the " << b[i] << " is " << y[i];
      }
    }
  }
}

}  // namespace
}  // namespace duet::probe
