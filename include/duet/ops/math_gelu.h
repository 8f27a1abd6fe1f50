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

/// x (1 + erf(x / sqrt 2)) / 2: below 0.8 by a polynomial, else max(x, 0) - |x| e^(-x^2/2) P((|x| - 5) / (|x| + 5)) /
/// (|x| + 5). Max 5.33 ULP.
template <class T>
DUET_FN T gelu_erf(const T& x) {
  if constexpr (T::kIsDouble) {
    return select(x < T(-40), -T(0), T(0.5) * x * (T(1) + erf(x * T(0.70710678118654752440))));
  } else {
    const T a = raw_min(T(14.75), abs(x)), s = a * a;
    const T small_p = horner(s, T(0x1.afffc2p-14), -0x1.35e5c4p-10, 0x1.46ccacp-7, -0x1.105856p-4, 0x1.988454p-2);
    const T small = x * fma(x, small_p, T(0.5));
    const T inverse = T(1) / (a + T(5));
    const T p = horner((a - T(5)) * inverse, T(0x1.18ecdap-11), -0x1.a7cbc6p-11, -0x1.884058p-9, 0x1.549c2ap-6,
                       -0x1.1b1cfep-4, 0x1.51f732p-3, -0x1.410ecep-2, 0x1.fb315ap-2, -0x1.54ad04p-1, 0x1.89d3acp-1);
    const ExpReduced<T> e = exp_reduce(s * T(-0.5));
    const T r = fma(fma(a, a, -s), T(-0.5), e.r);
    const T tail = scale_pow2(exp_poly(r) * (a * inverse) * p, e.nf, e.n);
    return select(a < T(0.8), small, select(x > T(0), x - tail, or_sign(tail, x)));
  }
}

}  // namespace duet::math
