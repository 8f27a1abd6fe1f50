#include "duet/ops/movement.h"

#include <algorithm>

#include "batch_call.h"
#include "duet/grad.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(MovementOps)

namespace {

Shape shape_of(Attrs attrs) { return Shape(attrs.data(), static_cast<int>(attrs.size())); }

Attrs dims(const Shape& s) { return Attrs(s.begin(), static_cast<size_t>(s.rank())); }

// The same value under another id.
Tensor renamed(const Tensor& x, uint64_t id) {
  block::retain(&x.block());
  return Tensor::adopt(&x.block(), id);
}

}  // namespace

// --- reshape ---

void Reshape::infer(const Args& in, Attrs attrs, Spec* out) {
  Shape wanted = shape_of(attrs);
  int64_t known = 1;  // 0 where it does not fit
  int unknown = -1;
  for (int i = 0; i < wanted.rank(); ++i) {
    check<ShapeError>(wanted[i] >= -1 && (wanted[i] >= 0 || unknown < 0),
                      "reshape: {} has {}: {}; one extent may be -1, the others are 0 or more", shape_of(attrs),
                      wanted[i] < -1 ? "a negative extent" : "two unknown extents", in.text(0));
    if (wanted[i] == -1)
      unknown = i;
    else if (__builtin_mul_overflow(known, wanted[i], &known))
      known = 0;
  }
  const int64_t n = in[0].shape->numel();
  if (unknown >= 0) wanted[unknown] = known > 0 && n % known == 0 ? n / known : 0;
  check<ShapeError>((unknown < 0 || known > 0) && checked_numel(wanted, in[0].dtype) == n,
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

Outputs Reshape::batch(const BatchCall& c) {
  const Shape wanted = c.with_batch(c.specs[0].shape);
  return call_op<Reshape>(dims(wanted), c.whole(0));
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

Outputs Transpose::batch(const BatchCall& c) {
  int64_t order[kMaxRank] = {};
  for (size_t i = 0; i < c.attrs.size(); ++i) order[i + 1] = c.attrs[i] + 1;
  return call_op<Transpose>(Attrs(order, c.attrs.size() + 1), c.whole(0));
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

Outputs BroadcastTo::batch(const BatchCall& c) {
  const Shape wanted = c.with_batch(c.specs[0].shape);
  return call_op<BroadcastTo>(dims(wanted), c.aligned(0, wanted.rank() - 1));
}

void BroadcastTo::vjp(VjpContext& c) { c.set(0, sum_to(c.dy(), c.in_shape(0))); }

// --- slice ---

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

// --- alias ---

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
  check<ShapeError>(step > 0, "slice: the step {} is not positive: {}; give 1 or more, flip turns round", step,
                    t.spec());
  int64_t extent = t.shape()[axis];
  auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + extent : i, 0, extent); };
  start = clamp(start);
  stop = clamp(stop);
  int64_t count = stop > start ? (stop - start - 1) / step + 1 : 0;
  if (count <= 1) step = 1;  // not taken, and strides times a large one overflow
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
  Outputs y;
  y.count = 1;
  if (thread_state.batch != nullptr && !batch::hides(x)) {
    batch::Leave outside;  // whoever watches x there sees the new id too
    y.values[0] = alias(x);
  } else {
    y.values[0] = renamed(x, fresh_ids(1));
  }
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
  if (thread_state.batch == nullptr) return renamed(x, fresh_ids(1));
  // A batch is a constant for the tapes outside too.
  const bool hides = batch::hides(x);
  Tensor whole = [&] {
    batch::Leave outside;
    return stop_gradient(hides ? batch::whole(x) : x);
  }();
  return hides ? batch::example(whole) : whole;
}

}  // namespace duet
