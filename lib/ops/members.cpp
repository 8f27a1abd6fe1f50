// The operations that are members of Tensor.
#include "duet/ops/movement.h"

namespace duet {

Tensor Tensor::to(DType dtype, std::source_location line) const { return cast(Operand(*this, line), dtype); }
Tensor Tensor::contiguous(std::source_location line) const { return duet::contiguous(Operand(*this, line)); }
Tensor Tensor::reshape(const Shape& shape, std::source_location line) const {
  return duet::reshape(Operand(*this, line), shape);
}
Tensor Tensor::transpose(std::source_location line) const { return duet::transpose(Operand(*this, line)); }
Tensor Tensor::slice(int axis, int64_t start, int64_t stop, int64_t step, std::source_location line) const {
  return slice_axis(Operand(*this, line), axis, start, stop, step);
}

Tensor Tensor::row(int64_t i, std::source_location line) const {
  LineScope scope(line);
  check<Error>(defined(), "row: the Tensor is empty; give it a value first");
  check<ShapeError>(rank() > 0, "row: a scalar has no rows: {}; read it with item()", spec());
  int64_t n = shape()[0];
  check<IndexError>(i >= -n && i < n, "row: there is no row {}: {}; rows go from {} to {}", i, spec(), -n, n - 1);
  if (i < 0) i += n;
  Tensor one = slice_axis(*this, 0, i, i + 1);
  return duet::reshape(one, Shape(shape().begin() + 1, rank() - 1));
}

}  // namespace duet
