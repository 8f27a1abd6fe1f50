#include "duet/ops/pad.h"

#include <array>
#include <cstring>

#include "batch_call.h"
#include "cpu/tiles.h"
#include "duet/grad.h"
#include "ops/axis.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(PadOps)

// --- pad ---

void Pad::infer(const Args& in, Attrs attrs, Spec* out) {
  check<ShapeError>(in[1].tensor == nullptr, "pad: the value is a tensor: {}; give a number", in.text(1));
  const Shape& x = *in[0].shape;
  check<ShapeError>(static_cast<int>(attrs.size()) == 2 * x.rank(),
                    "pad: {} pairs for {}; give one {{before, after}} an axis", attrs.size() / 2, in.text(0));
  Shape y = x;
  for (int a = 0; a < x.rank(); ++a) {
    const int64_t before = attrs[static_cast<size_t>(2 * a)], after = attrs[static_cast<size_t>(2 * a + 1)];
    check<ShapeError>(before >= 0 && after >= 0, "pad: the pads {{{}, {}}} of axis {} are negative: {}; cut with slice",
                      before, after, a, in.text(0));
    check<ShapeError>(!__builtin_add_overflow(y[a], before, &y[a]) && !__builtin_add_overflow(y[a], after, &y[a]),
                      "pad: the pads {{{}, {}}} of axis {} are too large: {}; give smaller ones", before, after, a,
                      in.text(0));
  }
  checked_numel(y, in[0].dtype);
  out[0] = {in[0].dtype, y};
}

void Pad::run(const KernelCall& call) {
  const Strided &x = call.in[0], &y = call.out[0];
  const Shape& space = *y.shape;
  const int64_t n = space.numel();
  const int last = space.rank() - 1;
  const cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  if (n == 0) return;
  if (last < 0) return cpu::gather(source, x.data, 0, 1, y.data);
  const int64_t row = space[last], middle = (*x.shape)[last];
  const int64_t before = call.attrs[static_cast<size_t>(2 * last)], after = row - before - middle;
  visit_width(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T value = *static_cast<const T*>(call.in[1].data);
    in_parts(n / row, n, [&](int64_t begin, int64_t end) {
      T* to = static_cast<T*>(y.data) + begin * row;
      for (int64_t r = begin; r < end; ++r, to += row) {
        int64_t rest = r, from = 0, step = 1;  // x's row that lies here
        bool inside = true;
        for (int a = last - 1; a >= 0; --a) {
          const int64_t at = rest % space[a] - call.attrs[static_cast<size_t>(2 * a)];
          rest /= space[a];
          inside = inside && at >= 0 && at < (*x.shape)[a];
          from += at * step;
          step *= (*x.shape)[a];
        }
        if (!inside) {
          std::fill_n(to, row, value);
          continue;
        }
        std::fill_n(to, before, value);
        cpu::gather(source, x.data, from * middle, middle, to + before);
        std::fill_n(to + before + middle, after, value);
      }
    });
  });
}

Outputs Pad::batch(const BatchCall& c) {
  std::vector<int64_t> attrs{0, 0};  // nothing around the batch
  attrs.insert(attrs.end(), c.attrs.begin(), c.attrs.end());
  const Tensor x = c.whole(0);
  OperandList operands;
  operands.add(x);
  operands.add(c.in[1]);
  return dispatch(c.op, operands.inputs(), attrs);
}

void Pad::vjp(VjpContext& c) {
  if (!c.wants(0)) return;
  Tensor dx = c.dy();
  for (int a = 0; a < c.in_shape(0).rank(); ++a) {
    const int64_t before = c.attrs()[static_cast<size_t>(2 * a)], extent = c.in_shape(0)[a];
    if (dx.shape()[a] != extent) dx = slice_axis(dx, a, before, before + extent);
  }
  c.set(0, dx);
}

// --- triangles ---

namespace {

void infer_triangle(std::string_view op, const Args& in, Spec* out) {
  check<ShapeError>(in[0].shape->rank() >= 2, "{}: a triangle needs two axes: {}", op, in.text(0));
  out[0] = in.spec(0);
}

// Each row keeps a run of its elements: below(i) gives where it begins and ends in row i of a matrix.
template <class F>
void keep_runs(const KernelCall& call, F kept) {
  const Strided &x = call.in[0], &y = call.out[0];
  const int rank = x.shape->rank();
  const int64_t n = x.shape->numel(), height = (*x.shape)[rank - 2], row = (*x.shape)[rank - 1];
  if (n == 0) return;
  const cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  const auto size = static_cast<int64_t>(size_bytes(x.dtype));
  in_parts(n / row, n, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      auto [first, stop] = kept(r % height, row);
      char* to = static_cast<char*>(y.data) + r * row * size;
      std::memset(to, 0, static_cast<size_t>(first * size));
      cpu::gather(source, x.data, r * row + first, stop - first, to + first * size);
      std::memset(to + stop * size, 0, static_cast<size_t>((row - stop) * size));
    }
  });
}

