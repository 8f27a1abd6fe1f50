#pragma once
// a to the power b, for any two numbers.

#include <duet/ops/math_exp.h>

namespace duet::math {

/// A number as the sum of two, of which the second is small.
template <class T>
struct Two {
  T high, low;
};

/// Rounds |b| to an integer, half to even.
template <class T>
DUET_FN T round_magnitude(const T& b) {
  return select(b < T(0x1p+23), (b + T(0x1p+23)) - T(0x1p+23), b);
}

/// log2(x) for x >= 0 in two floats, to about 2^-33: x = m·2^e with m in [2/3, 4/3), s = (m - 1) / (m + 1),
/// log2(m) = 2/ln2 · (s + s (z/3 + z^2 P(z))) with z = s^2. The low part is NaN at 0 and inf.
template <class T>
DUET_FN Two<T> log2_two(const T& x) {
  T m, e;
  log_split(x, m, e);
  const T f = m - T(1), d = m + T(1), d_low = m - (d - T(1));
  const T inverse = T(1) / d, s = f * inverse;
  const T s_low = fma(-s, d_low, fma(-s, d, f)) * inverse;
  const T z = s * s, z_low = fma(s + s, s_low, fma(s, s, -z));
  const T third(0x1.555556p-2), third_low(-0x1.555556p-27);
  const T p = horner(z, T(0x1.97dbd2p-4), 0x1.c5c0c6p-4, 0x1.2494fep-3, 0x1.999996p-3);
  const T rest = fma(z * z, p, fma(z_low, third, z * third_low));
  const T q = fma(z, third, rest), q_low = fma(z, third, -q) + rest;
  // s (1 + q), then times 2 / ln2, then plus e: each time the larger part first.
  const T v = s * q, v_low = fma(s_low, q, fma(s, q_low, fma(s, q, -v)));
  const T w = s + v, w_low = ((s - w) + v) + (v_low + s_low);
  const T k(0x1.715476p+1);
  const T l = w * k, l_low = fma(w_low, k, fma(w, T(0x1.4ae0cp-25), fma(w, k, -l)));
  const T high = e + l;
  return {high, ((e - high) + l) + l_low};
}

/// 2^r on |r| <= 0.5005, degree 6.
template <class T>
DUET_FN T exp2_poly(const T& r) {
  return horner(r, T(0x1.4424c8p-13), 0x1.5f0df8p-10, 0x1.3b2a48p-7, 0x1.c6af72p-5, 0x1.ebfbep-3, 0x1.62e43p-1, 1);
}

/// |a|^b as 2^(b log2|a|), logarithm and product in two floats; signs and special cases as in IEEE 754: 1 for b = 0 and
/// for a = 1, whatever the other is; NaN for a finite negative a and a b that is no integer. Max 0.99 ULP.
template <class T>
DUET_FN T pow(const T& a, const T& b) {
  if constexpr (T::kIsDouble) {
    return libm(Libm2::kPow, a, b);
  } else {
    const T x = abs(a), size = abs(b);
    const Two<T> l = log2_two(x);
    // Beyond 2^33 every power is 0, 1 or inf, and the product below stays finite.
    const T y = clamp(b, T(-0x1p+33), T(0x1p+33));
    const T product = y * l.high;
    const T t = clamp(product, T(-152), T(130));
    const T low = select(t == product, fma(y, l.low, fma(y, l.high, -product)), T(0));
    const T shifted = t + T(0x1.8p+23);
    const T nf = shifted - T(0x1.8p+23);
    const T p = exp2_poly((t - nf) + low);
    const T power = scale_pow2(p, nf, bits(shifted) - typename T::Bits(0x4b400000u));

    const T half = size * T(0.5);
    const auto integer = round_magnitude(size) == size;
    const auto odd = integer & (round_magnitude(half) != half);
    const T signed_power = select(odd, or_sign(power, a), power);
    const auto undefined = (a < T(0)) & (x < infinity<T>()) & ~integer & (b == b);
    return select((b == T(0)) | (a == T(1)), T(1), select(undefined, nan<T>(), signed_power));
  }
}

}  // namespace duet::math
