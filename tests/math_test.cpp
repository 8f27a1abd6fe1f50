// The kernel language: accuracy, special values, and the same bits from every number type.

#include <duet/ops/math.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "probe_testing.h"
#include "reference.h"

namespace duet::probe {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kPatterns = 1u << 14;
#else
constexpr std::uint32_t kPatterns = 1u << 20;
#endif

/// Bit patterns spread over all floats, neighbours far apart, then the special values and both sides of
/// every place where a formula changes its method.
const std::vector<float>& inputs() {
  static const std::vector<float> all = [] {
    std::vector<float> x;
    for (std::uint32_t i = 0; i < kPatterns; ++i) x.push_back(bit_cast<float>(i * 2654435761u));
    for (float v : special_values<float>()) x.push_back(v);
    for (float edge : {0.8f,
                       0.625f,
                       0.9258f,
                       0.75f,
                       1.5f,
                       2.0f / 3,
                       4.0f / 3,
                       4.0f,
                       10.0f,
                       11.0f,
                       14.75f,
                       17.33f,
                       120.0f,
                       0.5f,
                       2.5f,
                       26.0f,
                       87.3f,
                       88.72f,
                       89.0f,
                       103.97f,
                       104.0f,
                       math::kTrigFast,
                       0x1p23f,
                       0x1p-126f,
                       0x1p-12f,
                       0.34657f,
                       1.0f,
                       3.1415927f,
                       1.5707964f,
                       0x1.47d0fep34f,
                       0x1.fp127f,
                       0x1.555556p5f,
                       0x1.555556p-9f,
                       0x1.555556p60f,
                       0x1.555556p-101f}) {
      for (std::uint32_t i = 0; i < 129; ++i) {
        const float near = bit_cast<float>(word(edge) + i - 64u);
        x.push_back(near);
        x.push_back(-near);
      }
    }
    return x;
  }();
  return all;
}

/// Published bounds, in ULP (docs/ulp.md).
double bound(Fn fn) {
  switch (fn) {
    case Fn::k_exp:
      return 0.9;
    case Fn::k_expm1:
      return 1.53;
    case Fn::k_log:
      return 0.94;
    case Fn::k_log1p:
      return 1.27;
    case Fn::k_tanh:
      return 1.37;
    case Fn::k_sigmoid:
      return 1.65;
    case Fn::k_erf:
      return 1.09;
    case Fn::k_sin:
    case Fn::k_cos:
      return 1.53;
    case Fn::k_gelu_tanh:
      return 3.2;
    case Fn::k_gelu_erf:
      return 4.92;
    case Fn::k_rsqrt:
      return 1.5;
    case Fn::k_abs:
    case Fn::k_relu:
    case Fn::k_sign:
    case Fn::k_floor:
    case Fn::k_ceil:
    case Fn::k_round:
      return 0;
    case Fn::k_silu:
      return 1.1;
    case Fn::k_softplus:
      return 1.6;
    case Fn::k_reciprocal:
    case Fn::k_square:
    case Fn::k_sqrt:
    case Fn::kCount:
      break;
  }
  return 0.5;
}

class Functions : public testing::TestWithParam<int> {
 protected:
  Fn fn() const { return static_cast<Fn>(GetParam()); }
};

TEST_P(Functions, StaysWithinItsPublishedError) {
  const std::vector<float>& x = inputs();
  double worst = 0;
  float at = 0;
  for (float v : x) {
    const float y = apply(fn(), S32::of(v)).v;
    const double ref = reference(fn(), static_cast<double>(v)), error = ulp_error(y, ref);
    if (error > worst) {
      worst = error;
      at = v;
    }
    // What a network feels is the absolute error.
    if ((fn() == Fn::k_gelu_erf || fn() == Fn::k_gelu_tanh) && std::isfinite(v)) {
      ASSERT_LE(std::fabs(static_cast<double>(y) - ref), 2e-7 * std::fmax(1, std::fabs(v))) << v;
    }
  }
  EXPECT_LE(worst, bound(fn())) << kNames[GetParam()] << " at " << at;
}

TEST_P(Functions, GiveTheSameBitsInEveryNumberType) {
  const std::vector<float>& x = inputs();
  std::vector<float> y(x.size());
  for (const Probe* probe : probes()) {
    probe->eval_f32(fn(), x.data(), y.data(), static_cast<long>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float expected = apply(fn(), S32::of(x[i])).v;
      ASSERT_TRUE(same_bits(y[i], expected))
          << probe->name << " " << kNames[GetParam()] << "(" << x[i] << ") = " << y[i] << ", scalar " << expected;
    }
  }
}

TEST_P(Functions, InDoubleAgreeWithTheReference) {
  std::vector<double> x = special_values<double>();
  for (double v = -30; v < 30; v += 0.37) x.push_back(v);
  std::vector<double> y(x.size());
  for (const Probe* probe : probes()) {
    probe->eval_f64(fn(), x.data(), y.data(), static_cast<long>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_TRUE(same_bits(y[i], apply(fn(), S64::of(x[i])).v)) << probe->name << " " << x[i];
      const double ref = reference(fn(), x[i]);
      if (!std::isfinite(ref)) {
        ASSERT_TRUE(same_bits(y[i], ref)) << probe->name << " " << x[i] << ": " << y[i] << ", not " << ref;
      } else {
        ASSERT_NEAR(y[i], ref, 1e-13 * std::fmax(1, std::fabs(ref))) << probe->name << " " << x[i];
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Functions, testing::Range(0, static_cast<int>(Fn::kCount)),
                         [](const auto& info) { return kNames[info.param]; });

float eval(Fn fn, float x) { return apply(fn, S32::of(x)).v; }

TEST(Values, AtPlacesWhereOthersFail) {
  EXPECT_EQ(eval(Fn::k_exp, -100), 0x1.bp-145f);  // denormal
  EXPECT_EQ(eval(Fn::k_exp, 88.5f), 0x1.99b986p+127f);
  EXPECT_EQ(eval(Fn::k_exp, 89), kInf);
  EXPECT_EQ(eval(Fn::k_log, 0x1p-149f), -0x1.9d1dap+6f);
  EXPECT_EQ(eval(Fn::k_log, 0), -kInf);
  EXPECT_EQ(eval(Fn::k_tanh, 9.1f), 1);
  EXPECT_EQ(word(eval(Fn::k_gelu_erf, -kInf)), word(-0.0f));
  EXPECT_EQ(word(eval(Fn::k_gelu_tanh, -kInf)), word(-0.0f));
  EXPECT_EQ(eval(Fn::k_gelu_erf, kInf), kInf);
  EXPECT_EQ(eval(Fn::k_sigmoid, -kInf), 0);
  EXPECT_EQ(word(eval(Fn::k_silu, -kInf)), word(-0.0f));
  EXPECT_EQ(eval(Fn::k_silu, kInf), kInf);
  EXPECT_EQ(eval(Fn::k_softplus, -kInf), 0);
  EXPECT_EQ(eval(Fn::k_softplus, kInf), kInf);
  EXPECT_EQ(eval(Fn::k_softplus, 3e38f), 3e38f);
  EXPECT_EQ(word(eval(Fn::k_round, -0.3f)), word(-0.0f));
  EXPECT_EQ(word(eval(Fn::k_ceil, -0.3f)), word(-0.0f));
  EXPECT_EQ(eval(Fn::k_round, 2.5f), 2);
  // The float nearest to a multiple of pi/2: a short table of 2/pi shows here.
  EXPECT_EQ(eval(Fn::k_cos, 0x1.f37b7cp+22f), static_cast<float>(std::cos(0x1.f37b7cp+22)));
  EXPECT_EQ(eval(Fn::k_sin, 0x1.fffffep+127f), static_cast<float>(std::sin(0x1.fffffep+127)));
  EXPECT_TRUE(std::isnan(eval(Fn::k_sin, kInf)));
}

TEST(Values, KeepTheSignOfZeroAndNan) {
  for (Fn fn : {Fn::k_expm1, Fn::k_log1p, Fn::k_tanh, Fn::k_erf, Fn::k_sin, Fn::k_gelu_tanh, Fn::k_gelu_erf, Fn::k_relu,
                Fn::k_sqrt, Fn::k_sign, Fn::k_floor, Fn::k_ceil, Fn::k_round, Fn::k_silu}) {
    EXPECT_EQ(word(eval(fn, -0.0f)), word(-0.0f)) << kNames[static_cast<int>(fn)];
    EXPECT_EQ(word(eval(fn, 0.0f)), word(0.0f)) << kNames[static_cast<int>(fn)];
  }
  for (int fn = 0; fn < static_cast<int>(Fn::kCount); ++fn)
    EXPECT_TRUE(std::isnan(eval(static_cast<Fn>(fn), kNan))) << kNames[fn];
}

TEST(Values, MinimumAndMaximum) {
  const auto both = [](Fn2 fn, float a, float b) { return word(apply2(fn, S32::of(a), S32::of(b)).v); };
  EXPECT_EQ(both(Fn2::kMaximum, 1, 2), word(2.0f));
  EXPECT_EQ(both(Fn2::kMinimum, 1, 2), word(1.0f));
  for (Fn2 fn : {Fn2::kMaximum, Fn2::kMinimum}) {
    EXPECT_EQ(both(fn, -0.0f, 0.0f), word(-0.0f));  // of equal values the first
    EXPECT_EQ(both(fn, 0.0f, -0.0f), word(0.0f));
    EXPECT_TRUE(std::isnan(bit_cast<float>(both(fn, kNan, 1))));
    EXPECT_TRUE(std::isnan(bit_cast<float>(both(fn, 1, kNan))));
  }
  EXPECT_EQ(both(Fn2::kRawMin, kNan, 1), word(1.0f));  // the second
  EXPECT_EQ(both(Fn2::kRawMax, kNan, 1), word(1.0f));
  EXPECT_EQ(both(Fn2::kRawMax, -0.0f, 0.0f), word(0.0f));
}

struct KnownAnswer {
  std::array<std::uint32_t, 4> counter;
  std::array<std::uint32_t, 2> key;
  std::array<std::uint32_t, 4> words;
};

// The known answers published with Random123.
constexpr KnownAnswer kPhilox[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(Random, PhiloxGivesItsKnownAnswers) {
  for (const KnownAnswer& k : kPhilox) {
    const auto word_of = [](std::uint32_t w) { return ScalarBits(w); };
    const auto scalar = math::philox(word_of(k.counter[0]), word_of(k.counter[1]), word_of(k.counter[2]),
                                     word_of(k.counter[3]), word_of(k.key[0]), word_of(k.key[1]));
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(scalar.v[i].v, k.words[i]);
    for (const Probe* p : probes()) {
      const std::size_t lanes = static_cast<std::size_t>(p->lanes_f32);
      std::vector<std::uint32_t> c[4], y(4 * lanes);
      for (std::size_t i = 0; i < 4; ++i) c[i].assign(lanes, k.counter[i]);
      const std::uint32_t* const counters[] = {c[0].data(), c[1].data(), c[2].data(), c[3].data()};
      p->philox(counters, k.key[0], k.key[1], y.data());
      for (std::size_t i = 0; i < 4 * lanes; ++i) EXPECT_EQ(y[i], k.words[i / lanes]) << p->name;
    }
  }
}

TEST(Random, UniformIsExactAndBelowOne) {
  for (std::uint32_t w : random_words(10000, 3)) {
    EXPECT_EQ(math::uniform_from_bits<S32>(ScalarBits(w)).v, static_cast<float>(w >> 8) * 0x1p-24f);
  }
  EXPECT_EQ(math::uniform_from_bits<S32>(ScalarBits(0)).v, 0);
  EXPECT_EQ(math::uniform_from_bits<S32>(ScalarBits(0xffffffffu)).v, 0x1.fffffep-1f);
}

TEST(Random, NormalHasItsMoments) {
  constexpr std::size_t kCount = 200000;
  const auto first = random_words(kCount, 4), second = random_words(kCount, 5);
  double sum = 0, squares = 0, cross = 0, fourth = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    S32 a, b;
    math::normal_pair<S32>(ScalarBits(first[i]), ScalarBits(second[i]), a, b);
    const double x = double{a.v}, y = double{b.v};
    sum += x + y;
    squares += x * x + y * y;
    fourth += x * x * x * x + y * y * y * y;
    cross += x * y;
  }
  constexpr double kBoth = 2.0 * kCount;
  EXPECT_NEAR(sum / kBoth, 0, 0.006);
  EXPECT_NEAR(squares / kBoth, 1, 0.01);
  EXPECT_NEAR(fourth / kBoth, 3, 0.08);
  EXPECT_NEAR(cross / kCount, 0, 0.01);
  S32 a, b;
  math::normal_pair<S32>(ScalarBits(0), ScalarBits(0), a, b);  // the longest radius
  EXPECT_NEAR(a.v, 5.768108f, 1e-5f);
  math::normal_pair<S32>(ScalarBits(0xffffffffu), ScalarBits(0), a, b);  // the shortest
  EXPECT_EQ(a.v, 0);
}

TEST(Random, PacketsDrawTheNumbersOfScalars) {
  for (const Probe* p : probes()) {
    const std::size_t lanes = static_cast<std::size_t>(p->lanes_f32);
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
      const auto w0 = random_words(lanes, seed), w1 = random_words(lanes, ~seed);
      std::vector<float> y(3 * lanes);
      p->random(w0.data(), w1.data(), y.data());
      for (std::size_t i = 0; i < lanes; ++i) {
        S32 a, b;
        math::normal_pair<S32>(ScalarBits(w0[i]), ScalarBits(w1[i]), a, b);
        ASSERT_EQ(word(y[i]), word(math::uniform_from_bits<S32>(ScalarBits(w0[i])).v)) << p->name;
        ASSERT_EQ(word(y[lanes + i]), word(a.v)) << p->name;
        ASSERT_EQ(word(y[2 * lanes + i]), word(b.v)) << p->name;
      }
    }
  }
}

TEST(Integers, WrapAround) {
  using I = Lane<std::int32_t>;
  using L = Lane<std::int64_t>;
  using U = Lane<std::uint8_t>;
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max(),
                         kMin = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ((I::of(kMax) + I::of(1)).v, kMin);
  EXPECT_EQ((I::of(kMin) - I::of(1)).v, kMax);
  EXPECT_EQ((I::of(kMax) * I::of(kMax)).v, 1);
  EXPECT_EQ((-I::of(kMin)).v, kMin);
  EXPECT_EQ(abs(I::of(-7)).v, 7);
  EXPECT_EQ((L::of(std::numeric_limits<std::int64_t>::max()) + L::of(1)).v, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ((L::of(-3) * L::of(5)).v, -15);
  EXPECT_EQ((U::of(200) + U::of(100)).v, 44);
  EXPECT_EQ((U::of(20) * U::of(20)).v, 144);
  EXPECT_EQ((U::of(1) - U::of(2)).v, 255);
}

TEST(Integers, CompareAndSelect) {
  using I = Lane<std::int32_t>;
  EXPECT_EQ(maximum(I::of(-3), I::of(2)).v, 2);
  EXPECT_EQ(minimum(I::of(-3), I::of(2)).v, -3);
  EXPECT_EQ(relu(I::of(-3)).v, 0);
  EXPECT_EQ(square(I::of(-3)).v, 9);
  EXPECT_EQ(clamp(I::of(9), I::of(0), I::of(5)).v, 5);
  EXPECT_EQ(select(I::of(1) != I::of(1), I::of(4), I(6)).v, 6);
}

}  // namespace
}  // namespace duet::probe
