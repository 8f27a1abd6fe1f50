#pragma once
// exp, log and what is made of them. Coefficients: Sollya fpminimax.

#include <duet/ops/math_basic.h>

namespace duet::math {

/// 2^n for n in [-126, 127], as integer lanes.
template <class T>
DUET_FN T pow2(const typename T::Bits& n) {
  return T::from_bits((n + typename T::Bits(127u)) << 23);
}

/// p·2^n with one rounding, also into denormals: two factors, of which the first product is exact. nf is n as a
/// number.
template <class T>
DUET_FN T scale_pow2(const T& p, const T&, const typename T::Bits& n) {
  const typename T::Bits half = sar(n, 1);
  return p * pow2<T>(half) * pow2<T>(n - half);
}

/// x = n ln2 + r with |r| <= 0.347.
template <class T>
struct ExpReduced {
  T r, nf;
  typename T::Bits n;
};

/// The rounding is an addition to 1.5·2^23, whose low bits then are n; ln2 is subtracted in two parts by fma.
template <class T>
DUET_FN ExpReduced<T> exp_reduce(const T& x) {
  const T t = fma(x, T(0x1.715476p+0), T(0x1.8p+23));
  const T nf = t - T(0x1.8p+23);
  const T r = fma(nf, T(-0x1.7f7d1cp-20), fma(nf, T(-0x1.62e4p-1), x));
  return {r, nf, bits(t) - typename T::Bits(0x4b400000u)};
}

/// exp(r) on |r| <= 0.347, degree 6.
template <class T>
DUET_FN T exp_poly(const T& r) {
  return horner(r, T(0x1.6a624cp-10), 0x1.123abcp-7, 0x1.55589ep-5, 0x1.55549p-3, 0x1.fffffcp-2, 1, 1);
}

/// e^x. Range reduction by n ln2, degree 6 polynomial, 2^n in two factors. Max 0.9 ULP.
template <class T>
DUET_FN T exp(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kExp, x);
  } else {
    const ExpReduced<T> e = exp_reduce(clamp(x, T(-104), T(89)));
    return scale_pow2(exp_poly(e.r), e.nf, e.n);
  }
}

/// x = m·2^e with m in [2/3, 4/3); e is -inf for 0, inf for inf; m is NaN for x < 0 and NaN.
template <class T>
DUET_FN void log_split(const T& x, T& m, T& e) {
  using B = typename T::Bits;
  const auto denormal = x < T(0x1p-126);
  const B b = bits(select(denormal, x * T(0x1p+23), x));
  const B n = sar(b - B(0x3f2aaaabu), 23);
  m = T::from_bits(b - (n << 23));
  e = T::from_bits(n + B(0x4b400000u)) - select(denormal, T(0x1.8p+23 + 23), T(0x1.8p+23));
  e = select(x == infinity<T>(), x, select(x == T(0), -infinity<T>(), e));
  m = select(x >= T(0), m, nan<T>());
}

/// Natural logarithm. Reduction to [2/3, 4/3), even/odd polynomial of degree 10 in m - 1. Max 0.94 ULP.
template <class T>
DUET_FN T log(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kLog, x);
  } else {
    T m, e;
    log_split(x, m, e);
    const T f = m - T(1), s = f * f;
    const T even = horner(s, T(-0x1.080caap-3), -0x1.f30e34p-4, -0x1.559de4p-3, -0x1.fffefp-3);
    const T odd = horner(s, T(0x1.1e73b8p-3), 0x1.1ed422p-3, 0x1.99d05ep-3);
    const T r = horner(f, fma(odd, f, even), 0x1.555506p-2, -0.5);
    return fma(e, T(0x1.62e43p-1), fma(r, s, f));
  }
}

