// Layers are plain structs: trees of their parameters.
#pragma once

#include "duet/random.h"
#include "duet/tree.h"

namespace duet::nn {

/// y = x·W + b: x f32[…,I], weight f32[I,O], bias f32[O].
struct Linear {
  Tensor weight, bias;

  /// Uniform in ±1/sqrt(I) (LeCun et al. 1998), as PyTorch's default.
  static Linear init(int64_t in, int64_t out, const Key& key,
                     std::source_location line = std::source_location::current());
  /// x f32[…,I] to f32[…,O]. ShapeError when x's last axis is not I.
  Tensor operator()(const Operand& x) const;
};

}  // namespace duet::nn
