// Steps of optimisers: one op a parameter, with the new parameter and the new state as its outputs. What all elements
// share (bias corrections, 1 − lr·decay) is computed once and comes in as numbers.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// 0 in place of a subnormal number: what decays without gradients passes through them for thousands of steps on its
/// way to 0, and arithmetic on them is many times as slow.
template <class T>
DUET_FN T without_subnormals(const T& x) {
  return select(abs(x) < T(T::kIsDouble ? 0x1p-1022 : 0x1p-126), T(0), x);
}

/// One step of gradient descent of a parameter: p, g and the rate lr give p − lr·g.
struct SgdUpdate : Pointwise<3> {
  static constexpr std::string_view name = "sgd_update";
  static constexpr unsigned kOftenNumbers = 0b100;
  template <class T>
  DUET_FORMULA T forward(const T& p, const T& g, const T& lr) {
    return p - lr * g;
  }
  template <class V>
  DUET_RULE Many<V, 3> vjp(const V& dy, In<V, 1> g, In<V, 2> lr) {
    return {dy, -(dy * lr), -(dy * g)};
  }
};

/// The moments of Adam: the new m and v.
template <class T>
DUET_FN Many<T, 2> adam_moments(const T& g, const T& m, const T& v, const T& beta1, const T& rest1, const T& beta2,
                                const T& rest2) {
  T m1 = fma(beta1, m, rest1 * g);
  m1 = select(abs(m1) < T(1e-30f), T(0),
              m1);  // left alone it would decay into subnormals, which are slow, and move nothing
  // The root of a subnormal v is below 1.1e-19 (f64: 1.5e-154), which is lost beside any ε above 1e-10 (f64: 1e-136):
  // no parameter moves otherwise than with v.
  T v1 = without_subnormals(fma(beta2, v, rest2 * g * g));
  return {m1, v1};
}

/// One Adam step of a parameter (Kingma & Ba 2015, in the order of their section 2's last paragraph): p, g, m, v, then
/// the rate lr / (1 − β1^t), β1, 1 − β1, β2, 1 − β2, ε and 1 / sqrt(1 − β2^t); gives the new p, m, v. One square root
/// and one division an element.
struct AdamUpdate : Pointwise<11, 3> {
  static constexpr std::string_view name = "adam_update";
  static constexpr unsigned kOftenNumbers = 0x7f0;
  template <class T>
  DUET_FORMULA Many<T, 3> forward(const T& p, const T& g, const T& m, const T& v, const T& rate, const T& beta1,
                                  const T& rest1, const T& beta2, const T& rest2, const T& eps, const T& scale) {
    const Many<T, 2> now = adam_moments(g, m, v, beta1, rest1, beta2, rest2);
    return {p - rate * now.v[0] / fma(sqrt(now.v[1]), scale, eps), now.v[0], now.v[1]};
  }
};

/// One AdamW step of a parameter (Loshchilov & Hutter 2019): Adam's operands, then 1 − lr·decay, by which the parameter
/// is multiplied before Adam's step; gives the new p, m, v.
struct AdamWUpdate : Pointwise<12, 3> {
  static constexpr std::string_view name = "adamw_update";
  static constexpr unsigned kOftenNumbers = 0xff0;
  template <class T>
  DUET_FORMULA Many<T, 3> forward(const T& p, const T& g, const T& m, const T& v, const T& rate, const T& beta1,
                                  const T& rest1, const T& beta2, const T& rest2, const T& eps, const T& scale,
                                  const T& keep) {
    return AdamUpdate::forward(p * keep, g, m, v, rate, beta1, rest1, beta2, rest2, eps, scale);
  }
};

/// One Lion step of a parameter (Chen et al. 2023): p, g, m, then lr, β1, 1 − β1, β2, 1 − β2 and 1 − lr·decay; gives
/// p·(1 − lr·decay) − lr·sign(β1·m + (1 − β1)·g) and the new m. The sign of 0 is 0, of NaN NaN.
struct LionUpdate : Pointwise<9, 2> {
  static constexpr std::string_view name = "lion_update";
  static constexpr unsigned kOftenNumbers = 0x1f8;
  template <class T>
  DUET_FORMULA Many<T, 2> forward(const T& p, const T& g, const T& m, const T& lr, const T& beta1, const T& rest1,
                                  const T& beta2, const T& rest2, const T& keep) {
    const T blend = fma(beta1, m, rest1 * g);
    const T sign = select(blend > T(0), T(1), select(blend < T(0), T(-1), blend));
    // The smallest m still gives a whole step, so it is kept as long as it is a normal number.
    return {p * keep - lr * sign, without_subnormals(fma(beta2, m, rest2 * g))};
  }
};

}  // namespace duet
