// Gradients kept from being too large (Pascanu et al. 2013).
#pragma once

#include "duet/optim/update.h"

namespace duet::optim {

/// Clipped gradients, and the norm they had.
template <class T>
struct Clipped {
  T gradients;
  Tensor norm;
};

namespace detail {

Tensor clip(const std::vector<Tensor*>& gradients, const Operand& max_norm);

}  // namespace detail

/// Scales all gradients together by min(1, max_norm / (norm + 1e-6)), as PyTorch's clip_grad_norm_; norm is the root of
/// the sum of all their squares: f32[], or f64[] where a gradient is f64. Nothing is read on the host, so it is part of
/// a compiled step. Error for a number that is not positive, ShapeError for a tensor of more than one element.
template <class T>
Clipped<T> clip_by_global_norm(const T& gradients, const Operand& max_norm) {
  LineScope scope(max_norm.line());
  Clipped<T> y{gradients, {}};
  y.norm = detail::clip(detail::parameters(y.gradients), max_norm);
  return y;
}

}  // namespace duet::optim
