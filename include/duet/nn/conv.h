// Convolution as a layer.
//   N batch   C channels in   O channels out   H, W an image   kh, kw a kernel
#pragma once

#include "duet/ops/conv.h"
#include "duet/random.h"

namespace duet::nn {

/// y = conv2d(x, weight) + bias by channel.
struct Conv2d {
  Tensor weight, bias;  // f32[O,C/groups,kh,kw], f32[O]
  Conv2dOptions options = {};

  /// Uniform in ±1/sqrt(C/groups·kh·kw), as PyTorch's default (He et al. 2015 with a = √5). ShapeError when sizes or
  /// groups make no layer.
  static Conv2d init(int64_t in, int64_t out, Size2 kernel, const Key& key, const Conv2dOptions& options = {},
                     std::source_location line = std::source_location::current());
  /// x f32[N,C,H,W] to f32[N,O,OH,OW]. ShapeError when x has other channels, the bias
  /// has not O numbers or the windows do not fit.
  Tensor operator()(const Operand& x) const;
};

}  // namespace duet::nn
