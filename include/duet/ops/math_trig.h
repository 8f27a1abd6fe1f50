#pragma once
// sin and cos over all floats: a fast reduction by fma, an exact one in integers for large arguments.

#include <duet/ops/math_basic.h>

namespace duet::math {

/// Beyond this the three-term reduction loses accuracy; reduce_pio2 replaces its results.
inline constexpr float kTrigFast = 0x1p+17f;

/// x = n·pi/2 + r exactly reduced (Payne and Hanek), for finite |x| >= 1: the product of x's 24 bits with the 96 bits
/// of 2/pi that matter, modulo 4. x is the float's bits; r is in [-pi/4, pi/4] and rounded once from double.
DUET_FN float reduce_pio2_exact(std::uint32_t x, std::uint32_t& n) {
  const std::uint32_t two_over_pi[] = {0u,          0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                       0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu};
  const std::uint32_t exponent = (x >> 23) & 0xffu;
  if (exponent == 0xffu) {
    n = 0;
    return __builtin_nanf("");
  }
  // x = m·2^s with 24-bit m. Bits of 2/pi above 2^(2 - s) only add multiples of 4, so the window of 96 bits begins
  // there; its words are cut from the table, which begins 32 bits before the binary point.
  const std::uint64_t m = (x & 0x7fffffu) | 0x800000u;
  const std::uint32_t start = exponent - 150u + 30u;
  const std::uint32_t word = start >> 5, shift = start & 31u;
  std::uint32_t w[3];
  for (std::uint32_t i = 0; i < 3; ++i) {
    const std::uint64_t pair = (std::uint64_t{two_over_pi[word + i]} << 32) | two_over_pi[word + i + 1];
    w[i] = static_cast<std::uint32_t>(pair >> (32u - shift));
  }
  // The product's 64 bits below 4: 2 of quadrant, 62 of fraction.
  std::uint64_t p = ((m * w[0]) << 32) + m * w[1] + ((m * w[2]) >> 32);
  const std::uint64_t quadrant = (p + (std::uint64_t{1} << 61)) >> 62;
  p -= quadrant << 62;
  const double r = static_cast<double>(static_cast<std::int64_t>(p)) * 0x1.921fb54442d18p-62;
  const bool negative = (x >> 31) != 0;
  n = static_cast<std::uint32_t>(negative ? 4u - quadrant : quadrant) & 3u;
  return static_cast<float>(negative ? -r : r);
}

/// The scalar form of the vocabulary's reduce_pio2: where |x| > kTrigFast, replaces r and n by the exact ones.
DUET_FN void reduce_pio2(Scalar<float> x, Scalar<float>& r, ScalarBits& n) {
  if (x.v > kTrigFast || x.v < -kTrigFast) r.v = reduce_pio2_exact(bits(x).v, n.v);
}

/// x = n·pi/2 + r, |r| <= 0.9, n modulo 4.
template <class T>
DUET_FN void trig_reduce(const T& x, T& r, typename T::Bits& n) {
  const T t = fma(x, T(0x1.45f306p-1), T(0x1.8p+23));
  const T nf = t - T(0x1.8p+23);
  n = bits(t);
  r = fma(nf, T(-0x1.846988p-48), fma(nf, T(-0x1.4442dp-24), fma(nf, T(-0x1.921fb4p+0), x)));
  reduce_pio2(x, r, n);
}

/// sin(r) for even n, cos(r) for odd n, negated where n & 2.
template <class T>
DUET_FN T trig_poly(const T& r, const typename T::Bits& n) {
  using B = typename T::Bits;
  const T s = r * r;
  const T p = horner(s, T(0x1.709a3cp-19), -0x1.a02c16p-13, 0x1.11114ap-7, -0x1.555556p-3);
  const T sine = fma(p, fma(r, s, T(0)), r);  // + 0 keeps r's -0 apart from the product's
  const T cosine = horner(s, T(0x1.98014p-16), -0x1.6c04a2p-10, 0x1.55553cp-5, -0.5, 1);
  const T y = select((n & B(1u)) == B(0u), sine, cosine);
  return T::from_bits(bits(y) ^ ((n & B(2u)) << 30));
}

/// Sine. Max 1.53 ULP.
template <class T>
DUET_FN T sin(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kSin, x);
  } else {
    T r;
    typename T::Bits n;
    trig_reduce(x, r, n);
    return trig_poly(r, n);
  }
}

/// Cosine. Max 1.53 ULP.
template <class T>
DUET_FN T cos(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kCos, x);
  } else {
    T r;
    typename T::Bits n;
    trig_reduce(x, r, n);
    return trig_poly(r, n + typename T::Bits(1u));
  }
}

}  // namespace duet::math
