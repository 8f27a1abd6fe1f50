#include "duet/ops/movement.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/tiles.h"
#include "duet/grad.h"
#include "ops/axis.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(MovementOps)

int checked_axis(std::string_view op, int64_t axis, const Tensor& x) {
  const int rank = x.rank();
  if (axis < -rank || axis >= rank)
    fail<ShapeError>("{}: there is no axis {}: {}; axes go from {} to {}", op, axis, x.spec(), -rank, rank - 1);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

const Tensor& checked_tensor(std::string_view op, const Operand& x) {
  check<ShapeError>(x.is_tensor(), "{}: the operand is a number; give a tensor", op);
  check<Error>(x.tensor().defined(), "{}: the operand is an empty Tensor; give it a value first", op);
  return x.tensor();
}

namespace {

Shape shape_of(Attrs attrs) { return Shape(attrs.data(), static_cast<int>(attrs.size())); }

Attrs dims(const Shape& s) { return Attrs(s.begin(), static_cast<size_t>(s.rank())); }

}  // namespace

// --- reshape ---

void Reshape::infer(const Args& in, Attrs attrs, Spec* out) {
  Shape wanted = shape_of(attrs);
  int64_t known = 1;  // 0 where it does not fit
  int unknown = -1;
  for (int i = 0; i < wanted.rank(); ++i) {
    if (wanted[i] == -1 && unknown < 0)
      unknown = i;
    else if (__builtin_mul_overflow(known, wanted[i], &known))
      known = 0;
  }
  const int64_t n = in[0].shape->numel();
  if (unknown >= 0) wanted[unknown] = known > 0 && n % known == 0 ? n / known : 0;
  check<ShapeError>(checked_numel(wanted, in[0].dtype) == n && (unknown < 0 || known > 0),
                    "reshape: {} elements do not fill {}: {}; give extents whose product is {}", n, shape_of(attrs),
                    in.text(0), n);
  out[0] = {in[0].dtype, wanted};
}

bool Reshape::view(const Strided& in, Attrs, const Shape& out, int64_t* strides, int64_t& offset) {
  offset = 0;
  if (in.dense) {
    dense_strides(out, strides);
    return true;
  }
  // Match runs of axes with the same number of elements; a run of old axes must be dense in itself.
  const Shape& old = *in.shape;
  int i = 0, o = 0;
  while (i < old.rank() || o < out.rank()) {
    int64_t have = 1, want = 1;
    int first_i = i, first_o = o;
    do {
      if (have <= want && i < old.rank())
        have *= old[i++];
      else if (o < out.rank())
        want *= out[o++];
      else if (i < old.rank())
        have *= old[i++];
    } while (have != want);
    while (i < old.rank() && old[i] == 1 && o == out.rank()) ++i;
    int64_t step = 1;
    bool started = false;
    for (int a = i - 1; a >= first_i; --a) {
      if (old[a] == 1) continue;
      if (!started)
        step = in.strides[a], started = true;
      else if (in.strides[a] != step)
        return false;
      step *= old[a];
    }
    step = 1;
    for (int a = i - 1; a >= first_i; --a)
      if (old[a] != 1) {
        step = in.strides[a];
        break;
      }
    for (int a = o - 1; a >= first_o; --a) {
      strides[a] = step;
      step *= out[a];
    }
  }
  return true;
}

void Reshape::vjp(VjpContext& c) { c.set(0, reshape(c.dy(), c.in_shape(0))); }

// --- transpose ---

void Transpose::infer(const Args& in, Attrs attrs, Spec* out) {
  const Shape& x = *in[0].shape;
  Shape y = x;
  unsigned seen = 0;
  for (size_t i = 0; i < attrs.size(); ++i) {
    bool valid = attrs[i] >= 0 && attrs[i] < x.rank() && !((seen >> attrs[i]) & 1u);
    check<ShapeError>(valid && static_cast<int>(attrs.size()) == x.rank(),
                      "transpose: axes {} are no order of {}; name each axis once", shape_of(attrs), in.text(0));
    seen |= 1u << attrs[i];
    y[static_cast<int>(i)] = x[static_cast<int>(attrs[i])];
  }
  check<ShapeError>(static_cast<int>(attrs.size()) == x.rank(),
                    "transpose: axes {} are no order of {}; name each axis once", shape_of(attrs), in.text(0));
  out[0] = {in[0].dtype, y};
}

bool Transpose::view(const Strided& in, Attrs attrs, const Shape&, int64_t* strides, int64_t& offset) {
  offset = 0;
  for (size_t i = 0; i < attrs.size(); ++i) strides[i] = in.strides[attrs[i]];
  return true;
}

void Transpose::vjp(VjpContext& c) {
  int64_t inverse[kMaxRank];
  for (size_t i = 0; i < c.attrs().size(); ++i) inverse[c.attrs()[i]] = static_cast<int64_t>(i);
  c.set(0, call_op<Transpose>(Attrs(inverse, c.attrs().size()), c.dy()));
}

// --- broadcast_to ---

void BroadcastTo::infer(const Args& in, Attrs attrs, Spec* out) {
  Shape wanted = shape_of(attrs), common;
  check<ShapeError>(broadcast_shapes(*in[0].shape, wanted, common) && common == wanted,
                    "broadcast_to: {} does not repeat to {}; only axes of extent 1 repeat", in.text(0), wanted);
  checked_numel(wanted, in[0].dtype);
  out[0] = {in[0].dtype, wanted};
}

bool BroadcastTo::view(const Strided& in, Attrs, const Shape& out, int64_t* strides, int64_t& offset) {
  offset = 0;
  int lead = out.rank() - in.shape->rank();
  for (int i = 0; i < out.rank(); ++i) strides[i] = i >= lead && (*in.shape)[i - lead] != 1 ? in.strides[i - lead] : 0;
  return true;
}

void BroadcastTo::vjp(VjpContext& c) { c.set(0, sum_to(c.dy(), c.in_shape(0))); }

// --- slice and its gradient ---

void Slice::infer(const Args& in, Attrs attrs, Spec* out) {
  Shape y = *in[0].shape;
  y[static_cast<int>(attrs[0])] = attrs[2];
  out[0] = {in[0].dtype, y};
}

bool Slice::view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset) {
  for (int i = 0; i < out.rank(); ++i) strides[i] = in.strides[i];
  offset = out.numel() == 0 ? 0 : attrs[1] * in.strides[attrs[0]];
  strides[attrs[0]] *= attrs[3];
  return true;
}

