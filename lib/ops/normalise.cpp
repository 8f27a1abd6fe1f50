#include "duet/ops/normalise.h"

#include "duet/ops/movement.h"
#include "duet/ops/reduce.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {
namespace {

/// x as f32[N,C,…], or a ShapeError.
const Tensor& with_channels(std::string_view op, const Operand& x) {
  const Tensor& t = floating(op, x);
  check<ShapeError>(t.rank() >= 2, "{}: channels are axis 1: {}; give [N,C,…]", op, t.spec());
  return t;
}

/// One number a channel, as it stands beside x: f32[C,1,…].
Tensor by_channel(std::string_view op, std::string_view what, const Operand& p, const Tensor& x) {
  const Tensor& t = floating(op, p, what);
  check<DTypeError>(t.dtype() == x.dtype(), "{}: {} is {} for {}; use .to({})", op, what, t.spec(), x.spec(),
                    x.dtype());
  check<ShapeError>(t.shape() == Shape{x.shape()[1]}, "{}: {} is {} for {}; it must have one number a channel: [{}]",
                    op, what, t.spec(), x.spec(), x.shape()[1]);
  Shape s{x.shape()[1]};
  while (s.rank() < x.rank() - 1) s.push_back(1);
  return reshape(t, s);
}

/// A number, or one a place of x's last axis, which must not make the result larger than x.
const Operand& by_feature(std::string_view op, std::string_view what, const Operand& p, const Tensor& x) {
  if (!p.is_tensor()) return p;
  const Tensor& t = floating(op, p, what);
  check<DTypeError>(t.dtype() == x.dtype(), "{}: {} is {} for {}; use .to({})", op, what, t.spec(), x.spec(),
                    x.dtype());
  const int64_t features = x.shape()[x.rank() - 1];
  check<ShapeError>(t.shape() == Shape{features}, "{}: {} is {} for {}; it must have one number a feature: [{}]", op,
                    what, t.spec(), x.spec(), features);
  return p;
}

Tensor standardised(const Tensor& x, double eps) {  // over the last axis
  ReduceOver last{-1, true};
  Tensor centred = x - mean(x, last);
  Tensor variance = mean(square(centred), last);
  return centred * rsqrt(variance + eps);
}

}  // namespace

Tensor softmax(const Operand& x, int axis) {
  LineScope scope(x.line());
  const Tensor& t = floating("softmax", x);
  ReduceOver over{checked_axis("softmax", axis, t), true};
  Tensor e = exp(t - stop_gradient(max(t, over)));
  return e / sum(e, over);
}

Tensor log_softmax(const Operand& x, int axis) {
  LineScope scope(x.line());
  const Tensor& t = floating("log_softmax", x);
  ReduceOver over{checked_axis("log_softmax", axis, t), true};
  Tensor shifted = t - stop_gradient(max(t, over));
  return shifted - log(sum(exp(shifted), over));
}

Tensor layer_norm(const Operand& x, const Operand& gamma, const Operand& beta, double eps) {
  LineScope scope(x.line());
  const Tensor& t = floating("layer_norm", x);
  check<ShapeError>(t.rank() > 0, "layer_norm: a scalar has no axis to normalise: {}; give at least one axis",
                    t.spec());
  const Operand &g = by_feature("layer_norm", "gamma", gamma, t), &b = by_feature("layer_norm", "beta", beta, t);
  return add(mul(standardised(t, eps), g), b);
}

Tensor rms_norm(const Operand& x, const Operand& gamma, double eps) {
  LineScope scope(x.line());
  const Tensor& t = floating("rms_norm", x);
  check<ShapeError>(t.rank() > 0, "rms_norm: a scalar has no axis to normalise: {}; give at least one axis", t.spec());
  const Operand& g = by_feature("rms_norm", "gamma", gamma, t);
  return mul(t * rsqrt(mean(square(t), {-1, true}) + eps), g);
}

Tensor group_norm(const Operand& x, int64_t groups, const Operand& gamma, const Operand& beta, double eps) {
  LineScope scope(x.line());
  const Tensor& t = with_channels("group_norm", x);
  const int64_t channels = t.shape()[1];
  check<ShapeError>(groups > 0 && channels % groups == 0,
                    "group_norm: {} groups do not divide {} channels: {}; give a divisor", groups, channels, t.spec());
  int64_t size = channels / groups;
  for (int a = 2; a < t.rank(); ++a) size *= t.shape()[a];
  const Tensor g = by_channel("group_norm", "gamma", gamma, t), b = by_channel("group_norm", "beta", beta, t);
  return reshape(standardised(reshape(t, {t.shape()[0], groups, size}), eps), t.shape()) * g + b;
}

Tensor batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const Operand& mean,
                  const Operand& variance, double eps) {
  LineScope scope(x.line());
  const Tensor& t = with_channels("batch_norm", x);
  const Tensor g = by_channel("batch_norm", "gamma", gamma, t), b = by_channel("batch_norm", "beta", beta, t),
               m = by_channel("batch_norm", "mean", mean, t), v = by_channel("batch_norm", "variance", variance, t);
  return (t - m) * (g * rsqrt(v + eps)) + b;
}

BatchStatistics batch_statistics(const Operand& x) {
  LineScope scope(x.line());
  const Tensor& t = with_channels("batch_statistics", x);
  ReduceOver over;
  over.axis.count = 0;
  for (int a = 0; a < t.rank(); ++a)
    if (a != 1) over.axis.axis[over.axis.count++] = a;
  over.keepdims = true;
  const Tensor m = mean(t, over);
  const Shape channels{t.shape()[1]};
  return {reshape(m, channels), reshape(mean(square(t - m), over), channels)};
}

}  // namespace duet
