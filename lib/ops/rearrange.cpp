#include "duet/ops/rearrange.h"

#include <algorithm>

#include "duet/grad.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(RearrangeOps)

void Flip::infer(const Args& in, Attrs, Spec* out) { out[0] = in.spec(0); }

bool Flip::view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset) {
  for (int a = 0; a < out.rank(); ++a) strides[a] = in.strides[a];
  int64_t& step = strides[attrs[0]];
  offset = out.numel() == 0 ? 0 : (out[static_cast<int>(attrs[0])] - 1) * step;
  step = -step;
  return true;
}

void Flip::vjp(VjpContext& c) { c.set(0, call_op<Flip>(c.attrs(), c.dy())); }

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

Tensor flip(const Operand& x, int axis) {
  LineScope scope(x.line());
  const int64_t attrs[] = {checked_axis("flip", axis, checked_tensor("flip", x))};
  return dispatch(op<Flip>(), {x}, attrs);
}

Tensor roll(const Operand& x, int64_t shift, int axis) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("roll", x);
  axis = checked_axis("roll", axis, t);
  const int64_t extent = t.shape()[axis];
  shift = extent == 0 ? 0 : (shift % extent + extent) % extent;
  if (shift == 0) return t;
  return concat({slice_axis(t, axis, extent - shift, extent), slice_axis(t, axis, 0, extent - shift)}, axis);
}

Tensor repeat(const Operand& x, const Shape& counts) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("repeat", x);
  const int rank = std::max(t.rank(), counts.rank());
  Shape times, extents;
  for (int a = 0; a < rank; ++a) {
    const int c = a - (rank - counts.rank()), e = a - (rank - t.rank());
    times.push_back(c >= 0 ? counts[c] : 1);
    extents.push_back(e >= 0 ? t.shape()[e] : 1);
    check<ShapeError>(times[a] >= 0, "repeat: a count is negative: {} of {}; give 0 or more", counts, t.spec());
  }
  // What would not fit is reported here, before parts of it are made.
  Shape all = extents;
  for (int a = 0; a < rank; ++a)
    check<ShapeError>(!__builtin_mul_overflow(all[a], times[a], &all[a]),
                      "repeat: too many elements: {} of {}; give smaller counts", counts, t.spec());
  checked_numel(all, t.dtype());
  Tensor y = t.shape() == extents ? t : reshape(t, extents);
  // Whole axes are repeated one by one, the last first: each copies the few elements there are by then.
  for (int a = rank - 1; a >= 0; --a) {
    if (extents[a] == 1 || times[a] == 1) continue;
    int64_t before = 1, after = 1;
    for (int b = 0; b < rank; ++b) (b < a ? before : after) *= y.shape()[b];
    Shape wanted = y.shape();
    wanted[a] *= times[a];
    y = reshape(broadcast_to(reshape(y, {before, 1, after}), {before, times[a], after}), wanted);
  }
  // Axes of extent 1 need no copy.
  return y.shape() == all ? y : broadcast_to(y, all);
}

}  // namespace duet
