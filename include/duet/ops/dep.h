// Part of ops/op.h: how the library learns what each gradient of a rule depends on.
#pragma once

#include "duet/ops/math.h"

namespace duet {

// Dep computes nothing but which parameters a result depends on: the tape keeps only what the wanted gradients use.
struct Dep : math::Number {
  unsigned on = 0;   // bit i: parameter i
  int same_as = -1;  // the parameter this is, untouched
  struct Mask {
    unsigned on = 0;
    friend constexpr Mask operator&(Mask a, Mask b) { return {a.on | b.on}; }
    friend constexpr Mask operator|(Mask a, Mask b) { return {a.on | b.on}; }
    constexpr Mask operator~() const { return *this; }
  };
  constexpr Dep() = default;
  constexpr explicit Dep(double) {}
  static constexpr Dep of(unsigned on, int same_as = -1) {
    Dep d;
    d.on = on;
    d.same_as = same_as;
    return d;
  }
};
constexpr Dep::Mask isnan(const Dep& a) { return {a.on}; }
constexpr Dep::Mask isinf(const Dep& a) { return {a.on}; }
constexpr Dep select(const Dep::Mask& m, const Dep& a, const Dep& b) { return Dep::of(m.on | a.on | b.on); }
constexpr Dep fma(const Dep& a, const Dep& b, const Dep& c) { return Dep::of(a.on | b.on | c.on); }
constexpr Dep clamp(const Dep& x, const Dep& lo, const Dep& hi) { return Dep::of(x.on | lo.on | hi.on); }

// clang-format off
#define DUET_DEP2(f) constexpr Dep f(const Dep& a, const Dep& b) { return Dep::of(a.on | b.on); }
DUET_DEP2(operator+) DUET_DEP2(operator-) DUET_DEP2(operator*) DUET_DEP2(operator/)
DUET_DEP2(maximum) DUET_DEP2(minimum) DUET_DEP2(leaky_relu) DUET_DEP2(pow)
#undef DUET_DEP2
#define DUET_DEP_COMPARE(f) constexpr Dep::Mask f(const Dep& a, const Dep& b) { return {a.on | b.on}; }
DUET_DEP_COMPARE(operator<) DUET_DEP_COMPARE(operator<=) DUET_DEP_COMPARE(operator>) DUET_DEP_COMPARE(operator>=)
DUET_DEP_COMPARE(operator==) DUET_DEP_COMPARE(operator!=)
#undef DUET_DEP_COMPARE
#define DUET_DEP1(f) constexpr Dep f(const Dep& a) { return Dep::of(a.on); }
DUET_DEP1(operator-)
DUET_DEP1(abs) DUET_DEP1(sign) DUET_DEP1(square) DUET_DEP1(reciprocal) DUET_DEP1(floor) DUET_DEP1(ceil) DUET_DEP1(round)
DUET_DEP1(sqrt) DUET_DEP1(rsqrt) DUET_DEP1(exp) DUET_DEP1(expm1) DUET_DEP1(log) DUET_DEP1(log1p) DUET_DEP1(sin)
DUET_DEP1(cos) DUET_DEP1(tanh) DUET_DEP1(erf) DUET_DEP1(sigmoid) DUET_DEP1(relu) DUET_DEP1(gelu_tanh)
DUET_DEP1(gelu_erf) DUET_DEP1(gelu_erf_slope) DUET_DEP1(silu) DUET_DEP1(softplus)
#undef DUET_DEP1
// clang-format on

}  // namespace duet
