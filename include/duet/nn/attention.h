// Attention of several heads.
//   T queries   S keys and values   E width of the model
#pragma once

#include "duet/nn/linear.h"
#include "duet/ops/attention.h"

namespace duet::nn {

/// Scaled dot-product attention of H heads, each E/H wide, between projections (Vaswani et al. 2017).
struct MultiHeadAttention {
  Linear query, key, value, out;  // f32[E,E] each
  int64_t heads = 1;
  bool causal = false;

  /// As PyTorch's MultiheadAttention: the projections into heads uniform in ±sqrt(6 / 4E) (Glorot & Bengio 2010, for
  /// the three as one matrix), the last one in ±1/sqrt(E), no biases. ShapeError unless the heads divide the width.
  static MultiHeadAttention init(int64_t width, int64_t heads, const Key& key, bool causal = false,
                                 std::source_location line = std::source_location::current());
  /// Self-attention: x f32[…,T,E], result x's shape. `mask` as in attention, in addition to `causal`;
  /// the heads are axis −3 of the scores, so that a mask for each example of [B,T,E] is [B,1,T,S]. ShapeError when the
  /// heads do not divide the width, or for more than 5 axes.
  Tensor operator()(const Operand& x, const Tensor& mask = {}) const;
  /// Attention of x f32[…,T,E] to memory f32[…,S,E], result x's shape.
  Tensor attend(const Operand& x, const Operand& memory, const Tensor& mask = {}) const;
};

}  // namespace duet::nn
