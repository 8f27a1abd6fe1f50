#include "duet/ops/along.h"

#include <array>

#include "cpu/tiles.h"
#include "duet/grad.h"
#include "ops/axis.h"
#include "ops/indices.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(AlongOps)

void TakeAlongAxis::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("take_along_axis", in, 1);
  Shape wanted = *in[0].shape;
  if (in[1].shape->rank() == wanted.rank())
    wanted[static_cast<int>(attrs[0])] = (*in[1].shape)[static_cast<int>(attrs[0])];
  check<ShapeError>(*in[1].shape == wanted,
                    "take_along_axis: {} and indices {} do not fit beside axis {}; axes must be equal or 1", in.text(0),
                    in.text(1), attrs[0]);
  out[0] = {in[0].dtype, wanted};
}

void TakeAlongAxis::run(const KernelCall& call) {
  const Strided &x = call.in[0], &y = call.out[0];
  const auto axis = static_cast<int>(call.attrs[0]);
  const int last = y.shape->rank() - 1;
  const CheckedIndices index("take_along_axis", call.in[1], (*x.shape)[axis], true, "index");
  const int64_t n = y.shape->numel();
  if (n == 0) return;
  const int64_t row = (*y.shape)[last], along = x.strides[axis], beside = axis == last ? 0 : x.strides[last];
  visit_width(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    in_parts(n / row, n, [&](int64_t begin, int64_t end) {
      T* to = static_cast<T*>(y.data) + begin * row;
      const int64_t* k = index.data() + begin * row;
      for (int64_t r = begin; r < end; ++r) {
        const T* from = static_cast<const T*>(x.data) + row_offset(*y.shape, x.strides, r, axis);
        for (int64_t j = 0; j < row; ++j) *to++ = from[*k++ * along + j * beside];
      }
    });
  });
}

void TakeAlongAxis::vjp(VjpContext& c) {
  c.set(0, call_op<ScatterAddAlongAxis>(c.attrs(), zeros(c.in_shape(0), c.in_dtype(0)), c.input(1).tensor, c.dy()));
}

void ScatterAddAlongAxis::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("scatter_add_along_axis", in, 1);
  check<DTypeError>(in[0].dtype == in[2].dtype && in[0].dtype != DType::boolean,
                    "scatter_add_along_axis: takes numbers of one type: {} and {}", in.text(0), in.text(2));
  Shape wanted = *in[0].shape;
  const auto axis = static_cast<int>(attrs[0]);
  if (in[1].shape->rank() == wanted.rank()) wanted[axis] = (*in[1].shape)[axis];
  check<ShapeError>(*in[1].shape == wanted && *in[2].shape == wanted,
                    "scatter_add_along_axis: updates {} at {} do not fit into {}; axes must be equal or 1, but for "
                    "axis {} of the last",
                    in.text(2), in.text(1), in.text(0), axis);
  out[0] = in.spec(0);
}

void ScatterAddAlongAxis::run(const KernelCall& call) {
  const Strided &base = call.in[0], &updates = call.in[2], &y = call.out[0];
  const auto axis = static_cast<int>(call.attrs[0]);
  const int last = y.shape->rank() - 1;
  const Shape& space = *updates.shape;
  const CheckedIndices index("scatter_add_along_axis", call.in[1], (*base.shape)[axis], true, "index");
  cpu::gather(cpu::make_source(base.dtype, *base.shape, base.strides, *base.shape), base.data, 0, base.shape->numel(),
              y.data);
  const int64_t n = space.numel();
  if (n == 0) return;
  const int64_t row = space[last], along = y.strides[axis], beside = axis == last ? 0 : 1;
  // Rows that add to the same elements stay together and in ascending order: the order of the bit contract.
  int64_t together = 1;
  for (int a = axis; a < last; ++a) together *= space[a];
  visit(base.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!std::is_same_v<T, bool>) {
      in_parts(n / (row * together), n, [&](int64_t begin, int64_t end) {
        const int64_t* k = index.data() + begin * together * row;
        for (int64_t r = begin * together; r < end * together; ++r) {
          const T* from = static_cast<const T*>(updates.data) + row_offset(space, updates.strides, r);
          T* to = static_cast<T*>(y.data) + row_offset(space, y.strides, r, axis);
          for (int64_t j = 0; j < row; ++j) accumulate(to[*k++ * along + j * beside], from[j * updates.strides[last]]);
        }
      });
    }
  });
}

void ScatterAddAlongAxis::vjp(VjpContext& c) {
  if (c.wants(0)) c.set(0, c.dy());
  if (c.wants(2)) c.set(2, call_op<TakeAlongAxis>(c.attrs(), c.dy(), c.input(1).tensor));
}

namespace {

// x with its axes of extent 1 repeated to `wanted`, a view; x itself where they do not fit, which infer reports.
Tensor repeated(const Tensor& x, const Shape& wanted) {
  Shape common;
  const bool fits = x.rank() == wanted.rank() && broadcast_shapes(x.shape(), wanted, common) && common == wanted;
  return fits && x.shape() != wanted ? broadcast_to(x, wanted) : x;
}

// `extents` with what is 1 taken from `other`, and the axis taken from `along`.
Shape common_extents(const Shape& extents, const Shape& other, int axis, int64_t along) {
  Shape s = extents;
  for (int a = 0; a < s.rank() && s.rank() == other.rank(); ++a)
    if (s[a] == 1) s[a] = other[a];
  s[axis] = along;
  return s;
}

}  // namespace

Tensor take_along_axis(const Operand& x, const Operand& index, int axis) {
  LineScope scope(x.line());
  const Tensor &t = checked_tensor("take_along_axis", x), &k = checked_tensor("take_along_axis", index);
  axis = checked_axis("take_along_axis", axis, t);
  if (k.rank() != t.rank()) return call_op<TakeAlongAxis>(std::array{int64_t{axis}}, t, k);
  const Shape space = common_extents(t.shape(), k.shape(), axis, t.shape()[axis]);
  Shape picked = space;
  picked[axis] = k.shape()[axis];
  return call_op<TakeAlongAxis>(std::array{int64_t{axis}}, repeated(t, space), repeated(k, picked));
}

Tensor scatter_add_along_axis(const Operand& base, const Operand& index, const Operand& updates, int axis) {
  LineScope scope(base.line());
  const Tensor &b = checked_tensor("scatter_add_along_axis", base),
               &k = checked_tensor("scatter_add_along_axis", index),
               &u = checked_tensor("scatter_add_along_axis", updates);
  axis = checked_axis("scatter_add_along_axis", axis, b);
  const std::array attrs{int64_t{axis}};
  if (k.rank() != b.rank() || u.rank() != b.rank()) return call_op<ScatterAddAlongAxis>(attrs, b, k, u);
  Shape added = b.shape();
  added[axis] = k.shape()[axis] == 1 ? u.shape()[axis] : k.shape()[axis];
  return call_op<ScatterAddAlongAxis>(attrs, b, repeated(k, added), repeated(u, added));
}

}  // namespace duet
