// Operations made of others. Each opens a LineScope, so that its parts carry the caller's line.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// exp(x) / sum(exp(x)) along an axis, shifted by the maximum so that nothing overflows; x's shape. DTypeError unless x
/// is f32 or f64.
Tensor softmax(const Operand& x, int axis = -1);
/// log(softmax(x)) without forming the softmax; x's shape. DTypeError unless x is f32 or f64.
Tensor log_softmax(const Operand& x, int axis = -1);
/// Mean of −log softmax(logits)[label]: logits f32[…,C], labels of any integer dtype […], result f32[].
/// Gradient: for the logits, (softmax − one_hot) / count. IndexError for a label ≥ C, ShapeError, DTypeError.
Tensor cross_entropy(const Operand& logits, const Operand& labels);
/// Mean of (a − b)² over all elements of the broadcast operands, f32[].
Tensor mse(const Operand& a, const Operand& b);
/// (x − mean) / sqrt(variance + eps) · gamma + beta over the last axis (Ba et al. 2016): x f32[…,C],
/// gamma and beta f32[C], result x's shape. ShapeError for a scalar x.
Tensor layer_norm(const Operand& x, const Operand& gamma, const Operand& beta, double eps = 1e-5);
/// x·weight + bias: x f32[…,I], weight f32[I,O], bias f32[O], result f32[…,O]. ShapeError when I differs.
Tensor linear(const Operand& x, const Operand& weight, const Operand& bias);

}  // namespace duet