void Slice::vjp(VjpContext& c) {
  int64_t attrs[] = {c.attrs()[0], c.attrs()[1], c.in_shape(0)[static_cast<int>(c.attrs()[0])], c.attrs()[3]};
  c.set(0, call_op<Unslice>(attrs, c.dy()));
}

void Unslice::infer(const Args& in, Attrs attrs, Spec* out) {
  Shape y = *in[0].shape;
  y[static_cast<int>(attrs[0])] = attrs[2];
  out[0] = {in[0].dtype, y};
}

void Unslice::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  const Strided& y = call.out[0];
  const auto size = static_cast<int64_t>(size_bytes(x.dtype));
  const int64_t axis = call.attrs[0], start = call.attrs[1], step = call.attrs[3];
  AroundAxis around(*y.shape, axis);
  const int64_t rows = (*x.shape)[static_cast<int>(axis)], all = (*y.shape)[static_cast<int>(axis)];
  if (y.shape->numel() == 0) return;  // storage of nothing has no address
  std::memset(y.data, 0, static_cast<size_t>(y.shape->numel() * size));
  cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  for (int64_t o = 0; o < around.outer; ++o)
    for (int64_t r = 0; r < rows; ++r)
      cpu::gather(source, x.data, (o * rows + r) * around.inner, around.inner,
                  static_cast<char*>(y.data) + ((o * all + start + r * step) * around.inner) * size);
}

