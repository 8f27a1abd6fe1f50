// Operations on each element, with NumPy's broadcasting.
#pragma once

#include "duet/ops/op.h"
#include "duet/ops/pointwise_update.h"

namespace duet {

struct PointwiseOps
    : OpList<struct Neg, struct Abs, struct Exp, struct Log, struct Sqrt, struct Rsqrt, struct Square,
             struct Reciprocal, struct Sin, struct Cos, struct Tanh, struct Erf, struct Sigmoid, struct Relu,
             struct Gelu, struct GeluTanh, struct Add, struct Sub, struct Mul, struct Div, struct Maximum,
             struct Minimum, struct Eq, struct Ne, struct Lt, struct Le, struct Gt, struct Ge, struct Where,
             struct Expm1, struct BinaryCrossEntropy, struct AdamUpdate, struct AdamWUpdate, struct LionUpdate> {};

/// Negation, elementwise: y = −x. Any number type.
struct Neg : Pointwise<1> {
  static constexpr std::string_view name = "neg";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return -x;
  }
  template <class V>
  DUET_RULE V vjp(const V& dy) {
    return -dy;
  }
};

/// Absolute value; the gradient at 0 is 0.
struct Abs : Pointwise<1> {
  static constexpr std::string_view name = "abs";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return abs(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return select(x > V(0), dy, select(x < V(0), -dy, V(0)));
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

/// x·x.
struct Square : Pointwise<1> {
  static constexpr std::string_view name = "square";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return x * x;
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy * V(2) * x;
  }
};

/// 1 / x.
struct Reciprocal : Pointwise<1> {
  static constexpr std::string_view name = "reciprocal";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return T(1) / x;
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, Out<V> y) {
    return -dy * y * y;
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
    return dy * (V(0.5) + V(0.5) * erf(x * V(0.7071067811865476)) + x * V(0.3989422804014327) * exp(x * x * V(-0.5)));
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

/// a + b. Any number type.
struct Add : Pointwise<2> {
  static constexpr std::string_view name = "add";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return a + b;
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy) {
    return {dy, dy};
  }
};

/// a − b. Any number type.
struct Sub : Pointwise<2> {
  static constexpr std::string_view name = "sub";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return a - b;
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy) {
    return {dy, -dy};
  }
};

/// a·b. Any number type.
struct Mul : Pointwise<2> {
  static constexpr std::string_view name = "mul";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return a * b;
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b) {
    return {dy * b, dy * a};
  }
};

/// a / b, correctly rounded.
struct Div : Pointwise<2> {
  static constexpr std::string_view name = "div";
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return a / b;
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b) {
    return {dy / b, -dy * a / (b * b)};
  }
};

/// The larger of a and b; NaN if either is, of −0 and +0 the first. Equal operands share the gradient.
struct Maximum : Pointwise<2> {
  static constexpr std::string_view name = "maximum";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return maximum(a, b);
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b) {
    return {select(a > b, dy, select(a == b, dy * V(0.5), V(0))), select(b > a, dy, select(a == b, dy * V(0.5), V(0)))};
  }
};

/// The smaller of a and b; NaN if either is, of −0 and +0 the first. Equal operands share the gradient.
struct Minimum : Pointwise<2> {
  static constexpr std::string_view name = "minimum";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return minimum(a, b);
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b) {
    return {select(a < b, dy, select(a == b, dy * V(0.5), V(0))), select(b < a, dy, select(a == b, dy * V(0.5), V(0)))};
  }
};

/// Base of the comparisons: any two values of one type in, a bool out, no gradient.
struct Comparison : Pointwise<2> {
  static constexpr DTypeSet kAccepts = kAnyDType;
  static constexpr bool kBoolOut = true;
};
struct Eq : Comparison {
  static constexpr std::string_view name = "eq";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a == b;
  }
};
struct Ne : Comparison {
  static constexpr std::string_view name = "ne";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a != b;
  }
};
struct Lt : Comparison {
  static constexpr std::string_view name = "lt";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a < b;
  }
};
struct Le : Comparison {
  static constexpr std::string_view name = "le";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a <= b;
  }
};
struct Gt : Comparison {
  static constexpr std::string_view name = "gt";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a > b;
  }
};
struct Ge : Comparison {
  static constexpr std::string_view name = "ge";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a >= b;
  }
};

