#pragma once

#include "ops/random_program.h"

namespace duet::testing {

/// One function of a floating value, drawn from those of the family that random_program.h does not know.
inline std::optional<Tensor> pointwise_unary_step(Program& p, const Tensor&) {
  using Unary = Tensor (*)(const Operand&);
  static constexpr Unary kAll[] = {log1p, sign, floor, ceil, round};
  return kAll[below(p.rng(), std::size(kAll))](p.floating());
}

inline std::optional<Tensor> leaky_relu_step(Program& p, const Tensor&) {
  const Tensor x = p.floating();
  return p.chance(2) ? leaky_relu(x) : leaky_relu(x, p.s1());
}

inline std::optional<Tensor> clamp_step(Program& p, const Tensor& x) {
  if (x.dtype() == boolean) return std::nullopt;
  if (!is_float(x.dtype())) return clamp(x, 1, 3);
  if (p.chance(2)) return p.chance(2) ? clamp(x, p.s1(), p.s2()) : clamp(x, -0.5f, p.s2());
  const std::optional<Tensor> bound = p.partner(x);
  if (!bound) return std::nullopt;
  return p.chance(2) ? clamp(x, *bound, p.s2()) : clamp(x, *bound - 1, *bound);
}

/// Tests of a value and logic on the masks that come of them.
inline std::optional<Tensor> logic_step(Program& p, const Tensor& x) {
  const Tensor f = p.floating();
  const std::optional<Tensor> other = p.partner(f);
  if (x.dtype() == boolean && p.chance(2)) {
    const std::optional<Tensor> mask = p.partner(x);
    if (!mask) return !x;
    return p.chance(2) ? x & *mask : x | *mask;
  }
  if (!other) return isnan(f) | isinf(f);
  const Tensor mask = (f > *other) & !isnan(*other);
  return p.chance(3) ? mask : where(mask, *other, f);
}

inline const std::vector<Step> kPointwiseSteps = {pointwise_unary_step, leaky_relu_step, clamp_step, logic_step};

}  // namespace duet::testing
