#pragma once

#include "ops/random_program.h"

namespace duet::testing {

/// An optimiser's step of x, whose results join the program: all of them, or one.
inline std::optional<Tensor> adamw_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype())) return std::nullopt;
  const Tensor g = p.partner(x).value_or(x);
  const Outputs y = dispatch(
      op<AdamWUpdate>(), {Operand(x), Operand(g), Operand(x), Operand(abs(x)), Operand(p.s1()), Operand(0.9),
                          Operand(0.1), Operand(0.99), Operand(0.01), Operand(1e-3), Operand(p.s2()), Operand(0.875)});
  if (p.chance(2)) p.add(y.values[2]);
  return y.values[p.chance(2) ? 0 : 1];
}
inline std::optional<Tensor> sgd_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype())) return std::nullopt;
  const Tensor g = p.partner(x).value_or(x);
  return dispatch(op<SgdUpdate>(), {Operand(x), Operand(g), Operand(p.s1())})[0];
}
inline std::optional<Tensor> lion_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype())) return std::nullopt;
  const Tensor g = p.partner(x).value_or(x);
  const Outputs y = dispatch(op<LionUpdate>(), {Operand(x), Operand(g), Operand(sin(x)), Operand(p.s1()), Operand(0.9),
                                                Operand(0.1), Operand(0.99), Operand(0.01), Operand(p.s2())});
  if (p.chance(2)) p.add(y.values[1]);
  return y.values[0];
}

inline const std::vector<Step> kUpdateSteps = {sgd_step, adamw_step, lion_step};

}  // namespace duet::testing
