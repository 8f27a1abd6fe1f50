#include "duet/ops/loss.h"

#include <cmath>

#include "duet/ops/create.h"
#include "duet/ops/index.h"
#include "duet/ops/normalise.h"
#include "duet/ops/reduce.h"
#include "ops/operands.h"

namespace duet {

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
  const int64_t attrs[] = {static_cast<int64_t>(boolean), x.shape()[x.rank() - 1], 1};
  const Tensor hit = call_op<OneHot>(attrs, y);
  // Chosen, not multiplied by 1 and 0: another class may have a logit of −inf.
  const Tensor picked = where(hit, log_softmax(x), Operand::constant(0));
  // By rows first, which end in the kernel that makes them; minus the mean, in one division.
  return div(sum(sum(picked, -1)), Operand::constant(-static_cast<double>(y.numel())));
}

Tensor binary_cross_entropy(const Operand& logits, const Operand& targets) {
  LineScope scope(logits.line());
  return mean(Tensor(dispatch(op<BinaryCrossEntropy>(), {logits, targets})));
}

Tensor mse(const Operand& a, const Operand& b) {
  LineScope scope(a.line());
  return mean(square(sub(a, b)));
}

Tensor huber(const Operand& a, const Operand& b, double delta) {
  LineScope scope(a.line());
  check<Error>(delta > 0 && std::isfinite(delta), "huber: delta is {}; give a number above 0", delta);
  const Tensor d = sub(a, b);
  // With c the difference cut to ±delta both branches are c·(d − c/2), whose slope is c everywhere.
  // −delta is an operation, so that delta may be an argument of a frozen function.
  const Tensor least = minimum(d, delta);
  const Tensor c = maximum(least, neg(full({}, delta, d.dtype())));
  return mean(c * (d - c * 0.5));
}

}  // namespace duet
