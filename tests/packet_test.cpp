// Packets against scalars: arithmetic, comparisons, masks, words, partial registers.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string_view>

#include "probe_testing.h"

namespace duet::probe {
namespace {

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

// Packets of one sign and one binade: no other lane asks for the exact reduction in their stead.
TEST(Packets, ReduceLargeAnglesOfEverySignAndSize) {
  for (const Probe* p : probes()) {
    for (float scale = 0x1p+15f; scale < 0x1p+30f; scale *= 2) {
      for (float sign : {1.0f, -1.0f}) {
        std::vector<float> x(1024), y(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = sign * scale * (1 + static_cast<float>(i) / 1025);
        for (Fn fn : {Fn::k_sin, Fn::k_cos}) {
          p->eval_f32(fn, x.data(), y.data(), static_cast<long>(x.size()));
          for (std::size_t i = 0; i < x.size(); ++i) {
            ASSERT_EQ(word(y[i]), word(apply(fn, Scalar<float>::of(x[i])).v)) << p->name << " " << x[i];
          }
        }
      }
    }
  }
}

TEST(Packets, WideKernelsAreCheckedWhereTheProcessorHasThem) {
  ASSERT_FALSE(probes().empty());
  if (std::string_view(probes().back()->name) != "v4") GTEST_SKIP() << "no AVX-512 here";
  EXPECT_EQ(probes().back()->lanes_f32, 16);
}

}  // namespace
}  // namespace duet::probe
