#include "duet/ops/conv.h"

#include "duet/ops/index.h"
#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/reduce.h"
#include "ops/image_windows.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {
namespace {

struct WindowAttrs {
  int64_t v[8];
  operator Attrs() const { return v; }
};
WindowAttrs window_attrs(Size2 kernel, Size2 stride, Size2 padding, Size2 dilation) {
  return {{kernel.h, kernel.w, stride.h, stride.w, padding.h, padding.w, dilation.h, dilation.w}};
}

const Tensor& images(std::string_view op, const Operand& x) {
  const Tensor& t = floating(op, x);
  check<ShapeError>(t.rank() == 4, "{}: takes images [N,C,H,W]: {}", op, t.spec());
  return t;
}

/// The windows of a convolution over images x, all there.
WindowAttrs checked_windows(std::string_view op, const Tensor& x, Size2 kernel, Size2 stride, Size2 padding,
                            Size2 dilation) {
  const WindowAttrs attrs = window_attrs(kernel, stride, padding, dilation);
  ImageGeometry(op, x.spec(), attrs);
  return attrs;
}

/// The windows of a pool, all of them with a place inside.
WindowAttrs pool_attrs(std::string_view op, const Tensor& x, Size2 kernel, const PoolOptions& o) {
  const WindowAttrs attrs = checked_windows(
      op, x, kernel, {o.stride.h == 0 ? kernel.h : o.stride.h, o.stride.w == 0 ? kernel.w : o.stride.w}, o.padding, 1);
  check<ShapeError>(2 * o.padding.h <= kernel.h && 2 * o.padding.w <= kernel.w,
                    "{}: a padding of {}x{} is more than half a kernel of {}x{}; give less", op, o.padding.h,
                    o.padding.w, kernel.h, kernel.w);
  return attrs;
}

/// [C,N,OH,OW] to [N,C,OH,OW]: a view.
Tensor batch_first(const Tensor& x) { return swap_axes(x, 0, 1); }

}  // namespace

Tensor unfold(const Operand& x, Size2 kernel, const Conv2dOptions& options) {
  LineScope scope(x.line());
  return dispatch(op<Unfold>(), {x}, window_attrs(kernel, options.stride, options.padding, options.dilation));
}

Tensor conv2d(const Operand& x, const Operand& weight, const Conv2dOptions& options) {
  LineScope scope(x.line());
  const Tensor &t = images("conv2d", x), &w = floating("conv2d", weight, "weight");
  const int64_t groups = options.groups, channels = t.shape()[1];
  check<ShapeError>(w.rank() == 4, "conv2d: the weight is {}; it must be [O,C/groups,kh,kw]", w.spec());
  const Shape& k = w.shape();
  check<ShapeError>(groups > 0 && channels % groups == 0 && k[0] % groups == 0,
                    "conv2d: {} groups do not divide {} channels in and {} out: {}, weight {}; give a divisor of both",
                    groups, channels, k[0], t.spec(), w.spec());
  check<ShapeError>(
      k[1] * groups == channels,
      "conv2d: channels differ: {}, weight {} ({} vs {} in {} groups of {}); weight must be [O,C/groups,kh,kw]",
      t.spec(), w.spec(), channels, k[1] * groups, groups, k[1]);
  check<DTypeError>(w.dtype() == t.dtype(), "conv2d: images and weight differ in type: {}, weight {}; use .to({})",
                    t.spec(), w.spec(), t.dtype());
  const Tensor columns =
      call_op<Unfold>(checked_windows("conv2d", t, {k[2], k[3]}, options.stride, options.padding, options.dilation), t);
  const Shape& s = columns.shape();  // [C,kh·kw,N,OH,OW]
  const int64_t depth = k[1] * k[2] * k[3], places = s[2] * s[3] * s[4];
  if (groups == 1)
    return batch_first(
        reshape(matmul(reshape(w, {k[0], depth}), reshape(columns, {depth, places})), {k[0], s[2], s[3], s[4]}));
  const Tensor y = matmul(reshape(w, {groups, k[0] / groups, depth}), reshape(columns, {groups, depth, places}));
  return batch_first(reshape(y, {k[0], s[2], s[3], s[4]}));
}

Tensor max_pool2d(const Operand& x, Size2 kernel, const PoolOptions& options) {
  LineScope scope(x.line());
  const Tensor& t = images("max_pool2d", x);
  const WindowAttrs attrs = pool_attrs("max_pool2d", t, kernel, options);
  check<ShapeError>(t.shape()[2] > 0 && t.shape()[3] > 0,
                    "max_pool2d: there is no maximum of no elements: {}; give at least one", t.spec());
  const Tensor at = call_op<MaxPoolIndex>(attrs, stop_gradient(t));
  return gather(reshape(t, {t.numel()}), at);
}

Tensor avg_pool2d(const Operand& x, Size2 kernel, const PoolOptions& options) {
  LineScope scope(x.line());
  const Tensor& t = images("avg_pool2d", x);
  const Tensor columns = call_op<Unfold>(pool_attrs("avg_pool2d", t, kernel, options), t);
  return batch_first(mean(columns, 1));
}

}  // namespace duet
