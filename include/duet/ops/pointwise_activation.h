// Activation functions of neural networks.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// Logistic sigmoid: y = 1 / (1 + exp(−x)).
struct Sigmoid : Pointwise<1> {
  static constexpr std::string_view name = "sigmoid";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return sigmoid(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, Out<V> y) {
    return dy * y * (V(1) - y);
  }
};

/// max(x, 0); NaN and −0 pass. The gradient at 0 is 0.
struct Relu : Pointwise<1> {
  static constexpr std::string_view name = "relu";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return relu(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, Out<V> y) {
    return select(y > V(0), dy, V(0));
  }
};

/// x where x > 0, slope·x elsewhere (Maas et al. 2013). The gradient at 0 is the slope.
struct LeakyRelu : Pointwise<2> {
  static constexpr std::string_view name = "leaky_relu";
  template <class T>
  DUET_FORMULA T forward(const T& x, const T& slope) {
    return leaky_relu(x, slope);
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> x, In<V, 1> slope) {
    return {select(x > V(0), dy, dy * slope), select(x > V(0), V(0), dy * x)};
  }
};

/// x·Φ(x), Φ the normal distribution function (Hendrycks & Gimpel 2016), by erf.
struct Gelu : Pointwise<1> {
  static constexpr std::string_view name = "gelu";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return gelu_erf(x);
  }
  // Φ(x) + x·φ(x)
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy * gelu_erf_slope(x);
  }
};

/// The tanh form of gelu: 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
struct GeluTanh : Pointwise<1> {
  static constexpr std::string_view name = "gelu_tanh";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return gelu_tanh(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    V t = tanh(x * (V(0.7978845608028654) + V(0.035677408136300125) * x * x));
    V dt = (V(1) - t * t) * (V(0.7978845608028654) + V(0.10703222440890037) * x * x);
    return dy * V(0.5) * (V(1) + t + x * dt);
  }
};

/// x·sigmoid(x), also called swish (Elfwing et al. 2018).
struct Silu : Pointwise<1> {
  static constexpr std::string_view name = "silu";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return silu(x);
  }
  // σ(x)·(1 + x·(1 − σ(x)))
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    V s = sigmoid(x);
    return dy * (s * (V(1) + x * (V(1) - s)));
  }
};

/// log(1 + e^x) (Dugas et al. 2001), a smooth relu; it never overflows.
struct Softplus : Pointwise<1> {
  static constexpr std::string_view name = "softplus";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return softplus(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy * sigmoid(x);
  }
};

/// −t·log σ(x) − (1 − t)·log(1 − σ(x)) of a logit x and a target t, as max(x, 0) − x·t + log1p(exp(−|x|)).
struct BinaryCrossEntropy : Pointwise<2> {
  static constexpr std::string_view name = "binary_cross_entropy";
  template <class T>
  DUET_FORMULA T forward(const T& x, const T& t) {
    return relu(x) - x * t + log1p(exp(-abs(x)));
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> x, In<V, 1> t) {
    return {dy * (sigmoid(x) - t), -dy * x};
  }
};

}  // namespace duet
