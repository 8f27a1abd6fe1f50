#pragma once
// silu and softplus, accurate in relative terms down to the last denormal.

#include <duet/ops/math_exp.h>

namespace duet::math {

/// e^-a for a >= 0 as (p + p_low)·2^n, for formulas that would carry exp's own rounding error on.
template <class T>
struct ExpTwo {
  T p, p_low, nf;
  typename T::Bits n;
  /// x·2^n, rounded once where it is denormal.
  DUET_FN T scaled(const T& x) const { return scale_pow2(x, nf, n); }
};
template <class T>
DUET_FN ExpTwo<T> exp_negative_two(const T& a) {
  const ExpReduced<T> e = exp_reduce(-a);
  // As exp_poly, with the sum 1 + q r kept in two parts.
  const T q = horner(e.r, T(0x1.6a624cp-10), 0x1.123abcp-7, 0x1.55589ep-5, 0x1.55549p-3, 0x1.fffffcp-2);
  const T s = fma(e.r * e.r, q, e.r), p = T(1) + s;
  return {p, s - (p - T(1)), e.nf, e.n};
}

/// x sigmoid(x), from t = e^-|x|: x / (1 + t), and x t / (1 + t) below 0, where the power of two comes last. The
/// quotient is corrected by its remainder. -0 at -inf. Max 1.1 ULP.
template <class T>
DUET_FN T silu(const T& x) {
  if constexpr (T::kIsDouble) {
    const T t = exp(-abs(x)), y = select(x < T(0), x * t, x) / (T(1) + t);
    return select(x < T(-800), -T(0), y);
  } else {
    const T a = raw_min(T(120), abs(x));
    const ExpTwo<T> e = exp_negative_two(a);
    const T t = e.scaled(e.p), d = T(1) + t, d_low = (t - (d - T(1))) + e.scaled(e.p_low);
    const auto negative = x < T(0);
    const T n = select(negative, a * e.p, a), n_low = select(negative, fma(a, e.p_low, fma(a, e.p, -n)), T(0));
    const T inverse = T(1) / d, y = n * inverse;
    const T z = fma(fma(-y, d_low, fma(-y, d, n)) + n_low, inverse, y);
    return select(x >= T(120), x, or_sign(select(negative, e.scaled(z), z), x));
  }
}

/// log(1 + e^x) = max(x, 0) + log1p(t), t = e^-|x|; the rounding error of t is added back, divided by 1 + t to first
/// order. Max 1.62 ULP.
template <class T>
DUET_FN T softplus(const T& x) {
  if constexpr (T::kIsDouble) {
    return relu(x) + log1p(exp(-abs(x)));
  } else {
    const T a = raw_min(T(120), abs(x));
    const ExpTwo<T> e = exp_negative_two(a);
    const T t = e.scaled(e.p);
    const T y = log1p(t) + e.scaled(e.p_low) * fma(t, T(-0.5), T(1));
    return relu(x) + y;
  }
}

}  // namespace duet::math
