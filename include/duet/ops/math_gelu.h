#pragma once
// The two forms of GELU. Both keep relative accuracy in the negative tail, where x·sigmoid(…) and x(1 + erf(…))/2 lose
// it and give NaN at -inf.

#include <duet/ops/math_exp.h>

namespace duet::math {

/// x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 = x / (1 + e^-w), with w carried in two floats. Max 3.2 ULP.
template <class T>
DUET_FN T gelu_tanh(const T& x) {
  if constexpr (T::kIsDouble) {
    const T u = T(0.79788456080286535588) * (x + T(0.044715) * x * x * x);
    return select(x < T(-30), -T(0), T(0.5) * x * (T(1) + tanh(u)));
  } else {
    // w = a (C0 + C1 a^2); C0 has few bits so that C0 - q is exact.
    const T a = raw_min(T(11), abs(x)), s = a * a;
    const T c0(0x1.988p+0), c1(0x1.2444f2p-4);
    const T q = fma(c1, s, c0);
    const T q_low = fma(c1, fma(a, a, -s), fma(c1, s, c0 - q)) + fma(T(0x1.49b16ap-29), s, T(0x1.14cf5p-14));
    const T w = a * q;
    const T w_low = fma(a, q_low, fma(a, q, -w));
    const ExpReduced<T> e = exp_reduce(-w);
    const T p = exp_poly(e.r - w_low);
    const auto negative = x < T(0);
    const T y = select(negative, a * p, a) / (scale_pow2(p, e.nf, e.n) + T(1));
    // The power of two comes last, so that denormal results are rounded once.
    return select(x >= T(11), x, or_sign(select(negative, scale_pow2(y, e.nf, e.n), y), x));
  }
}

/// What both erf forms are made of, a = |x|: e^(-a^2/2) = e 2^n, and erfc(a / sqrt 2) / 2 = e 2^n P(v) / (a + 2.875)
/// with v = a / (a + 2.875), which takes [0, 14.75] to [0, 0.84].
template <class T>
struct NormalTail {
  T a, e, inverse, p, nf;
  typename T::Bits n;
};
template <class T>
DUET_FN NormalTail<T> normal_tail(const T& x) {
  const T a = raw_min(T(14.75), abs(x));
  // a^2 = r - 2 n ln2: the fma takes a^2 unrounded, and 2 n ln2's upper part is exact.
  const T t = fma(a * a, T(-0x1.715476p-1), T(0x1.8p+23)), nf = t - T(0x1.8p+23);
  const T r = fma(nf, T(0x1.7f7d1cp-19), fma(a, a, nf * T(0x1.62e4p+0)));
  const T e = horner(r, T(0x1.6a624cp-16), -0x1.123abcp-12, 0x1.55589ep-9, -0x1.55549p-6, 0x1.fffffcp-4, -0.5, 1);
  const T inverse = T(1) / (a + T(2.875));
  const T p = horner(a * inverse, T(-0x1.53aa26p-4), 0x1.fac0f8p-3, -0x1.5261a6p-3, -0x1.b78da4p-5, -0x1.8b407p-3,
                     0x1.247884p-2, 0x1.90f9fap-1, -0x1.dc28f6p+0, 0x1.7p+0);
  return {a, e, inverse, p, nf, bits(t) - typename T::Bits(0x4b400000u)};
}

/// x (1 + erf(x / sqrt 2)) / 2 = max(x, 0) - a erfc(a / sqrt 2) / 2. Max 4.92 ULP.
template <class T>
DUET_FN T gelu_erf(const T& x) {
  if constexpr (T::kIsDouble) {
    return select(x < T(-40), -T(0), T(0.5) * x * (T(1) + erf(x * T(0.70710678118654752440))));
  } else {
    const NormalTail<T> q = normal_tail(x);
    const T tail = scale_pow2(q.e * (q.a * q.inverse) * q.p, q.nf, q.n);
    return or_sign(raw_max(x, T(0)) - tail, x);
  }
}

/// Its derivative, (1 + erf(x / sqrt 2)) / 2 + x e^(-x^2/2) / sqrt(2 pi).
template <class T>
DUET_FN T gelu_erf_slope(const T& x) {
  if constexpr (T::kIsDouble) {
    const T c = clamp(x, T(-40), T(40));  // not inf · 0
    return T(0.5) + T(0.5) * erf(c * T(0.7071067811865476)) + c * T(0.3989422804014327) * exp(c * c * T(-0.5));
  } else {
    const NormalTail<T> q = normal_tail(x);
    const T w = scale_pow2(q.e * fma(q.a, T(0x1.988454p-2), -(q.p * q.inverse)), q.nf, q.n);
    return select(x > T(0), T(1) + w, -w);
  }
}

}  // namespace duet::math
