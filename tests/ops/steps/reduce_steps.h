#pragma once

#include "ops/random_program.h"

namespace duet::testing {

/// Axes and keepdims for a reduction of x.
inline ReduceOver drawn_axes(Program& p, const Tensor& x) {
  ReduceOver over{{}, p.chance(2)};
  if (x.rank() > 0 && !p.chance(4)) {
    const int first = below(p.rng(), x.rank()), second = below(p.rng(), x.rank());
    over.axis = first == second || p.chance(2) ? Axes{first} : Axes{first, second};
  }
  return over;
}

inline const std::vector<Step> kReduceSteps = {
    [](Program& p, const Tensor& x) -> std::optional<Tensor> {
      if (x.numel() == 0) return reduce_all(x, drawn_axes(p, x));
      switch (below(p.rng(), 3)) {
        case 0:
          return duet::min(x, drawn_axes(p, x));
        case 1:
          return x.rank() > 0 ? argmin(x, p.axis(x), p.chance(2)) : prod(x);
        default:
          return p.chance(2) ? reduce_any(x, drawn_axes(p, x)) : reduce_all(x, drawn_axes(p, x));
      }
    },
    [](Program& p, const Tensor& x) -> std::optional<Tensor> { return prod(x, drawn_axes(p, x)); },
    [](Program& p, const Tensor& x) -> std::optional<Tensor> {
      const ReduceOver over = drawn_axes(p, x);
      if (!is_float(x.dtype()) || p.chance(2)) return p.chance(2) ? var(x, over, 1) : stddev(x, over);
      return logsumexp(x, over);
    },
    [](Program& p, const Tensor& x) -> std::optional<Tensor> {
      if (x.rank() == 0) return std::nullopt;
      return cumsum(x, p.axis(x), p.chance(3));
    },
    [](Program& p, const Tensor& x) -> std::optional<Tensor> {
      if (x.rank() == 0) return std::nullopt;
      const int axis = p.axis(x);
      Sorted s = p.chance(2) ? sort(x, axis, p.chance(2)) : topk(x, below(p.rng(), x.shape(axis) + 1), axis);
      if (p.chance(3)) return s.indices;
      if (p.chance(3)) p.add(s.indices);
      return s.values;
    },
};

}  // namespace duet::testing