/// a where the bool c is true, b elsewhere. Any type.
struct Where : Pointwise<3> {
  static constexpr std::string_view name = "where";
  static constexpr DTypeSet kAccepts = kAnyDType;
  static constexpr unsigned kBoolIn = 0b001;
  template <class T>
  DUET_FORMULA T forward(const typename T::Mask& c, const T& a, const T& b) {
    return select(c, a, b);
  }
  template <class V>
  DUET_RULE Many<V, 3> vjp(const V& dy, InMask<V, 0> c) {
    return {V(0), select(c, dy, V(0)), select(c, V(0), dy)};
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

#ifndef DUET_FORMULAS_ONLY
namespace duet {

const OpRecord& builtin(const PointwiseOps*, int i);

inline Tensor neg(const Operand& x) { return dispatch(op<Neg>(), {x}); }
inline Tensor abs(const Operand& x) { return dispatch(op<Abs>(), {x}); }
inline Tensor exp(const Operand& x) { return dispatch(op<Exp>(), {x}); }
inline Tensor log(const Operand& x) { return dispatch(op<Log>(), {x}); }
inline Tensor sqrt(const Operand& x) { return dispatch(op<Sqrt>(), {x}); }
inline Tensor rsqrt(const Operand& x) { return dispatch(op<Rsqrt>(), {x}); }
inline Tensor square(const Operand& x) { return dispatch(op<Square>(), {x}); }
inline Tensor reciprocal(const Operand& x) { return dispatch(op<Reciprocal>(), {x}); }
inline Tensor sin(const Operand& x) { return dispatch(op<Sin>(), {x}); }
inline Tensor cos(const Operand& x) { return dispatch(op<Cos>(), {x}); }
inline Tensor tanh(const Operand& x) { return dispatch(op<Tanh>(), {x}); }
inline Tensor erf(const Operand& x) { return dispatch(op<Erf>(), {x}); }
inline Tensor sigmoid(const Operand& x) { return dispatch(op<Sigmoid>(), {x}); }
inline Tensor relu(const Operand& x) { return dispatch(op<Relu>(), {x}); }
inline Tensor gelu(const Operand& x) { return dispatch(op<Gelu>(), {x}); }
inline Tensor gelu_tanh(const Operand& x) { return dispatch(op<GeluTanh>(), {x}); }
inline Tensor expm1(const Operand& x) { return dispatch(op<Expm1>(), {x}); }
inline Tensor add(const Operand& a, const Operand& b) { return dispatch(op<Add>(), {a, b}); }
inline Tensor sub(const Operand& a, const Operand& b) { return dispatch(op<Sub>(), {a, b}); }
inline Tensor mul(const Operand& a, const Operand& b) { return dispatch(op<Mul>(), {a, b}); }
inline Tensor div(const Operand& a, const Operand& b) { return dispatch(op<Div>(), {a, b}); }
inline Tensor maximum(const Operand& a, const Operand& b) { return dispatch(op<Maximum>(), {a, b}); }
inline Tensor minimum(const Operand& a, const Operand& b) { return dispatch(op<Minimum>(), {a, b}); }
inline Tensor eq(const Operand& a, const Operand& b) { return dispatch(op<Eq>(), {a, b}); }
inline Tensor ne(const Operand& a, const Operand& b) { return dispatch(op<Ne>(), {a, b}); }
inline Tensor lt(const Operand& a, const Operand& b) { return dispatch(op<Lt>(), {a, b}); }
inline Tensor le(const Operand& a, const Operand& b) { return dispatch(op<Le>(), {a, b}); }
inline Tensor gt(const Operand& a, const Operand& b) { return dispatch(op<Gt>(), {a, b}); }
inline Tensor ge(const Operand& a, const Operand& b) { return dispatch(op<Ge>(), {a, b}); }
inline Tensor where(const Operand& c, const Operand& a, const Operand& b) { return dispatch(op<Where>(), {c, a, b}); }

inline Tensor operator-(const Operand& x) { return neg(x); }
inline Tensor operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Tensor operator-(const Operand& a, const Operand& b) { return sub(a, b); }
inline Tensor operator*(const Operand& a, const Operand& b) { return mul(a, b); }
inline Tensor operator/(const Operand& a, const Operand& b) { return div(a, b); }
inline Tensor operator==(const Operand& a, const Operand& b) { return eq(a, b); }
inline Tensor operator!=(const Operand& a, const Operand& b) { return ne(a, b); }
inline Tensor operator<(const Operand& a, const Operand& b) { return lt(a, b); }
inline Tensor operator<=(const Operand& a, const Operand& b) { return le(a, b); }
inline Tensor operator>(const Operand& a, const Operand& b) { return gt(a, b); }
inline Tensor operator>=(const Operand& a, const Operand& b) { return ge(a, b); }

// x += y rebinds x; its storage is reused when x is the only owner.
inline Tensor& operator+=(Tensor& x, const Operand& y) { return x = add(Operand(std::move(x), y.line()), y); }
inline Tensor& operator-=(Tensor& x, const Operand& y) { return x = sub(Operand(std::move(x), y.line()), y); }
inline Tensor& operator*=(Tensor& x, const Operand& y) { return x = mul(Operand(std::move(x), y.line()), y); }
inline Tensor& operator/=(Tensor& x, const Operand& y) { return x = div(Operand(std::move(x), y.line()), y); }

// std::max would compile through operator< and pick one whole tensor.
Tensor max(const Tensor&, const Tensor&) = delete;  // use maximum(a, b)
Tensor min(const Tensor&, const Tensor&) = delete;  // use minimum(a, b)

}  // namespace duet
#endif
