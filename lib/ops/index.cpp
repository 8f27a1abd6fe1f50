#include "duet/ops/index.h"

#include <cstring>

#include "batch_call.h"
#include "cpu/tiles.h"
#include "duet/grad.h"
#include "duet/ops/convert.h"
#include "duet/ops/movement.h"
#include "ops/axis.h"
#include "ops/indices.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(IndexOps)

namespace {

// x's shape with the index's own axes in place of the axis that attrs name.
Shape gathered_shape(const Shape& x, const Shape& index, Attrs attrs) {
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    if (i == attrs[0])
      for (int k = static_cast<int>(attrs[1]); k < index.rank(); ++k) y.push_back(index[k]);
    else
      y.push_back(x[i]);
  }
  return y;
}

// Where the indices of part o of `outer` begin, of those before the axis: one run of indices a position of the batch.
struct IndexRuns {
  int64_t length, parts;  // indices of a position, parts before the axis that share them
  IndexRuns(const Shape& x, size_t indices, Attrs attrs) : length(static_cast<int64_t>(indices)), parts(1) {
    for (int i = 0; i < attrs[0]; ++i) i < attrs[1] ? length /= std::max<int64_t>(x[i], 1) : parts *= x[i];
  }
  std::span<const int64_t> of(std::span<const int64_t> index, int64_t o) const {
    return {index.data() + o / parts * length, static_cast<size_t>(length)};
  }
};

void infer_gather(std::string_view op, const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype(op, in, 1);
  check<ShapeError>(in[0].shape->rank() - 1 + in[1].shape->rank() - static_cast<int>(attrs[1]) <= kMaxRank,
                    "{}: the result of {} at {} has too many axes; at most {}", op, in.text(0), in.text(1), kMaxRank);
  out[0] = {in[0].dtype, gathered_shape(*in[0].shape, *in[1].shape, attrs)};
  checked_numel(out[0].shape, out[0].dtype);
}

void pick_slices(const KernelCall& call, bool negative_allowed) {
  const Strided &x = call.in[0], &y = call.out[0];
  const AroundAxis e(*x.shape, call.attrs[0]);
  const CheckedIndices index(call.op.name, call.in[1], e.axis, negative_allowed, "index");
  const IndexRuns runs(*x.shape, index.size(), call.attrs);
  const auto size = static_cast<int64_t>(size_bytes(x.dtype));
  cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  auto* to = static_cast<char*>(y.data);
  for (int64_t o = 0; o < e.outer && e.inner > 0; ++o)
    for (int64_t k : runs.of(index, o)) {
      const int64_t from = (o * e.axis + k) * e.inner;
      if (source.dense)
        std::memcpy(to, static_cast<const char*>(x.data) + from * size, static_cast<size_t>(e.inner * size));
      else
        cpu::gather(source, x.data, from, e.inner, to);
      to += e.inner * size;
    }
}

}  // namespace

void Gather::infer(const Args& in, Attrs attrs, Spec* out) { infer_gather(name, in, attrs, out); }
void Gather::run(const KernelCall& call) { pick_slices(call, true); }

Outputs Gather::batch(const BatchCall& c) {
  auto gather_at = [&](int64_t axis, int64_t batch_axes, const Tensor& x, const Tensor& index) {
    const int64_t attrs[] = {axis, batch_axes};
    return dispatch(c.op, {Operand(x), Operand(index)}, attrs);
  };
  const int64_t axis = c.attrs[0], batch_axes = c.attrs[1];
  if (c.is_batch(1) && c.is_batch(0)) return gather_at(axis + 1, batch_axes + 1, c.whole(0), c.whole(1));
  if (batch_axes > 0) return gather_at(axis + 1, batch_axes + 1, c.leading(0), c.leading(1));
  if (c.is_batch(0)) return gather_at(axis + 1, 0, c.whole(0), *c.in[1].tensor);
  // The index's axes, the batch first, stand in place of the axis: the batch goes to the front.
  const Tensor y = gather_at(axis, 0, *c.in[0].tensor, c.whole(1));
  int64_t order[kMaxRank] = {axis};
  for (int i = 1; i < y.rank(); ++i) order[i] = i <= axis ? i - 1 : i;
  return call_op<Transpose>(Attrs(order, static_cast<size_t>(y.rank())), y);
}

void Gather::vjp(VjpContext& c) {
  c.set(0, call_op<ScatterAdd>(c.attrs(), zeros(c.in_shape(0), c.in_dtype(0)), c.input(1).tensor, c.dy()));
}

void Take::infer(const Args& in, Attrs attrs, Spec* out) { infer_gather(name, in, attrs, out); }

void Embedding::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("embedding", in, 1);
  check<ShapeError>(in[0].shape->rank() == 2 + attrs[0], "embedding: the table has not two axes: {}; give f32[V,D]",
                    in.text(0));
  check<ShapeError>(attrs[0] - attrs[1] + in[1].shape->rank() < kMaxRank,
                    "embedding: the rows at {} have too many axes; at most {}", in.text(1), kMaxRank);
  out[0] = {in[0].dtype, gathered_shape(*in[0].shape, *in[1].shape, attrs)};
  checked_numel(out[0].shape, out[0].dtype);
}

void Embedding::run(const KernelCall& call) { pick_slices(call, false); }

