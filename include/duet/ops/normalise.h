// Normalisations over an axis, a group or a batch. Each opens a LineScope, so that its parts carry the caller's line.
//   N batch   C channels   … any further axes
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// exp(x) / sum(exp(x)) along an axis, shifted by the maximum so that nothing overflows; x's shape. DTypeError unless x
/// is floating.
Tensor softmax(const Operand& x, int axis = -1);
/// log(softmax(x)) without forming the softmax; x's shape. DTypeError unless x is floating.
Tensor log_softmax(const Operand& x, int axis = -1);
/// (x − mean) / sqrt(variance + eps) · gamma + beta over the last axis (Ba et al. 2016): x f32[…,C],
/// gamma and beta f32[C] or numbers, result x's shape. ShapeError for a scalar x or another C.
Tensor layer_norm(const Operand& x, const Operand& gamma, const Operand& beta, double eps = 1e-5);
/// x / sqrt(mean(x²) + eps) · gamma over the last axis (Zhang & Sennrich 2019): x f32[…,C], gamma f32[C] or a
/// number, result x's shape. ShapeError for a scalar x or another C.
Tensor rms_norm(const Operand& x, const Operand& gamma, double eps = 1e-6);
/// (x − mean) / sqrt(variance + eps) over the elements of a sample's group of channels, · gamma + beta by channel (Wu &
/// He 2018): x f32[N,C,…], gamma and beta f32[C], result x's shape. ShapeError unless the groups divide C.
Tensor group_norm(const Operand& x, int64_t groups, const Operand& gamma, const Operand& beta, double eps = 1e-5);
/// (x − mean) / sqrt(variance + eps) · gamma + beta by channel (Ioffe & Szegedy 2015): x f32[N,C,…], the others f32[C],
/// result x's shape. Gradients for all five: in training mean and variance are batch_statistics(x). ShapeError unless
/// there is one number a channel.
Tensor batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const Operand& mean,
                  const Operand& variance, double eps = 1e-5);

/// What batch_norm normalises with when it trains.
struct BatchStatistics {
  Tensor mean, variance;  // f32[C]; the variance is divided by the number of elements
};
/// Mean and variance of each channel over the batch and all further axes: x f32[N,C,…]. ShapeError for fewer than two
/// axes, DTypeError unless x is floating.
BatchStatistics batch_statistics(const Operand& x);

}  // namespace duet
