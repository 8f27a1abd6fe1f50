#include "ops/operands.h"

#include "duet/batch.h"
#include "duet/core/line.h"
#include "duet/graph/trace.h"

namespace duet {

void check_alive(std::string_view op, const Tensor& t) {
  const Block& b = t.block();
  if (b.trace != nullptr && b.trace != thread_state.trace && !batch::is_active(b)) [[unlikely]]
    graph::reject_foreign(op, b);
}

const Tensor& checked_tensor(std::string_view op, const Operand& x, std::string_view what) {
  check<ShapeError>(x.is_tensor(), "{}: the {} is a number; give a tensor", op, what);
  check<Error>(x.tensor().defined(), "{}: the {} is an empty Tensor; give it a value first", op, what);
  check_alive(op, x.tensor());
  return x.tensor();
}

const Tensor& floating(std::string_view op, const Operand& x, std::string_view what) {
  const Tensor& t = checked_tensor(op, x, what);
  check<DTypeError>(is_float(t.dtype()), "{}: takes floating numbers: {}; use .to(f32)", op, t.spec());
  return t;
}

int checked_axis(std::string_view op, int64_t axis, const Tensor& x) {
  const int rank = x.rank();
  if (rank == 0) fail<ShapeError>("{}: there is no axis {}: {}; a scalar has no axes", op, axis, x.spec());
  if (axis < -rank || axis >= rank)
    fail<ShapeError>("{}: there is no axis {}: {}; axes go from {} to {}", op, axis, x.spec(), -rank, rank - 1);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace duet