/// log(1 + x), also for tiny x: 1 + x = 2^e (1 + f) with f in [-1/4, 1/2) computed from x itself, then as log. Max 1.27
/// ULP.
template <class T>
DUET_FN T log1p(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kLog1p, x);
  } else {
    using B = typename T::Bits;
    const T u = T(1) + x;
    const B e = (bits(u) - B(0x3f400000u)) & B(0xff800000u);
    const T f = T::from_bits(bits(x) - e) + fma(T::from_bits(B(0x40800000u) - e), T(0.25), T(-1));
    const T s = f * f;
    const T even = horner(s, T(-0x1.713ed6p-5), -0x1.0d95dap-3, -0x1.54efp-3, -0x1.000042p-2);
    const T odd = horner(s, T(0x1.aca4d4p-4), 0x1.288714p-3, 0x1.99696p-3);
    const T r = horner(f, fma(odd, f, even), 0x1.5555a4p-2, -0.5);
    const T n = T::from_bits(sar(e, 23) + B(0x4b400000u)) - T(0x1.8p+23);
    const T y = or_sign(fma(n, T(0x1.62e43p-1), fma(r, s, f)), x);  // the sign of -0 was lost
    const T special = select(u == T(0), -infinity<T>(), x + nan<T>());
    return select(x == infinity<T>(), x, select(u > T(0), y, special));
  }
}

/// e^x - 1, also for tiny x. As exp, with the subtraction inside 2^n. Max 1.53 ULP.
template <class T>
DUET_FN T expm1(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kExpm1, x);
  } else {
    const ExpReduced<T> e = exp_reduce(clamp(x, T(-26), T(89)));
    const T q = horner(e.r, T(0x1.6b73ap-10), 0x1.1227aap-7, 0x1.555716p-5, 0x1.5554bp-3, 0x1.fffffep-2);
    const T p = fma(e.r * e.r, q, e.r);
    const T scale = pow2<T>(e.n - typename T::Bits(1u));  // halved: 2^128 is no float
    const T y = T(2) * fma(p, scale, scale - T(0.5));
    return or_sign(select(e.nf == T(0), p, y), x);
  }
}

/// Hyperbolic tangent. Odd polynomial below 0.625, else 1 - 2 / (exp(2|x|) + 1). Max 1.37 ULP.
template <class T>
DUET_FN T tanh(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kTanh, x);
  } else {
    const T a = abs(x), s = x * x;
    const T p = horner(s, T(-0x1.758992p-8), 0x1.5210ep-6, -0x1.b8389p-5, 0x1.110704p-3, -0x1.555532p-2);
    const T small = fma(p, fma(x, s, T(0)), x);
    const ExpReduced<T> e = exp_reduce(raw_min(T(20), a + a));
    const T large = T(1) - T(2) / (fma(exp_poly(e.r), pow2<T>(e.n), T(1)));
    return select(a < T(0.625), small, or_sign(large, x));
  }
}

/// Logistic sigmoid 1 / (1 + e^-x), from t = e^-|x|. Max 1.65 ULP.
template <class T>
DUET_FN T sigmoid(const T& x) {
  if constexpr (T::kIsDouble) {
    const T t = exp(-abs(x));  // where 1 + e^-x would be infinite, e^x still is not 0
    return select(x < T(0), t, T(1)) / (T(1) + t);
  } else {
    const T t = exp(-raw_min(T(104), abs(x)));
    const T q = t / (t + T(1));
    const T a = select(x < T(0), t, T(1));
    return fma(-a, q, a);
  }
}

/// Error function. Odd polynomial to 0.9258, beyond it 1 - exp(Q(|x|)), Q = log erfc. Max 1.09 ULP.
template <class T>
DUET_FN T erf(const T& x) {
  if constexpr (T::kIsDouble) {
    return libm(Libm::kErf, x);
  } else {
    const T a = abs(x);
    const T p = horner(x * x, T(0x1.41be72p-14), -0x1.a2861ep-11, 0x1.53fadcp-8, -0x1.b7fbb4p-6, 0x1.ce2d48p-4,
                       -0x1.81274p-2, 0x1.06eba8p-3);
    const T q = horner(raw_min(T(4), a), T(0x1.98d4bp-13), -0x1.8da182p-9, 0x1.6b8e86p-6, -0x1.a9653cp-4,
                       -0x1.4647b4p-1, -0x1.20ac3p0, -0x1.b22a2p-13);
    const ExpReduced<T> e = exp_reduce(q);
    const T large = T(1) - exp_poly(e.r) * pow2<T>(e.n);
    return select(a <= T(0.9258), fma(p, x, x), or_sign(large, x));
  }
}

}  // namespace duet::math