// Beyond the corners every diagonal keeps the same.
template <class Op>
Tensor triangle(const Operand& x, int64_t k) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor(Op::name, x);
  if (t.rank() >= 2) k = std::clamp(k, -t.shape(-2), t.shape(-1));
  return call_op<Op>(std::array{k}, t);
}

}  // namespace

void Tril::infer(const Args& in, Attrs, Spec* out) { infer_triangle("tril", in, out); }
void Tril::run(const KernelCall& call) {
  keep_runs(call, [k = call.attrs[0]](int64_t i, int64_t row) {
    return std::pair(int64_t{0}, std::clamp<int64_t>(i + k + 1, 0, row));
  });
}
void Tril::vjp(VjpContext& c) { c.set(0, call_op<Tril>(c.attrs(), c.dy())); }

void Triu::infer(const Args& in, Attrs, Spec* out) { infer_triangle("triu", in, out); }
void Triu::run(const KernelCall& call) {
  keep_runs(call,
            [k = call.attrs[0]](int64_t i, int64_t row) { return std::pair(std::clamp<int64_t>(i + k, 0, row), row); });
}
void Triu::vjp(VjpContext& c) { c.set(0, call_op<Triu>(c.attrs(), c.dy())); }

// --- update ---

void Update::infer(const Args& in, Attrs attrs, Spec* out) {
  const auto axis = static_cast<int>(attrs[0]);
  check<DTypeError>(in[0].dtype == in[1].dtype, "update: element types differ: {} and {}; convert one with .to({})",
                    in.text(0), in.text(1), in[0].dtype);
  const Shape &x = *in[0].shape, &value = *in[1].shape;
  Shape wanted = x;
  if (value.rank() == x.rank()) wanted[axis] = value[axis];
  check<ShapeError>(value == wanted && value[axis] <= x[axis] - attrs[1],
                    "update: the value does not fit: {} into {} from {} on along axis {}; it must end within the axis "
                    "and be like the tensor beside it",
                    in.text(1), in.text(0), attrs[1], axis);
  out[0] = in.spec(0);
}

void Update::run(const KernelCall& call) {
  const Strided &x = call.in[0], &value = call.in[1], &y = call.out[0];
  const AroundAxis all(*x.shape, call.attrs[0]), part(*value.shape, call.attrs[0]);
  // The result may lie where x did, or where a value did that replaces all of it.
  if (y.data != x.data && part.axis < all.axis)
    cpu::gather(cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape), x.data, 0, x.shape->numel(), y.data);
  if (y.data == value.data) return;
  const cpu::Source source = cpu::make_source(value.dtype, *value.shape, value.strides, *value.shape);
  const auto size = static_cast<int64_t>(size_bytes(x.dtype));
  const int64_t run = part.axis * part.inner;
  for (int64_t o = 0; o < all.outer; ++o)
    cpu::gather(source, value.data, o * run, run,
                static_cast<char*>(y.data) + (o * all.axis + call.attrs[1]) * all.inner * size);
}

void Update::vjp(VjpContext& c) {
  if (c.wants(0)) c.set(0, call_op<Update>(c.attrs(), c.dy(), zeros(c.in_shape(1), c.in_dtype(1))));
  const auto axis = static_cast<int>(c.attrs()[0]);
  if (c.wants(1)) c.set(1, slice_axis(c.dy(), axis, c.attrs()[1], c.attrs()[1] + c.in_shape(1)[axis]));
}

// --- the words ---

Tensor pad(const Operand& x, const std::vector<std::pair<int64_t, int64_t>>& pairs, const Operand& value) {
  LineScope scope(x.line());
  check<ShapeError>(pairs.size() <= kMaxRank, "pad: {} pairs are too many; a tensor has at most {} axes", pairs.size(),
                    kMaxRank);
  int64_t attrs[2 * kMaxRank];
  size_t n = 0;
  bool none = true;
  for (auto [before, after] : pairs) {
    attrs[n++] = before, attrs[n++] = after;
    none = none && before == 0 && after == 0;
  }
  if (none && !value.is_tensor() && x.is_tensor() && x.tensor().defined() &&
      static_cast<size_t>(x.tensor().rank()) == pairs.size())
    return x.tensor();
  return dispatch(op<Pad>(), {x, value}, Attrs(attrs, n));
}

Tensor tril(const Operand& x, int64_t k) { return triangle<Tril>(x, k); }
Tensor triu(const Operand& x, int64_t k) { return triangle<Triu>(x, k); }

Tensor update(const Operand& x, int axis, int64_t start, const Operand& value) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("update", x);
  checked_tensor("update", value);
  axis = checked_axis("update", axis, t);
  const int64_t extent = t.shape()[axis];
  check<IndexError>(start >= -extent && start <= extent,
                    "update: there is no element {} along axis {}: {}; it must be in {} to {}", start, axis, t.spec(),
                    -extent, extent);
  const int64_t attrs[] = {axis, start < 0 ? start + extent : start};
  return dispatch(op<Update>(), {x, value}, attrs);
}

}  // namespace duet