void ScatterAdd::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("scatter_add", in, 1);
  check<DTypeError>(in[0].dtype == in[2].dtype && in[0].dtype != DType::boolean,
                    "scatter_add: takes numbers of one type: {} and {}", in.text(0), in.text(2));
  check<ShapeError>(in[0].shape->rank() - 1 + in[1].shape->rank() - static_cast<int>(attrs[1]) <= kMaxRank,
                    "scatter_add: the updates of {} at {} have too many axes; at most {}", in.text(0), in.text(1),
                    kMaxRank);
  Shape wanted = gathered_shape(*in[0].shape, *in[1].shape, attrs);
  check<ShapeError>(*in[2].shape == wanted, "scatter_add: updates do not fit: {} into {} at {}; they must be {}",
                    in.text(2), in.text(0), in.text(1), wanted);
  out[0] = in.spec(0);
}

void ScatterAdd::run(const KernelCall& call) {
  const Strided &base = call.in[0], &updates = call.in[2], &y = call.out[0];
  const AroundAxis e(*base.shape, call.attrs[0]);
  const CheckedIndices index("scatter_add", call.in[1], e.axis, true, "index");
  const IndexRuns runs(*base.shape, index.size(), call.attrs);
  cpu::gather(cpu::make_source(base.dtype, *base.shape, base.strides, *base.shape), base.data, 0, base.shape->numel(),
              y.data);
  cpu::Source source = cpu::make_source(updates.dtype, *updates.shape, updates.strides, *updates.shape);
  visit(base.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!std::is_same_v<T, bool>) {
      T tile[cpu::kTile];
      int64_t at = 0;
      for (int64_t o = 0; o < e.outer; ++o)
        for (int64_t k : runs.of(index, o)) {  // ascending: the order of the bit contract
          T* to = static_cast<T*>(y.data) + (o * e.axis + k) * e.inner;
          for (int64_t i = 0; i < e.inner; i += cpu::kTile) {
            int64_t count = std::min(cpu::kTile, e.inner - i);
            cpu::gather(source, updates.data, at + i, count, tile);
            for (int64_t j = 0; j < count; ++j) accumulate(to[i + j], tile[j]);
          }
          at += e.inner;
        }
    }
  });
}

Outputs ScatterAdd::batch(const BatchCall& c) {
  const bool together = c.is_batch(1) || c.attrs[1] > 0;
  const int64_t attrs[] = {c.attrs[0] + 1, together ? c.attrs[1] + 1 : 0};
  return call_op<ScatterAdd>(attrs, c.leading(0), together ? c.leading(1) : *c.in[1].tensor, c.leading(2));
}

void ScatterAdd::vjp(VjpContext& c) {
  if (c.wants(0)) c.set(0, c.dy());
  if (c.wants(2)) c.set(2, call_op<Gather>(c.attrs(), c.dy(), c.input(1).tensor));
}

void OneHot::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("one_hot", in, 0);
  check<ShapeError>(in[0].shape->rank() < kMaxRank, "one_hot: {} has too many axes already; give at most 5",
                    in.text(0));
  check<ShapeError>(attrs[1] >= 0, "one_hot: the number of classes is negative: {}; give 0 or more", attrs[1]);
  Shape y = *in[0].shape;
  y.push_back(attrs[1]);
  checked_numel(y, static_cast<DType>(attrs[0]));
  out[0] = {static_cast<DType>(attrs[0]), y};
}

void OneHot::run(const KernelCall& call) {
  const Strided& y = call.out[0];
  const int64_t classes = call.attrs[1];
  const CheckedIndices label(user(call.attrs), call.in[0], classes, false, "label");
  if (y.shape->numel() == 0) return;  // storage of nothing has no address
  std::memset(y.data, 0, static_cast<size_t>(y.shape->numel()) * size_bytes(y.dtype));
  visit_stored(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* to = static_cast<T*>(y.data);
    for (int64_t k : label) {
      to[k] = convert<T>(1.0f);
      to += classes;
    }
  });
}

Tensor gather(const Operand& x, const Operand& index, int axis) {
  LineScope scope(x.line());
  const int64_t attrs[] = {checked_axis("gather", axis, checked_tensor("gather", x)), 0};
  return dispatch(op<Gather>(), {x, index}, attrs);
}

Tensor scatter_add(const Operand& base, const Operand& index, const Operand& updates, int axis) {
  LineScope scope(base.line());
  const int64_t attrs[] = {checked_axis("scatter_add", axis, checked_tensor("scatter_add", base)), 0};
  return dispatch(op<ScatterAdd>(), {base, index, updates}, attrs);
}

// Along axis 0, without batch axes.
static constexpr int64_t kFromTheFirst[] = {0, 0};

Tensor take(const Operand& x, const Operand& index) {
  LineScope scope(x.line());
  return dispatch(op<Take>(), {Operand(reshape(checked_tensor("take", x), {-1})), index}, kFromTheFirst);
}

Tensor embedding(const Operand& table, const Operand& index) {
  return dispatch(op<Embedding>(), {table, index}, kFromTheFirst);
}

Tensor one_hot(const Operand& labels, int64_t classes, DType dtype) {
  const int64_t attrs[] = {static_cast<int64_t>(dtype), classes, 0};
  return dispatch(op<OneHot>(), {labels}, attrs);
}

}  // namespace duet
