#include "duet/ops/stats.h"

#include <limits>

#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "ops/operands.h"
#include "ops/records.h"
#include "ops/reduce_axes.h"
#include "planted.h"

namespace duet {
namespace {

Operand number(double v) { return Operand::constant(v); }

void check_ddof(std::string_view op, int64_t ddof) {
  check<Error>(ddof >= 0, "{}: ddof is negative: {}; give 0, or 1 for the unbiased estimate", op, ddof);
}

// Of a floating tensor.
Tensor variance(const Tensor& x, unsigned axes, bool keepdims, int64_t ddof) {
  int64_t keep[] = {axes, 1}, attrs[] = {axes, keepdims};
  const int64_t n = count_along(x.shape(), axes);
  if (planted("variance_ddof")) ++ddof;
  Tensor mean = div(Tensor(call_op<Sum>(keep, x)), number(static_cast<double>(n)));
  Tensor squares = call_op<Sum>(attrs, square(x - mean));
  return div(squares, number(static_cast<double>(n > ddof ? n - ddof : 0)));
}

}  // namespace

Tensor var(const Operand& x, const ReduceOver& over, int64_t ddof) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("var", x);
  const unsigned axes = axis_mask("var", t, over.axis);
  check_ddof("var", ddof);
  return variance(is_float(t.dtype()) ? t : cast(t, DType::f32), axes, over.keepdims, ddof);
}

Tensor stddev(const Operand& x, const ReduceOver& over, int64_t ddof) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("stddev", x);
  const unsigned axes = axis_mask("stddev", t, over.axis);
  check_ddof("stddev", ddof);
  const Tensor v = variance(is_float(t.dtype()) ? t : cast(t, DType::f32), axes, over.keepdims, ddof);
  // The square root's gradient at 0 is infinite; there the root is taken of 1, whose gradient goes nowhere.
  const Tensor positive = gt(v, number(0));
  return where(positive, sqrt(where(positive, v, number(1))), mul(v, number(0)));
}

Tensor logsumexp(const Operand& x, const ReduceOver& over) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("logsumexp", x);
  check<DTypeError>(is_float(t.dtype()), "logsumexp: takes floating numbers: {}; use .to(f32)", t.spec());
  const unsigned axes = axis_mask("logsumexp", t, over.axis);
  int64_t keep[] = {axes, 1}, attrs[] = {axes, over.keepdims};
  if (count_along(t.shape(), axes) == 0) return log(Tensor(call_op<Sum>(attrs, exp(t))));
  // An infinite maximum is no shift: inf − inf would be NaN.
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const Tensor top = stop_gradient(call_op<Max>(keep, t));
  const Tensor shift = where(lt(abs(top), number(kInf)), top, number(0));
  const Tensor total = call_op<Sum>(keep, exp(t - shift));
  // Nothing but −inf adds up to 0, where the logarithm's gradient is infinite.
  const Tensor some = ne(total, number(0));
  const Tensor y = where(some, add(log(where(some, total, number(1))), shift), number(-kInf));
  return over.keepdims ? y : reshape(y, reduced_shape(t.shape(), axes, false));
}

}  // namespace duet
