#include "duet/ops/index.h"

#include <cstring>

#include "cpu/tiles.h"
#include "duet/grad.h"
#include "ops/axis.h"
#include "ops/indices.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(IndexOps)

namespace {

Shape gathered_shape(const Shape& x, const Shape& index, int64_t axis) {
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    if (i == axis)
      for (int64_t d : index) y.push_back(d);
    else
      y.push_back(x[i]);
  }
  return y;
}

int index_axis(std::string_view op, const Operand& x, int axis) {
  check<ShapeError>(x.is_tensor(), "{}: the operand is a number; give a tensor", op);
  check<Error>(x.tensor().defined(), "{}: operand 1 is an empty Tensor; give it a value first", op);
  return checked_axis(op, axis, x.tensor());
}

}  // namespace

void Gather::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("gather", in, 1);
  check<ShapeError>(in[0].shape->rank() - 1 + in[1].shape->rank() <= kMaxRank,
                    "gather: the result of {} at {} has too many axes; at most {}", in.text(0), in.text(1), kMaxRank);
  out[0] = {in[0].dtype, gathered_shape(*in[0].shape, *in[1].shape, attrs[0])};
  checked_numel(out[0].shape, out[0].dtype);
}

namespace {

void pick_slices(const KernelCall& call, int64_t axis, const std::vector<int64_t>& index) {
  const Strided &x = call.in[0], &y = call.out[0];
  const AroundAxis e(*x.shape, axis);
  const auto size = static_cast<int64_t>(size_bytes(x.dtype));
  cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  auto* to = static_cast<char*>(y.data);
  for (int64_t o = 0; o < e.outer && e.inner > 0; ++o)
    for (int64_t k : index) {
      const int64_t from = (o * e.axis + k) * e.inner;
      if (source.dense)
        std::memcpy(to, static_cast<const char*>(x.data) + from * size, static_cast<size_t>(e.inner * size));
      else
        cpu::gather(source, x.data, from, e.inner, to);
      to += e.inner * size;
    }
}

}  // namespace

void Gather::run(const KernelCall& call) {
  const int64_t extent = (*call.in[0].shape)[static_cast<int>(call.attrs[0])];
  pick_slices(call, call.attrs[0], checked_indices("gather", call.in[1], extent, true, "index"));
}

void Gather::vjp(VjpContext& c) {
  c.set(0, call_op<ScatterAdd>(c.attrs(), zeros(c.in_shape(0), c.in_dtype(0)), c.input(1).tensor, c.dy()));
}

void Embedding::infer(const Args& in, Attrs, Spec* out) {
  check_index_dtype("embedding", in, 1);
  check<ShapeError>(in[0].shape->rank() == 2, "embedding: the table has not two axes: {}; give f32[V,D]", in.text(0));
  check<ShapeError>(in[1].shape->rank() < kMaxRank, "embedding: the rows at {} have too many axes; at most {}",
                    in.text(1), kMaxRank);
  out[0] = {in[0].dtype, gathered_shape(*in[0].shape, *in[1].shape, 0)};
  checked_numel(out[0].shape, out[0].dtype);
}

void Embedding::run(const KernelCall& call) {
  pick_slices(call, 0, checked_indices("embedding", call.in[1], (*call.in[0].shape)[0], false, "index"));
}

void Embedding::vjp(VjpContext& c) {
  c.set(0, scatter_add(zeros(c.in_shape(0), c.in_dtype(0)), c.input(1).tensor, c.dy()));
}

void ScatterAdd::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("scatter_add", in, 1);
  check<DTypeError>(in[0].dtype == in[2].dtype && in[0].dtype != DType::boolean,
                    "scatter_add: takes numbers of one type: {} and {}", in.text(0), in.text(2));
  check<ShapeError>(in[0].shape->rank() - 1 + in[1].shape->rank() <= kMaxRank,
                    "scatter_add: the updates of {} at {} have too many axes; at most {}", in.text(0), in.text(1),
                    kMaxRank);
  Shape wanted = gathered_shape(*in[0].shape, *in[1].shape, attrs[0]);
  check<ShapeError>(*in[2].shape == wanted, "scatter_add: updates do not fit: {} into {} at {}; they must be {}",
                    in.text(2), in.text(0), in.text(1), wanted);
  out[0] = in.spec(0);
}

void ScatterAdd::run(const KernelCall& call) {
  const Strided &base = call.in[0], &updates = call.in[2], &y = call.out[0];
  const AroundAxis e(*base.shape, call.attrs[0]);
  std::vector<int64_t> index = checked_indices("scatter_add", call.in[1], e.axis, true, "index");
  cpu::gather(cpu::make_source(base.dtype, *base.shape, base.strides, *base.shape), base.data, 0, base.shape->numel(),
              y.data);
  cpu::Source source = cpu::make_source(updates.dtype, *updates.shape, updates.strides, *updates.shape);
  visit(base.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!std::is_same_v<T, bool>) {
      T tile[cpu::kTile];
      int64_t at = 0;
      for (int64_t o = 0; o < e.outer; ++o)
        for (int64_t k : index) {  // ascending: the order of the bit contract
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

void ScatterAdd::vjp(VjpContext& c) {
  if (c.wants(0)) c.set(0, c.dy());
  if (c.wants(2)) c.set(2, call_op<Gather>(c.attrs(), c.dy(), c.input(1).tensor));
}

void OneHot::infer(const Args& in, Attrs attrs, Spec* out) {
  check_index_dtype("one_hot", in, 0);
  check<ShapeError>(in[0].shape->rank() < kMaxRank, "one_hot: {} has too many axes already", in.text(0));
  check<ShapeError>(attrs[1] >= 0, "one_hot: the number of classes is negative: {}", attrs[1]);
  Shape y = *in[0].shape;
  y.push_back(attrs[1]);
  checked_numel(y, static_cast<DType>(attrs[0]));
  out[0] = {static_cast<DType>(attrs[0]), y};
}

void OneHot::run(const KernelCall& call) {
  const Strided& y = call.out[0];
  const int64_t classes = call.attrs[1];
  std::vector<int64_t> label = checked_indices("one_hot", call.in[0], classes, false, "label");
  if (y.shape->numel() == 0) return;  // storage of nothing has no address
  std::memset(y.data, 0, static_cast<size_t>(y.shape->numel()) * size_bytes(y.dtype));
  visit(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* to = static_cast<T*>(y.data);
    for (int64_t k : label) {
      to[k] = T(1);
      to += classes;
    }
  });
}

Tensor gather(const Operand& x, const Operand& index, int axis) {
  LineScope scope(x.line());
  int64_t attrs[] = {index_axis("gather", x, axis)};
  return dispatch(op<Gather>(), {x, index}, attrs);
}

Tensor scatter_add(const Operand& base, const Operand& index, const Operand& updates, int axis) {
  LineScope scope(base.line());
  int64_t attrs[] = {index_axis("scatter_add", base, axis)};
  return dispatch(op<ScatterAdd>(), {base, index, updates}, attrs);
}

Tensor take(const Operand& x, const Operand& index) {
  LineScope scope(x.line());
  return gather(reshape(checked_tensor("take", x), {-1}), index);
}

Tensor embedding(const Operand& table, const Operand& index) { return dispatch(op<Embedding>(), {table, index}); }

Tensor one_hot(const Operand& labels, int64_t classes, DType dtype) {
  int64_t attrs[] = {static_cast<int64_t>(dtype), classes};
  return dispatch(op<OneHot>(), {labels}, attrs);
}

}  // namespace duet
