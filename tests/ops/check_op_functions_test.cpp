// A user's op may use every function of the kernel language, in its formula and in its rule.
#include <gtest/gtest.h>

#include "duet/duet.h"
#include "duet/formula.h"
#include "duet/testing.h"

namespace {

using namespace duet;

struct Smooth : Pointwise<2> {
  static constexpr std::string_view name = "smooth";
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return softplus(a) * pow(a, b) + log1p(silu(b));
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b) {
    V s = sigmoid(b), slope = s * (V(1) + b * (V(1) - s));
    return {dy * (sigmoid(a) * pow(a, b) + softplus(a) * b * pow(a, b - V(1))),
            dy * (softplus(a) * pow(a, b) * log(a) + slope * exp(-log1p(silu(b))))};
  }
};

/// Pieces of straight lines.
struct Pieces : Pointwise<2> {
  static constexpr std::string_view name = "pieces";
  template <class T>
  DUET_FORMULA T forward(const T& x, const T& k) {
    return x * (floor(x) + ceil(x) + round(x) + sign(x)) +
           select(isnan(x) | isinf(x), x, leaky_relu(k, T(0.25)) * clamp(x, T(-1.25), T(1.5)));
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> x, In<V, 1> k) {
    V inside = select((x < V(-1.25)) | (x > V(1.5)), V(0), leaky_relu(k, V(0.25)));
    V slope = select(k > V(0), V(1), V(0.25));
    return {dy * (floor(x) + ceil(x) + round(x) + sign(x) + select(~(isnan(x) | isinf(x)), inside, V(1))),
            select(isnan(x) | isinf(x), V(0), dy * slope * clamp(x, V(-1.25), V(1.5)))};
  }
};

/// a·b, in disguise.
struct Inner : Pointwise<2> {
  static constexpr std::string_view name = "inner";
  template <class T>
  DUET_FORMULA T forward(const T& a, const T& b) {
    return maximum(a, b) * minimum(a, b);
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> a, In<V, 1> b) {
    V other_a = select(a > b, minimum(a, b), maximum(a, b)), other_b = select(a > b, maximum(a, b), minimum(a, b));
    return {dy * other_a, dy * other_b};
  }
};

TEST(CheckOpFunctionsTest, AreOpsInRules) {
  EXPECT_NO_THROW(check_op<Smooth>({.low = 0.25, .high = 2}));
  EXPECT_NO_THROW(check_op<Pieces>());
  EXPECT_NO_THROW(check_op<Inner>());
  EXPECT_NO_THROW(check_op<Pow>({.low = 0.25, .high = 3}));
  EXPECT_NO_THROW(check_op<Silu>());
  EXPECT_NO_THROW(check_op<Softplus>());
  EXPECT_NO_THROW(check_op<LeakyRelu>());
  EXPECT_NO_THROW(check_op<Clamp>());
}

}  // namespace
