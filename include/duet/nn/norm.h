// Layers that normalise.
//   N batch   C channels or features   … any further axes
#pragma once

#include "duet/nn/buffers.h"
#include "duet/ops/operand.h"

namespace duet::nn {

/// layer_norm over the last axis, C wide (Ba et al. 2016).
struct LayerNorm {
  Tensor weight, bias;  // f32[C]
  float eps = 1e-5f;

  /// Ones and zeros, as PyTorch's default.
  static LayerNorm init(int64_t features, std::source_location line = std::source_location::current());
  /// x f32[…,C], result x's shape. ShapeError when x's last axis is not C.
  Tensor operator()(const Operand& x) const;
};

/// rms_norm over the last axis, C wide (Zhang & Sennrich 2019).
struct RMSNorm {
  Tensor weight;  // f32[C]
  float eps = 1e-6f;

  /// Ones, as PyTorch's default; eps is that of most language models.
  static RMSNorm init(int64_t features, std::source_location line = std::source_location::current());
  /// x f32[…,C], result x's shape. ShapeError when x's last axis is not C.
  Tensor operator()(const Operand& x) const;
};

/// group_norm over groups of channels (Wu & He 2018).
struct GroupNorm {
  Tensor weight, bias;  // f32[C]
  int64_t groups = 1;
  float eps = 1e-5f;

  /// Ones and zeros, as PyTorch's default. ShapeError unless the groups divide the channels.
  static GroupNorm init(int64_t groups, int64_t channels, std::source_location line = std::source_location::current());
  /// x f32[N,C,…], result x's shape. ShapeError when x has other channels.
  Tensor operator()(const Operand& x) const;
};

/// batch_norm by channel (Ioffe & Szegedy 2015). It trains with the statistics of the batch and keeps running ones,
/// which it uses otherwise: two functions, so that a const model cannot be trained by mistake. See buffers.h for how
/// the running statistics get out of a gradient.
struct BatchNorm {
  Tensor weight, bias;                 // f32[C]
  Buffer running_mean, running_var;    // f32[C]
  float momentum = 0.1f, eps = 1e-5f;  // momentum: the weight of the newest batch

  /// Ones and zeros; running mean 0 and variance 1, as PyTorch's default.
  static BatchNorm init(int64_t channels, std::source_location line = std::source_location::current());
  /// With the running statistics: x f32[N,C,…], result x's shape. ShapeError when x has other channels.
  Tensor operator()(const Operand& x) const;
  /// With the statistics of the batch, which also move the running ones, the variance times n/(n − 1) as in PyTorch;
  /// gradients go through them. ShapeError when x has other channels or fewer than two elements a
  /// channel.
  Tensor train(const Operand& x);
};

}  // namespace duet::nn
