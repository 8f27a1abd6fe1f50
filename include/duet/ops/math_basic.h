#pragma once
// Sign, minimum and maximum, rounding, powers: the small helpers of the kernel language.

#include <duet/ops/scalar.h>

namespace duet::math {

template <class T>
DUET_FN T infinity() {
  return T(__builtin_inf());
}

template <class T>
DUET_FN T nan() {
  return T(__builtin_nan(""));
}

/// a < b ? a : b, exactly the x86 instruction: the second operand when they are equal or one is NaN.
template <class T>
DUET_FN T raw_min(const T& a, const T& b) {
  return select(a < b, a, b);
}

/// a > b ? a : b, exactly the x86 instruction: the second operand when they are equal or one is NaN.
template <class T>
DUET_FN T raw_max(const T& a, const T& b) {
  return select(a > b, a, b);
}

/// b < a ? b : a; NaN if either is. Of equal values (-0 and +0 too) the first.
template <class T>
DUET_FN T minimum(const T& a, const T& b) {
  return select(b == b, raw_min(b, a), b);
}

/// a < b ? b : a; NaN if either is. Of equal values (-0 and +0 too) the first.
template <class T>
DUET_FN T maximum(const T& a, const T& b) {
  return select(b == b, raw_max(b, a), b);
}

/// Clamp to [lo, hi]; NaN passes.
template <class T>
DUET_FN T clamp(const T& x, const T& lo, const T& hi) {
  return raw_min(hi, raw_max(lo, x));
}

/// x < 0 ? 0 : x. NaN and -0 pass.
template <class T>
DUET_FN T relu(const T& x) {
  return raw_max(T(0), x);
}

/// x > 0 ? x : slope x. NaN passes.
template <class T>
DUET_FN T leaky_relu(const T& x, const T& slope) {
  return select(x > T(0), x, slope * x);
}

/// |x|: clears the sign, of -0 too.
template <class T>
DUET_FN T abs(const T& x) {
  if constexpr (T::kIsDouble) {
    return select(x == T(0), T(0), select(x < T(0), -x, x));
  } else {
    return T::from_bits(bits(x) & typename T::Bits(0x7fffffffu));
  }
}

/// Gives y the sign of `sign`; y's own sign bit must be clear. f32 only.
template <class T>
DUET_FN T or_sign(const T& y, const T& sign) {
  return T::from_bits(bits(y) | (bits(sign) & typename T::Bits(0x80000000u)));
}

/// -1, 0 or 1; NaN and ±0 pass.
template <class T>
DUET_FN T sign(const T& x) {
  return select(x > T(0), T(1), select(x < T(0), -T(1), x));
}

/// The nearest integer, of two the even one, with x's sign. Adding 2^23 (2^52 in double) leaves no place for a
/// fraction.
template <class T>
DUET_FN T round(const T& x) {
  const T big(T::kIsDouble ? 0x1p52 : 0x1p23), a = abs(x), r = (a + big) - big;
  if constexpr (T::kIsDouble) {
    return select((a < big) & (a > T(0)), select(x < T(0), -r, r), x);
  } else {
    return select(a < big, or_sign(r, x), x);
  }
}

/// The largest integer that is not above x; -0 passes.
template <class T>
DUET_FN T floor(const T& x) {
  const T r = round(x);
  return select(r > x, r - T(1), r);
}

/// The smallest integer that is not below x; -0 above -1.
template <class T>
DUET_FN T ceil(const T& x) {
  return -floor(-x);
}

template <class T>
DUET_FN typename T::Mask isnan(const T& x) {
  return x != x;
}

template <class T>
DUET_FN typename T::Mask isinf(const T& x) {
  return abs(x) == infinity<T>();
}

template <class T>
DUET_FN T square(const T& x) {
  return x * x;
}

template <class T>
DUET_FN T reciprocal(const T& x) {
  return T(1) / x;
}

/// 1 / sqrt(x) by two IEEE operations. Max 1.5 ULP.
template <class T>
DUET_FN T rsqrt(const T& x) {
  return T(1) / sqrt(x);
}

/// Horner's rule by fma, highest coefficient first.
template <class T>
DUET_FN T horner(const T&, const T& p) {
  return p;
}
template <class T, class... Rest>
DUET_FN T horner(const T& x, const T& p, double next, Rest... rest) {
  return horner(x, fma(p, x, T(next)), rest...);
}

}  // namespace duet::math
