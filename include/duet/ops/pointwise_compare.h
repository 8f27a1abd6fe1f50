// Comparisons, tests, logic on bools, and the choice by a bool.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// Base of the comparisons: any two values of one type in, a bool out, no gradient.
struct Comparison : Pointwise<2> {
  static constexpr DTypeSet kAccepts = kAnyDType;
  static constexpr bool kBoolOut = true;
};
/// Whether a equals b; −0 and +0 do, NaN equals nothing.
struct Eq : Comparison {
  static constexpr std::string_view name = "eq";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a == b;
  }
};
/// Whether a differs from b; NaN differs from everything.
struct Ne : Comparison {
  static constexpr std::string_view name = "ne";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a != b;
  }
};
/// Whether a is smaller than b; false beside NaN.
struct Lt : Comparison {
  static constexpr std::string_view name = "lt";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a < b;
  }
};
/// Whether a is no larger than b; false beside NaN.
struct Le : Comparison {
  static constexpr std::string_view name = "le";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a <= b;
  }
};
/// Whether a is larger than b; false beside NaN.
struct Gt : Comparison {
  static constexpr std::string_view name = "gt";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a > b;
  }
};
/// Whether a is no smaller than b; false beside NaN.
struct Ge : Comparison {
  static constexpr std::string_view name = "ge";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& a, const T& b) {
    return a >= b;
  }
};

/// Whether x is NaN.
struct IsNan : Pointwise<1> {
  static constexpr std::string_view name = "isnan";
  static constexpr bool kBoolOut = true;
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& x) {
    return isnan(x);
  }
};

/// Whether x is +inf or −inf.
struct IsInf : Pointwise<1> {
  static constexpr std::string_view name = "isinf";
  static constexpr bool kBoolOut = true;
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& x) {
    return isinf(x);
  }
};

/// Base of the operations on bools: bools in, a bool out, no gradient.
template <int In>
struct Logical : Pointwise<In> {
  static constexpr DTypeSet kAccepts = set_of(DType::boolean);
  static constexpr unsigned kBoolIn = (1u << In) - 1;
  static constexpr bool kBoolOut = true;
  static constexpr unsigned kOftenNumbers = 0;
};
/// Whether a and b both hold.
struct LogicalAnd : Logical<2> {
  static constexpr std::string_view name = "logical_and";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const typename T::Mask& a, const typename T::Mask& b) {
    return a & b;
  }
};
/// Whether a or b holds, or both.
struct LogicalOr : Logical<2> {
  static constexpr std::string_view name = "logical_or";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const typename T::Mask& a, const typename T::Mask& b) {
    return a | b;
  }
};
/// Whether a does not hold.
struct LogicalNot : Logical<1> {
  static constexpr std::string_view name = "logical_not";
  template <class T>
  DUET_FORMULA typename T::Mask forward(const typename T::Mask& a) {
    return ~a;
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

}  // namespace duet
