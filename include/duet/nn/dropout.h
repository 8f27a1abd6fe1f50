// Dropout as a layer.
#pragma once

#include <optional>

#include "duet/random.h"

namespace duet::nn {

/// Sets elements to 0 with probability p while training, that is when it is given a key (Srivastava et al. 2014).
struct Dropout {
  float p = 0.5f;

  /// dropout(x, p, key), or x itself without a key: one forward function serves training and use,
  ///   Tensor forward(const Net& m, const Tensor& x, const std::optional<Key>& key = {})
  /// Error unless 0 ≤ p < 1.
  Tensor operator()(const Operand& x, const std::optional<Key>& key = {}) const;
};

}  // namespace duet::nn
