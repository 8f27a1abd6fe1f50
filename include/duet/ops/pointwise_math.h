// Roots, exponentials and logarithms, trigonometric functions.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// Square root, correctly rounded.
struct Sqrt : Pointwise<1> {
  static constexpr std::string_view name = "sqrt";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return sqrt(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, Out<V> y) {
    return dy * V(0.5) / y;
  }
};

/// 1 / sqrt(x).
struct Rsqrt : Pointwise<1> {
  static constexpr std::string_view name = "rsqrt";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return rsqrt(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x, Out<V> y) {
    return dy * V(-0.5) * y / x;
  }
};

/// e to the power x.
struct Exp : Pointwise<1> {
  static constexpr std::string_view name = "exp";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return exp(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, Out<V> y) {
    return dy * y;
  }
};

/// e^x − 1 without cancellation near 0.
struct Expm1 : Pointwise<1> {
  static constexpr std::string_view name = "expm1";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return expm1(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, Out<V> y) {
    return dy * (y + V(1));
  }
};

/// Natural logarithm; −inf at 0, NaN below.
struct Log : Pointwise<1> {
  static constexpr std::string_view name = "log";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return log(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy / x;
  }
};

/// log(1 + x) without cancellation near 0; −inf at −1, NaN below.
struct Log1p : Pointwise<1> {
  static constexpr std::string_view name = "log1p";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return log1p(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy / (V(1) + x);
  }
};

/// Sine of x in radians.
struct Sin : Pointwise<1> {
  static constexpr std::string_view name = "sin";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return sin(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy * cos(x);
  }
};

/// Cosine of x in radians.
struct Cos : Pointwise<1> {
  static constexpr std::string_view name = "cos";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return cos(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return -dy * sin(x);
  }
};

/// Hyperbolic tangent.
struct Tanh : Pointwise<1> {
  static constexpr std::string_view name = "tanh";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return tanh(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, Out<V> y) {
    return dy * (V(1) - y * y);
  }
};

/// The error function.
struct Erf : Pointwise<1> {
  static constexpr std::string_view name = "erf";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return erf(x);
  }
  // 2/sqrt(pi) · exp(−x²)
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy * V(1.1283791670955126) * exp(-x * x);
  }
};

/// a to the power b, with the special cases of IEEE 754: pow(x, 0) = 1 and pow(1, y) = 1, also for NaN; NaN for a
/// negative a and a b that is no integer. The gradient for b is 0 where a = 0 and b >= 0, as in PyTorch.
struct Pow : Pointwise<2> {
  static constexpr std::string_view name = "pow";
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return pow(a, b);
  }
  // b·a^(b−1) and a^b·log(a). Where a constant, a^0 or 0^b, is differentiated, 1 stands for an a whose reciprocal or
  // logarithm is infinite or NaN: the product is 0 then, and so is its own gradient.
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b, Out<V> y) {
    V base = select((b != V(0)) | (abs(a) >= V(0x1p-126)), a, V(1));
    V positive = select((a == V(0)) & (b >= V(0)), V(1), a);
    return {dy * (b * pow(base, b - V(1))), dy * (y * log(positive))};
  }
};

}  // namespace duet