void Unslice::vjp(VjpContext& c) {
  int64_t axis = c.attrs()[0];
  int64_t attrs[] = {axis, c.attrs()[1], c.in_shape(0)[static_cast<int>(axis)], c.attrs()[3]};
  c.set(0, call_op<Slice>(attrs, c.dy()));
}

// --- concat ---

void Concat::infer(const Args& in, Attrs attrs, Spec* out) {
  check<ShapeError>(in.size() > 0, "concat: there are no tensors; give at least one");
  int axis = static_cast<int>(attrs[0]);
  Shape y = *in[0].shape;
  for (int i = 1; i < in.size(); ++i) {
    Shape x = *in[i].shape;
    check<DTypeError>(in[i].dtype == in[0].dtype, "concat: element types differ: {} and {}; convert one with .to({})",
                      in.text(0), in.text(i), in[0].dtype);
    bool same = x.rank() == y.rank();
    for (int a = 0; same && a < x.rank(); ++a) same = a == axis || x[a] == y[a];
    check<ShapeError>(same, "concat: shapes differ beside axis {}: {} and {}; only that axis may", axis, in.text(0),
                      in.text(i));
    y[axis] += x[axis];
  }
  checked_numel(y, in[0].dtype);
  out[0] = {in[0].dtype, y};
}

void Concat::run(const KernelCall& call) {
  const Strided& y = call.out[0];
  const auto size = static_cast<int64_t>(size_bytes(y.dtype));
  const auto axis = static_cast<int>(call.attrs[0]);
  AroundAxis around(*y.shape, axis);
  int64_t at = 0;
  for (const Strided& x : call.in) {
    const int64_t run = (*x.shape)[axis] * around.inner;
    cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
    for (int64_t o = 0; o < around.outer && run > 0; ++o)
      cpu::gather(source, x.data, o * run, run,
                  static_cast<char*>(y.data) + (o * (*y.shape)[axis] * around.inner + at) * size);
    at += run;
  }
}

void Concat::vjp(VjpContext& c) {
  int axis = static_cast<int>(c.attrs()[0]);
  int64_t start = 0;
  for (int i = 0; i < c.inputs(); ++i) {
    int64_t extent = c.in_shape(i)[axis];
    if (c.wants(i)) c.set(i, slice_axis(c.dy(), axis, start, start + extent));
    start += extent;
  }
}

// --- copy, cast, alias ---

void Copy::infer(const Args& in, Attrs, Spec* out) { out[0] = in.spec(0); }

void Copy::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  cpu::gather(cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape), x.data, 0, x.shape->numel(), call.out[0].data);
}

void Copy::vjp(VjpContext& c) { c.set(0, c.dy()); }

void Cast::infer(const Args& in, Attrs attrs, Spec* out) { out[0] = {static_cast<DType>(attrs[0]), *in[0].shape}; }

namespace {

// C++ leaves an out-of-range conversion undefined; here it saturates, and NaN gives 0.
template <class To, class From>
To convert(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr auto kLow = std::numeric_limits<To>::min();
    constexpr auto kHigh = std::numeric_limits<To>::max();
    if (!(v == v)) return To(0);
    if (v <= static_cast<From>(kLow)) return kLow;
    if (v >= static_cast<From>(kHigh)) return kHigh;
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace

void Cast::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  const int64_t n = x.shape->numel();
  visit(x.dtype, [&](auto from) {
    visit(call.out[0].dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      alignas(64) From tile[cpu::kTile];
      To* y = static_cast<To*>(call.out[0].data);
      for (int64_t i = 0; i < n; i += cpu::kTile) {
        int64_t count = std::min(cpu::kTile, n - i);
        const From* v = static_cast<const From*>(x.data) + i;
        if (!source.dense) {
          cpu::gather(source, x.data, i, count, tile);
          v = tile;
        }
        for (int64_t k = 0; k < count; ++k) y[i + k] = convert<To>(v[k]);
      }
    });
  });
}

void Cast::vjp(VjpContext& c) { c.set(0, cast(c.dy(), c.in_dtype(0))); }

