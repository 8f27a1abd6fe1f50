// Convolution and pooling of images.
//   N batch   C channels   H, W an image   O channels out   OH, OW an image out   kh, kw a kernel
#pragma once

#include <tuple>

#include "duet/ops/op.h"

namespace duet {

struct ConvOps : OpList<struct Unfold, struct Fold, struct MaxPoolIndex> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const ConvOps*, int i);

/// The windows of images as columns, [N,C,H,W] to [C,kh·kw,N,OH,OW], five axes so that vmap has one left, 0 beyond the
/// edges (attributes: kernel, stride, padding, dilation, each for rows and columns).
struct Unfold : KernelOp<ConvOps, 1> {
  static constexpr std::string_view name = "unfold";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
};

/// The gradient of unfold: each column added where it came from, in ascending order of the kernel's places (attributes:
/// those of unfold, H, W).
struct Fold : KernelOp<ConvOps, 1> {
  static constexpr std::string_view name = "fold";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
};

/// Where in x, taken as one row, the first maximum of each window is, i64[N,C,OH,OW]; the first NaN wins, what is
/// beyond the edges never does (attributes: those of unfold).
struct MaxPoolIndex : KernelOp<ConvOps, 1> {
  static constexpr std::string_view name = "max_pool_index";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static Outputs batch(const BatchCall& call);
};

/// A number for rows and one for columns: `3`, or `{3, 5}`.
struct Size2 {
  int64_t h, w;
  constexpr Size2(int64_t both) : h(both), w(both) {}
  constexpr Size2(int64_t rows, int64_t columns) : h(rows), w(columns) {}
};
inline auto tree_fields(Size2& s) { return std::tie(s.h, s.w); }

struct Conv2dOptions {
  Size2 stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;  // channels in and out are cut in so many groups, each convolved on its own
};

/// Sum over channels and kernel of x·weight at each place (cross-correlation, as in PyTorch): x f32[N,C,H,W], weight
/// f32[O,C/groups,kh,kw], result f32[N,O,OH,OW], OH = (H + 2·padding − dilation·(kh − 1) − 1) / stride + 1. One product
/// of matrices, weight [O,C·kh·kw] times the columns of unfold (Chellapilla et al. 2006), in its order. Gradients: for
/// x the columns' gradients folded, for weight dy times the columns. ShapeError when shapes or options do not fit.
Tensor conv2d(const Operand& x, const Operand& weight, const Conv2dOptions& options = {});

struct PoolOptions {
  Size2 stride = 0;  // 0: the kernel
  Size2 padding = 0;
};

/// Largest element of each window, f32[N,C,H,W] to f32[N,C,OH,OW]; NaN propagates. Gradient: dy to the first largest.
/// ShapeError when the windows do not fit or the padding is more than half a kernel.
Tensor max_pool2d(const Operand& x, Size2 kernel, const PoolOptions& options = {});
/// Mean of each window, f32[N,C,H,W] to f32[N,C,OH,OW]. Padding counts as zeros, as PyTorch's default has it. Gradient:
/// dy / (kh·kw), repeated and added. ShapeError as for max_pool2d.
Tensor avg_pool2d(const Operand& x, Size2 kernel, const PoolOptions& options = {});

/// The columns that conv2d multiplies: x f32[N,C,H,W] to f32[C,kh·kw,N,OH,OW], 0 beyond the edges; groups do not
/// matter. What pad, windows and a copy give, in one pass. Gradient: dy added where it came from. ShapeError when the
/// windows do not fit.
Tensor unfold(const Operand& x, Size2 kernel, const Conv2dOptions& options = {});
#endif

}  // namespace duet
