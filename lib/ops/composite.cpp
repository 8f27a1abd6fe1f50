#include "duet/ops/composite.h"

#include "duet/ops/index.h"
#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/reduce.h"
#include "ops/records.h"

namespace duet {
namespace {

// The operand as a floating tensor, or a DTypeError in the composite's own name.
const Tensor& floating(std::string_view op, const Operand& x) {
  check<ShapeError>(x.is_tensor(), "{}: the operand is a number; give a tensor", op);
  check<Error>(x.tensor().defined(), "{}: the operand is an empty Tensor; give it a value first", op);
  check<DTypeError>(is_float(x.tensor().dtype()), "{}: takes f32 or f64: {}; use .to(f32)", op, x.tensor().spec());
  return x.tensor();
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

Tensor cross_entropy(const Operand& logits, const Operand& labels) {
  LineScope scope(logits.line());
  const Tensor& x = floating("cross_entropy", logits);
  check<ShapeError>(labels.is_tensor() && labels.tensor().defined(),
                    "cross_entropy: the labels are not a tensor; give i32 labels");
  const Tensor& y = labels.tensor();
  check<DTypeError>(!is_float(y.dtype()) && y.dtype() != DType::boolean,
                    "cross_entropy: labels must be integers: {}; use .to(i32)", y.spec());
  check<ShapeError>(
      x.rank() > 0 && Shape(x.shape().begin(), x.rank() - 1) == y.shape(),
      "cross_entropy: logits and labels do not fit: {} and {}; labels have the logits' shape without the last axis",
      x.spec(), y.spec());
  Tensor picked = log_softmax(x) * one_hot(y, x.shape()[x.rank() - 1], x.dtype());
  return div(sum(picked), Operand::constant(-static_cast<double>(y.numel())));  // minus the mean, in one division
}

Tensor mse(const Operand& a, const Operand& b) {
  LineScope scope(a.line());
  return mean(square(sub(a, b)));
}

Tensor layer_norm(const Operand& x, const Operand& gamma, const Operand& beta, double eps) {
  LineScope scope(x.line());
  const Tensor& t = floating("layer_norm", x);
  check<ShapeError>(t.rank() > 0, "layer_norm: a scalar has no axis to normalise: {}", t.spec());
  ReduceOver last{-1, true};
  Tensor centred = t - mean(t, last);
  Tensor variance = mean(square(centred), last);
  return add(mul(centred * rsqrt(variance + eps), gamma), beta);
}

Tensor linear(const Operand& x, const Operand& weight, const Operand& bias) {
  LineScope scope(x.line());
  return add(matmul(x, weight), bias);
}

}  // namespace duet
