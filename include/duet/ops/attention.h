// Scaled dot-product attention.
//   T queries   S keys and values   D width of a key   E width of a value
#pragma once

#include <optional>

#include "duet/ops/op.h"

namespace duet {

/// Who may look at whom.
struct AttentionOptions {
  bool causal = false;  // query i sees keys 0 … i
  Tensor mask = {};     // [T,S] or what broadcasts to the scores: bool, true where a query may look; or added to scores
  std::optional<double> scale = {};  // of the scores; 1/sqrt(D) if not given
};

/// softmax(q·kᵀ·scale + mask)·v (Vaswani et al. 2017): q f32[…,T,D], k f32[…,S,D], v f32[…,S,E], result f32[…,T,E];
/// leading axes, heads among them, broadcast. A query that may look at nothing gives zeros, and zero gradients, instead
/// of 0/0. ShapeError when shapes do not fit, DTypeError unless all are f32 or all f64.
Tensor attention(const Operand& q, const Operand& k, const Operand& v, const AttentionOptions& options = {});

}  // namespace duet
