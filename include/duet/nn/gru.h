// A gated recurrent unit, one step at a time.
//   I inputs   H hidden units
#pragma once

#include "duet/nn/linear.h"

namespace duet::nn {

/// PyTorch's GRUCell (Cho et al. 2014): with i = x·Wi + bi and h' = h·Wh + bh in thirds r, z, n
///   r = σ(i_r + h'_r)   z = σ(i_z + h'_z)   n = tanh(i_n + r·h'_n)   next h = n + z·(h − n)
struct GruCell {
  Linear input, hidden;  // f32[I,3H], f32[H,3H]

  /// Uniform in ±1/sqrt(H), as PyTorch's default.
  static GruCell init(int64_t in, int64_t hidden, const Key& key,
                      std::source_location line = std::source_location::current());
  /// x f32[…,I], h f32[…,H], result the next h. ShapeError when an axis does not fit.
  Tensor operator()(const Operand& x, const Operand& h) const;
};

}  // namespace duet::nn