void Alias::infer(const Args& in, Attrs, Spec* out) { out[0] = in.spec(0); }
void Alias::vjp(VjpContext& c) { c.set(0, c.dy()); }

// --- the words ---

Tensor reshape(const Operand& x, const Shape& shape) { return dispatch(op<Reshape>(), {x}, dims(shape)); }

Tensor transpose(const Operand& x, std::initializer_list<int> axes) {
  LineScope scope(x.line());
  int rank = x.is_tensor() && x.tensor().defined() ? x.tensor().rank() : 0;
  int64_t order[kMaxRank];
  check<ShapeError>(axes.size() <= kMaxRank, "transpose: {} axes are too many; a tensor has at most {}", axes.size(),
                    kMaxRank);
  size_t n = 0;
  for (int a : axes) order[n++] = a < 0 ? a + rank : a;
  if (axes.size() == 0)
    for (; n < static_cast<size_t>(rank); ++n) order[n] = rank - 1 - static_cast<int64_t>(n);
  return dispatch(op<Transpose>(), {x}, Attrs(order, n));
}

Tensor broadcast_to(const Operand& x, const Shape& shape) { return dispatch(op<BroadcastTo>(), {x}, dims(shape)); }

Tensor slice_axis(const Operand& x, int axis, int64_t start, int64_t stop, int64_t step) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("slice", x);
  axis = checked_axis("slice", axis, t);
  check<ShapeError>(step > 0, "slice: the step {} is not positive: {}", step, t.spec());
  int64_t extent = t.shape()[axis];
  auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + extent : i, 0, extent); };
  start = clamp(start);
  stop = clamp(stop);
  int64_t count = stop > start ? (stop - start - 1) / step + 1 : 0;
  int64_t attrs[] = {axis, start, count, step};
  return dispatch(op<Slice>(), {x}, attrs);
}

Tensor concat(const std::vector<Tensor>& tensors, int axis, std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(!tensors.empty(), "concat: there are no tensors; give at least one");
  if (tensors.size() > Args::kMax) {  // in two halves, then those
    auto middle = tensors.begin() + static_cast<std::ptrdiff_t>(tensors.size() / 2);
    return concat({concat({tensors.begin(), middle}, axis), concat({middle, tensors.end()}, axis)}, axis);
  }
  check<Error>(tensors[0].defined(), "concat: operand 1 is an empty Tensor; give it a value first");
  int64_t attrs[] = {checked_axis("concat", axis, tensors[0])};
  OperandList list;
  for (const Tensor& t : tensors) list.add(t);
  return dispatch(op<Concat>(), list.inputs(), attrs);
}

Tensor cast(const Operand& x, DType dtype) {
  if (x.is_tensor() && x.tensor().defined() && x.tensor().dtype() == dtype) return x.tensor();
  int64_t attrs[] = {static_cast<int64_t>(dtype)};
  return dispatch(op<Cast>(), {x}, attrs);
}

Tensor contiguous(const Operand& x) {
  if (x.is_tensor() && x.tensor().defined() && x.tensor().is_contiguous()) return x.tensor();
  return dispatch(op<Copy>(), {x});
}

Tensor alias(const Tensor& x) {
  check<Error>(x.defined(), "alias: the operand is an empty Tensor; give it a value first");
  block::retain(&x.block());
  Outputs y;
  y.count = 1;
  y.values[0] = Tensor::adopt(&x.block(), fresh_ids(1));
  if (thread_state.tape != nullptr) {
    Operand operand(x);
    Args in(op<Alias>(), {operand}, {});
    for (TapeImpl* tape = thread_state.tape; tape != nullptr; tape = tape->parent()) tape->note(op<Alias>(), in, {}, y);
  }
  return std::move(y.values[0]);
}

Tensor stop_gradient(const Tensor& x, std::source_location line) {
  LineScope scope(line);
  check<Error>(x.defined(), "stop_gradient: the operand is an empty Tensor; give it a value first");
  block::retain(&x.block());
  return Tensor::adopt(&x.block(), fresh_ids(1));
}

}  // namespace duet
