// Losses: means over all elements, in one number. Each opens a LineScope, so that its parts carry the caller's line.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// Mean of −log softmax(logits)[label]: logits f32[…,C], labels of any integer dtype […], result f32[].
/// Gradient: for the logits, (softmax − one_hot) / count. IndexError for a label ≥ C, ShapeError, DTypeError.
Tensor cross_entropy(const Operand& logits, const Operand& labels);
/// Mean of −t·log σ(x) − (1 − t)·log(1 − σ(x)) over all elements of the broadcast operands, f32[]: logits x, targets t
/// in 0 to 1. Computed as max(x, 0) − x·t + log1p(exp(−|x|)), which neither overflows nor loses small losses.
/// Gradients: (σ(x) − t) / count and −x / count. DTypeError unless both are f32 or both f64.
Tensor binary_cross_entropy(const Operand& logits, const Operand& targets);
/// Mean of (a − b)² over all elements of the broadcast operands, f32[].
Tensor mse(const Operand& a, const Operand& b);
/// Mean of ½d² where |d| ≤ delta and of delta·(|d| − ½delta) beyond, d = a − b, over all elements of the broadcast
/// operands (Huber 1964), f32[]. Error unless delta is above 0.
Tensor huber(const Operand& a, const Operand& b, double delta = 1);

}  // namespace duet
