// Sliding windows over the last two axes: what convolutions and pooling look at. N, C leading axes, H, W the image,
// OH, OW positions of the window, KH, KW places in it.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"

namespace duet {

struct WindowOps : OpList<struct Windows, struct Unwindows> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const WindowOps*, int i);

/// Windows as a view whose strides overlap (attributes: kh, kw, stride_h, stride_w, dilation_h, dilation_w).
struct Windows : KernelOp<WindowOps, 1> {
  static constexpr std::string_view name = "windows";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_same;
  static constexpr OpClass kClass = OpClass::view;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static bool view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset);
  static void vjp(VjpContext& c);
};

/// The gradient of windows: every element of the image is the sum of its places in windows, from 0 in ascending order
/// of (kh, kw) (attributes: those of windows, then H and W).
struct Unwindows : KernelOp<WindowOps, 1> {
  static constexpr std::string_view name = "unwindows";
  static constexpr BatchRule batch = batch_same;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// All windows of kh × kw elements, stride apart, their own elements dilation apart: x […,H,W] with up to two leading
/// axes to […,OH,OW,KH,KW], OH = (H − dilation_h·(kh − 1) − 1) / stride_h + 1; a view that repeats elements where
/// windows overlap. Gradient: overlaps added in ascending order of (kh, kw). ShapeError when a window is larger than
/// the image, a size, stride or dilation below 1, or another rank.
Tensor windows(const Operand& x, int64_t kh, int64_t kw, int64_t stride_h = 1, int64_t stride_w = 1,
               int64_t dilation_h = 1, int64_t dilation_w = 1);
#endif

}  // namespace duet
