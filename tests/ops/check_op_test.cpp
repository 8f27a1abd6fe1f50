// check_op on ops of a user's own: right ones pass, wrong ones are named in one line.
#include <gtest/gtest.h>

#include "duet/duet.h"
#include "duet/formula.h"
#include "duet/testing.h"

namespace {

using namespace duet;

struct Swish : Pointwise<1> {
  static constexpr std::string_view name = "swish";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return x * sigmoid(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x, Out<V> y) {
    return dy * (y + sigmoid(x) * (V(1) - y));
  }
};

/// Two results of two operands.
struct Polar : Pointwise<2, 2> {
  static constexpr std::string_view name = "polar";
  template <class T>
  DUET_FORMULA Many<T, 2> forward(const T& r, const T& a) {
    return {r * cos(a), r * sin(a)};
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dx, const V& dy, In<V, 0> r, In<V, 1> a) {
    return {dx * cos(a) + dy * sin(a), dy * r * cos(a) - dx * r * sin(a)};
  }
};

struct IsSmall : Pointwise<1> {
  static constexpr std::string_view name = "is_small";
  static constexpr bool kBoolOut = true;
  template <class T>
  DUET_FORMULA typename T::Mask forward(const T& x) {
    return abs(x) < T(0.5);
  }
};

struct Choose : Pointwise<3> {
  static constexpr std::string_view name = "choose";
  static constexpr unsigned kBoolIn = 0b001;
  template <class T>
  DUET_FORMULA T forward(const typename T::Mask& m, const T& a, const T& b) {
    return select(m, a * b, a + b);
  }
  template <class V>
  DUET_RULE Many<V, 3> vjp(const V& dy, InMask<V, 0> m, In<V, 1> a, In<V, 2> b) {
    return {V(0), select(m, dy * b, dy), select(m, dy * a, dy)};
  }
};

struct LogGap : Pointwise<1> {
  static constexpr std::string_view name = "log_gap";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return log(x) - sqrt(x);
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy / x - dy * V(0.5) / sqrt(x);
  }
};

struct WrongGradient : Pointwise<1> {
  static constexpr std::string_view name = "wrong_gradient";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return x * x;
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    return dy * x;
  }
};

struct WrongSecond : Pointwise<2> {
  static constexpr std::string_view name = "wrong_second";
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return a * b;
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b) {
    return {dy * b, -dy * a};
  }
};

struct TwoFormulas : Pointwise<1> {
  static constexpr std::string_view name = "two_formulas";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return T::kIsDouble ? x * T(2) : x * T(3);
  }
};

template <class Op>
std::string message() {
  try {
    check_op<Op>();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(CheckOpTest, RightOpsPass) {
  EXPECT_NO_THROW(check_op<Swish>());
  EXPECT_NO_THROW(check_op<Polar>());
  EXPECT_NO_THROW(check_op<IsSmall>());
  EXPECT_NO_THROW(check_op<Choose>());
  EXPECT_NO_THROW(check_op<LogGap>({.low = 0.25, .high = 4}));
  EXPECT_NO_THROW(check_op<Gelu>());
  EXPECT_NO_THROW(check_op<Maximum>());
}

TEST(CheckOpTest, WrongOpsAreNamed) {
  constexpr char kWrongGradient[] = "check_op wrong_gradient: the gradient of operand 1 is ";
  EXPECT_EQ(message<WrongGradient>().substr(0, sizeof kWrongGradient - 1), kWrongGradient);
  constexpr char kWrongSecond[] = "check_op wrong_second: the gradient of operand 2 is ";
  EXPECT_EQ(message<WrongSecond>().substr(0, sizeof kWrongSecond - 1), kWrongSecond);
  EXPECT_NE(message<WrongSecond>().find("; check vjp [check_op_test.cpp:"), std::string::npos)
      << message<WrongSecond>();
  constexpr char kTwo[] = "check_op two_formulas: f32 gives ";
  EXPECT_EQ(message<TwoFormulas>().substr(0, sizeof kTwo - 1), kTwo);
  EXPECT_NE(message<TwoFormulas>().find("; is a literal written without T(…)? [check_op_test.cpp:"), std::string::npos)
      << message<TwoFormulas>();
}

}  // namespace
