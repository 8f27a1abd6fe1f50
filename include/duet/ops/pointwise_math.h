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

}  // namespace duet
