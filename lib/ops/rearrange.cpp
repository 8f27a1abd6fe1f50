#include "duet/ops/rearrange.h"

#include "ops/records.h"

namespace duet {
namespace {

// x's shape with an axis of extent 1 put in, counted from either end of the result.
Shape with_axis(std::string_view op, int64_t axis, const Tensor& x) {
  const int rank = x.rank() + 1;
  check<ShapeError>(axis >= -rank && axis < rank, "{}: there is no place for axis {}: {}; it goes from {} to {}", op,
                    axis, x.spec(), -rank, rank - 1);
  if (axis < 0) axis += rank;
  check<ShapeError>(rank <= kMaxRank, "{}: {} has {} axes already; at most {}", op, x.spec(), x.rank(), kMaxRank);
  Shape y;
  for (int a = 0; a < rank; ++a) y.push_back(a == axis ? 1 : x.shape()[a < axis ? a : a - 1]);
  return y;
}

}  // namespace

Tensor squeeze(const Operand& x, int axis) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("squeeze", x);
  axis = checked_axis("squeeze", axis, t);
  check<ShapeError>(t.shape()[axis] == 1, "squeeze: axis {} has extent {}: {}; only an axis of extent 1 goes", axis,
                    t.shape()[axis], t.spec());
  Shape y;
  for (int a = 0; a < t.rank(); ++a)
    if (a != axis) y.push_back(t.shape()[a]);
  return reshape(t, y);
}

Tensor squeeze(const Operand& x) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("squeeze", x);
  Shape y;
  for (int64_t d : t.shape())
    if (d != 1) y.push_back(d);
  return reshape(t, y);
}

Tensor unsqueeze(const Operand& x, int axis) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("unsqueeze", x);
  return reshape(t, with_axis("unsqueeze", axis, t));
}

Tensor stack(const std::vector<Tensor>& tensors, int axis, std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(!tensors.empty(), "stack: there are no tensors; give at least one");
  std::vector<Tensor> raised;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    check<Error>(t.defined(), "stack: operand {} is an empty Tensor; give it a value first", i + 1);
    check<DTypeError>(t.dtype() == tensors[0].dtype(),
                      "stack: element types differ: {} and {}; convert one with .to({})", tensors[0].spec(), t.spec(),
                      tensors[0].dtype());
    check<ShapeError>(t.shape() == tensors[0].shape(), "stack: shapes differ: {} and {}; they must be the same",
                      tensors[0].spec(), t.spec());
    raised.push_back(reshape(t, with_axis("stack", axis, t)));
  }
  return concat(raised, axis);
}

}  // namespace duet
