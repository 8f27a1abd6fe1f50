// The kernel language: accuracy, special values, and the same bits from every number type.

#include <duet/ops/math.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "math_probe.h"
#include "reference.h"

namespace duet::probe {
namespace {

using math::bit_cast;
using math::Lane;
using math::Scalar;
using math::ScalarBits;
using S32 = Scalar<float>;
using S64 = Scalar<double>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<const Probe*> probes() {
  const Probe* found[4];
  return {found, found + available(found)};
}

std::uint32_t word(float x) { return bit_cast<std::uint32_t>(x); }
std::uint64_t word(double x) { return bit_cast<std::uint64_t>(x); }

/// Equality of the bit contract: NaN is a class.
template <class S>
bool same_bits(S a, S b) {
  return (a != a && b != b) || word(a) == word(b);
}

template <class S>
std::vector<S> special_values() {
  using L = std::numeric_limits<S>;
  std::vector<S> values = {S(0),          S(1),           S(2),        S(0.5),          S(3),
                           S(1.5),        S(100),         L::min(),    L::denorm_min(), L::max(),
                           L::infinity(), L::quiet_NaN(), L::epsilon()};
  const std::size_t n = values.size();
  for (std::size_t i = 0; i < n; ++i) values.push_back(-values[i]);
  return values;
}

/// About 2^20 bit patterns spread over all floats, neighbours far apart, then the special values and both sides of
/// every place where a formula changes its method.
const std::vector<float>& inputs() {
  static const std::vector<float> all = [] {
    std::vector<float> x;
    for (std::uint32_t i = 0; i < (1u << 20); ++i) x.push_back(bit_cast<float>(i * 2654435761u));
    for (float v : special_values<float>()) x.push_back(v);
    for (float edge : {0.8f,       0.625f,     0.9258f,         0.75f,     1.5f,      2.0f / 3, 4.0f / 3, 4.0f,
                       10.0f,      11.0f,      14.75f,          17.33f,    26.0f,     87.3f,    88.72f,   89.0f,
                       103.97f,    104.0f,     math::kTrigFast, 0x1p23f,   0x1p-126f, 0x1p-12f, 0.34657f, 1.0f,
                       3.1415927f, 1.5707964f, 0x1.47d0fep34f,  0x1.fp127f}) {
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

std::vector<std::uint32_t> random_words(std::size_t n, std::uint32_t seed) {
  std::vector<std::uint32_t> words(n);
  for (std::uint32_t& w : words) {
    seed = seed * 1664525u + 1013904223u;
    w = seed ^ (seed >> 15);
  }
  return words;
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
      return 3.0;
    case Fn::k_gelu_erf:
      return 5.3;
    case Fn::k_rsqrt:
      return 1.48;
    case Fn::k_abs:
    case Fn::k_relu:
      return 0;
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
  // The float nearest to a multiple of pi/2: a short table of 2/pi shows here.
  EXPECT_EQ(eval(Fn::k_cos, 0x1.f37b7cp+22f), static_cast<float>(std::cos(0x1.f37b7cp+22)));
  EXPECT_EQ(eval(Fn::k_sin, 0x1.fffffep+127f), static_cast<float>(std::sin(0x1.fffffep+127)));
  EXPECT_TRUE(std::isnan(eval(Fn::k_sin, kInf)));
}

TEST(Values, KeepTheSignOfZeroAndNan) {
  for (Fn fn : {Fn::k_expm1, Fn::k_log1p, Fn::k_tanh, Fn::k_erf, Fn::k_sin, Fn::k_gelu_tanh, Fn::k_gelu_erf, Fn::k_relu,
                Fn::k_sqrt}) {
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

template <class S, class Eval>
void expect_same_binary(const std::vector<S>& a, const std::vector<S>& b, Eval eval) {
  std::vector<S> y(a.size());
  for (const Probe* probe : probes()) {
    for (int f = 0; f < static_cast<int>(Fn2::kCount); ++f) {
      const Fn2 fn = static_cast<Fn2>(f);
      eval(*probe, fn, y.data());
      for (std::size_t i = 0; i < a.size(); ++i) {
        const S expected = apply2(fn, Scalar<S>::of(a[i]), Scalar<S>::of(b[i])).v;
        ASSERT_TRUE(same_bits(y[i], expected)) << probe->name << " operation " << f << " of " << a[i] << ", " << b[i];
      }
    }
  }
}

TEST(Packets, DoTheArithmeticOfScalars) {
  std::vector<float> a, b;
  for (float x : special_values<float>()) {
    for (float y : special_values<float>()) a.push_back(x), b.push_back(y);
  }
  for (std::uint32_t w : random_words(20011, 1)) a.push_back(bit_cast<float>(w));
  for (std::uint32_t w : random_words(20011, 2)) b.push_back(bit_cast<float>(w));
  const long n = static_cast<long>(a.size());
  expect_same_binary(a, b, [&](const Probe& p, Fn2 fn, float* y) { p.eval2_f32(fn, a.data(), b.data(), y, n); });

  std::vector<double> c, d;
  for (double x : special_values<double>()) {
    for (double y : special_values<double>()) c.push_back(x), d.push_back(y);
  }
  for (std::size_t i = 0; i < a.size(); ++i) c.push_back(double{a[i]} * 1.1), d.push_back(double{b[i]} / 3);
  const long m = static_cast<long>(c.size());
  expect_same_binary(c, d, [&](const Probe& p, Fn2 fn, double* y) { p.eval2_f64(fn, c.data(), d.data(), y, m); });
}

/// Values that end exactly where readable memory ends.
template <class S>
class Guarded {
 public:
  explicit Guarded(std::size_t n) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    base_ = static_cast<char*>(mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + page_, page_, PROT_NONE) != 0) std::abort();
    data_ = reinterpret_cast<S*>(base_ + page_) - n;
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(base_, 2 * page_); }
  S* data() { return data_; }
  S& operator[](std::size_t i) { return data_[i]; }

 private:
  std::size_t page_;
  char* base_;
  S* data_;
};

template <class S, class Load, class Unary>
void expect_partial(int lanes, Load load, Unary unary) {
  for (int n = 0; n <= lanes; ++n) {
    const std::size_t count = static_cast<std::size_t>(n);
    Guarded<S> x(count), y(count);
    for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<S>(i) + S(0.5);
    std::vector<S> loaded(static_cast<std::size_t>(lanes));
    load(x.data(), loaded.data(), n);
    for (int i = 0; i < lanes; ++i)
      EXPECT_EQ(loaded[static_cast<std::size_t>(i)], i < n ? static_cast<S>(i) + S(0.5) : S(1)) << n;
    unary(x.data(), y.data(), n);  // a store one too far would fault
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(y[i], x[i] * x[i]);
  }
}

TEST(Packets, PartialLoadsAndStoresTouchNothingElse) {
  for (const Probe* p : probes()) {
    expect_partial<float>(p->lanes_f32, p->partial_f32,
                          [&](const float* x, float* y, int n) { p->eval_f32(Fn::k_square, x, y, n); });
    expect_partial<double>(p->lanes_f64, p->partial_f64,
                           [&](const double* x, double* y, int n) { p->eval_f64(Fn::k_square, x, y, n); });
  }
}

template <class S, class Masks>
void expect_masks(int lanes, Masks masks) {
  const std::vector<S> values = {S(1), S(2), S(2), -S(0), S(0), std::numeric_limits<S>::quiet_NaN(), -S(1)};
  for (int n = 0; n <= 2 * lanes + 1; ++n) {
    for (int c = 0; c < static_cast<int>(Compare::kCount); ++c) {
      const std::size_t count = static_cast<std::size_t>(n);
      Guarded<S> a(count), b(count), y(count);
      Guarded<std::uint8_t> mask(count), out(count);
      for (std::size_t i = 0; i < count; ++i) {
        a[i] = values[i % 7];
        b[i] = values[(i + i / 7 + 1) % 7];
        mask[i] = static_cast<std::uint8_t>(i % 3 != 0);
      }
      masks(static_cast<Compare>(c), a.data(), b.data(), mask.data(), y.data(), out.data(), n);
      for (std::size_t i = 0; i < count; ++i) {
        const bool holds = compare(static_cast<Compare>(c), Scalar<S>::of(a[i]), Scalar<S>::of(b[i])).v && mask[i] == 1;
        ASSERT_EQ(out[i], holds ? 1 : 0) << "comparison " << c << ", lane " << i << " of " << n;
        ASSERT_TRUE(same_bits(y[i], holds ? a[i] : b[i])) << "comparison " << c << ", lane " << i << " of " << n;
      }
    }
  }
}

TEST(Packets, MasksAreBoolsInMemory) {
  for (const Probe* p : probes()) {
    expect_masks<float>(p->lanes_f32, p->masks_f32);
    expect_masks<double>(p->lanes_f64, p->masks_f64);
  }
}

TEST(Bits, OfScalars) {
  const ScalarBits a(0xf0000010u), b(0x10u);
  EXPECT_EQ((a + b).v, 0xf0000020u);
  EXPECT_EQ((b - a).v, 0x10000000u);
  EXPECT_EQ((a ^ b).v, 0xf0000000u);
  EXPECT_EQ((a >> 4).v, 0x0f000001u);
  EXPECT_EQ(sar(a, 4).v, 0xff000001u);
  EXPECT_EQ((a << 4).v, 0x00000100u);
  EXPECT_EQ(mul_lo(a, b).v, 0x00000100u);
  EXPECT_EQ(mul_hi(a, b).v, 0xfu);
}

TEST(Bits, OfPacketsAreThoseOfScalars) {
  for (const Probe* p : probes()) {
    const std::size_t lanes = static_cast<std::size_t>(p->lanes_f32);
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
      const auto a = random_words(lanes, seed);
      auto b = random_words(lanes, seed + 1000);
      b[seed % lanes] = a[seed % lanes];
      std::vector<std::uint32_t> y(kBitsOps * lanes);
      p->bits(a.data(), b.data(), y.data());
      for (std::size_t i = 0; i < lanes; ++i) {
        ScalarBits expected[kBitsOps];
        bits_ops(ScalarBits(a[i]), ScalarBits(b[i]), expected);
        for (std::size_t op = 0; op < kBitsOps; ++op)
          ASSERT_EQ(y[op * lanes + i], expected[op].v) << p->name << " " << op;
      }
    }
  }
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

TEST(Packets, WideKernelsAreCheckedWhereTheProcessorHasThem) {
  ASSERT_FALSE(probes().empty());
  if (probes().size() < 2) GTEST_SKIP() << "no AVX-512 here";
  EXPECT_EQ(probes().back()->lanes_f32, 2 * probes().front()->lanes_f32);
}

}  // namespace
}  // namespace duet::probe
