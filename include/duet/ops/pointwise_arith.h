// Arithmetic, signs, rounding, the smaller and the larger of numbers.
#pragma once

#include "duet/ops/op.h"

namespace duet {

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

/// −1, 0 or 1 with the sign of x; NaN and ±0 pass. Any number type. No gradient: it is 0 wherever there is one.
struct Sign : Pointwise<1> {
  static constexpr std::string_view name = "sign";
  static constexpr DTypeSet kAccepts = kNumbers;
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return sign(x);
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
    return {dy / b, -(dy / b) * (a / b)};  // not by b², which leaves the range long before b does
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

/// x no smaller than lo and no larger than hi, as in NumPy and PyTorch: hi where lo > hi, NaN if any of them is. Any
/// number type. The gradient goes to x inside of the bounds and on them, to the bound outside.
struct Clamp : Pointwise<3> {
  static constexpr std::string_view name = "clamp";
  static constexpr DTypeSet kAccepts = kNumbers;
  static constexpr unsigned kOftenNumbers = 0b110;
  template <class T>
  DUET_FORMULA T forward(const T& x, const T& lo, const T& hi) {
    return minimum(maximum(x, lo), hi);
  }
  template <class V>
  DUET_RULE Many<V, 3> vjp(const V& dy, In<V, 0> x, In<V, 1> lo, In<V, 2> hi) {
    return {select((x >= lo) & (x <= hi), dy, V(0)), select((x < lo) & (lo <= hi), dy, V(0)),
            select((x > hi) | (lo > hi), dy, V(0))};
  }
};

/// The largest integer that is not above x; −0, infinities and NaN pass. No gradient: it is 0 wherever there is one.
struct Floor : Pointwise<1> {
  static constexpr std::string_view name = "floor";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return floor(x);
  }
};

/// The smallest integer that is not below x, −0 above −1. Otherwise as floor.
struct Ceil : Pointwise<1> {
  static constexpr std::string_view name = "ceil";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return ceil(x);
  }
};

/// The nearest integer, of two the even one, with the sign of x. Otherwise as floor.
struct Round : Pointwise<1> {
  static constexpr std::string_view name = "round";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return round(x);
  }
};

}  // namespace duet
