// Steps of optimisers, each one op: a parameter's element and its moments are read and written once.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// One Adam step of a parameter (Kingma & Ba 2015, in the order of their section 2's last paragraph): p, g, m, v, then
/// the rate lr / (1 − β1^t), β1, 1 − β1, β2, 1 − β2, ε and 1 / sqrt(1 − β2^t); gives the new p, m, v. One square root
/// and one division an element.
struct AdamUpdate : Pointwise<11, 3> {
  static constexpr std::string_view name = "adam_update";
  static constexpr unsigned kOftenNumbers = 0x7f0;
  template <class T>
  DUET_FORMULA Many<T, 3> forward(const T& p, const T& g, const T& m, const T& v, const T& rate, const T& beta1,
                                  const T& rest1, const T& beta2, const T& rest2, const T& eps, const T& scale) {
    T m1 = fma(beta1, m, rest1 * g);
    m1 = select(abs(m1) < T(1e-30f), T(0),
                m1);  // left alone it would decay into subnormals, which are slow, and move nothing
    T v1 = fma(beta2, v, rest2 * g * g);
    return {p - rate * m1 / fma(sqrt(v1), scale, eps), m1, v1};
  }
};

}  // namespace duet
