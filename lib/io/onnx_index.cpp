// ONNX operators with indices in their data, made of duet's.
#include "duet/ops/along.h"
#include "duet/ops/create.h"
#include "duet/ops/index.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/rearrange.h"
#include "duet/ops/reduce.h"
#include "io/onnx_ops.h"

namespace duet::onnx {
namespace {

Results gather_axis(const Call& c) { return {gather(c[0], c[1], axis_of(c, c.integer("axis", 0), c[0].rank()))}; }

// The index may be shorter than the data beside the axis: only that part of the data is looked at.
Tensor beside(const Call& c, const Tensor& x, const Shape& index, int axis) {
  c.require(index.rank() == x.rank(), "index of rank {} for {}", index.rank(), x.spec());
  Tensor y = x;
  for (int i = 0; i < index.rank(); ++i) {
    c.require(i == axis || index[i] <= x.shape()[i], "index {} does not fit into {}", index, x.spec());
    if (i != axis && index[i] != x.shape()[i]) y = slice_axis(y, i, 0, index[i]);
  }
  return y;
}
Results gather_elements(const Call& c) {
  const int axis = axis_of(c, c.integer("axis", 0), c[0].rank());
  return {take_along_axis(beside(c, c[0], c[1].shape(), axis), c[1], axis)};
}

// base with updates at places of its flat row: hit counts say where; ONNX leaves places met twice undefined.
Tensor scatter_flat(const Call& c, const Tensor& base, const Tensor& at, const Tensor& updates) {
  const std::string_view reduction = c.text("reduction", "none");
  c.require(reduction == "none" || reduction == "add", "reduction '{}' is not supported", reduction);
  const Tensor row = reshape(base, {base.numel()}), index = reshape(at, {at.numel()}),
               put = reshape(updates, {at.numel()});
  if (reduction == "add") return reshape(scatter_add(row, index, put), base.shape());
  const Tensor none = zeros({base.numel()}, base.dtype());
  const Tensor hits = scatter_add(zeros({base.numel()}, i32), index, ones({at.numel()}, i32));
  return reshape(where(gt(hits, 0), scatter_add(none, index, put), row), base.shape());
}
Tensor wrapped(const Tensor& index, int64_t extent) { return where(lt(index, 0), index + extent, index); }

Results scatter_elements(const Call& c) {
  const int axis = axis_of(c, c.integer("axis", 0), c[0].rank());
  const Shape &x = c[0].shape(), &s = c[1].shape();
  c.require(s == c[2].shape(), "index {} and updates {} differ", c[1].spec(), c[2].spec());
  beside(c, c[0], s, axis);
  Tensor flat = zeros(s, i64);
  int64_t stride = 1;
  for (int i = x.rank() - 1; i >= 0; --i, stride *= x[i + 1]) {
    Shape along;
    for (int k = 0; k < s.rank(); ++k) along.push_back(k == i ? s[i] : 1);
    const Tensor place = i == axis ? wrapped(cast(c[1], i64), x[i]) : reshape(arange(s[i], i64), along);
    flat = flat + place * stride;
  }
  return {scatter_flat(c, c[0], flat, c[2])};
}

// The last axis of the index names the first axes of the data, behind the batch axes: where each slice begins in the
// data's row of slices.
Tensor slice_numbers(const Call& c, const Tensor& index, int batch) {
  const Shape& x = c[0].shape();
  const int last = index.rank() - 1;
  c.require(index.rank() > batch && batch >= 0, "batch_dims {} for index {}", batch, index.spec());
  const int64_t named = index.shape()[last];
  c.require(named + batch <= x.rank(), "{} axes named of {}", named, c[0].spec());
  Shape places;
  for (int i = 0; i < last; ++i) places.push_back(index.shape()[i]);
  Tensor flat = zeros(places, i64);
  for (int i = 0; i < batch + static_cast<int>(named); ++i) {
    Tensor place;
    if (i < batch) {
      c.require(places[i] == x[i], "batch axes differ: {} and {}", c[0].spec(), index.spec());
      Shape along;
      for (int k = 0; k < last; ++k) along.push_back(k == i ? places[i] : 1);
      place = reshape(arange(places[i], i64), along);
    } else {
      place = wrapped(cast(squeeze(slice_axis(index, last, i - batch, i - batch + 1), last), i64), x[i]);
    }
    flat = flat * x[i] + place;
  }
  return flat;
}
Results gather_nd(const Call& c) {
  const int batch = static_cast<int>(c.integer("batch_dims", 0));
  const Tensor at = slice_numbers(c, c[1], batch);
  const int named = batch + static_cast<int>(c[1].shape()[c[1].rank() - 1]);
  Shape rows;
  int64_t count = 1;
  for (int i = 0; i < named; ++i) count *= c[0].shape()[i];
  rows.push_back(count);
  for (int i = named; i < c[0].rank(); ++i) rows.push_back(c[0].shape()[i]);
  return {gather(reshape(c[0], rows), at)};
}
Results scatter_nd(const Call& c) {
  const int named = static_cast<int>(c[1].rank() > 0 ? c[1].shape()[c[1].rank() - 1] : 0);
  const Tensor at = slice_numbers(c, c[1], 0);
  int64_t width = 1;
  for (int i = named; i < c[0].rank(); ++i) width *= c[0].shape()[i];
  c.require(c[2].numel() == at.numel() * width, "index {} does not fit updates {}", c[1].spec(), c[2].spec());
  const Tensor flat = reshape(at, {at.numel(), 1}) * width + reshape(arange(width, i64), {1, width});
  return {scatter_flat(c, c[0], flat, c[2])};
}

Results one_hot_of(const Call& c) {
  const int64_t depth = c.host_int(1);
  c.require(depth > 0 && c[2].rank() == 1 && c[2].numel() == 2, "depth {}, values {}", depth, c[2].spec());
  const int rank = c[0].rank() + 1, axis = axis_of(c, c.integer("axis", -1), rank);
  Shape s;
  for (int i = 0; i < rank; ++i) s.push_back(i == axis ? depth : 1);
  const Tensor labels = unsqueeze(wrapped(cast(c[0], i64), depth), axis);
  const Tensor off = reshape(slice_axis(c[2], 0, 0, 1), {}), on = reshape(slice_axis(c[2], 0, 1, 2), {});
  return {where(eq(labels, reshape(arange(depth, i64), s)), on, off)};
}
Results compress(const Call& c) {
  std::vector<int64_t> at;
  const std::vector<int64_t> condition = c.host_ints(1);
  for (size_t i = 0; i < condition.size(); ++i)
    if (condition[i] != 0) at.push_back(static_cast<int64_t>(i));
  const Tensor index = from_vector(at, {static_cast<int64_t>(at.size())});
  if (!c.given("axis")) return {take(c[0], index)};
  return {gather(c[0], index, axis_of(c, c.integer("axis", 0), c[0].rank()))};
}
// Each sequence has a length of its own, of which the first elements are turned round.
Results reverse_sequence(const Call& c) {
  const int batch = axis_of(c, c.integer("batch_axis", 1), c[0].rank());
  const int time = axis_of(c, c.integer("time_axis", 0), c[0].rank());
  const Shape& s = c[0].shape();
  c.require(batch != time && c[1].numel() == s[batch], "{} lengths for {}", c[1].numel(), c[0].spec());
  Shape lengths, steps;
  for (int i = 0; i < s.rank(); ++i) lengths.push_back(i == batch ? s[i] : 1), steps.push_back(i == time ? s[i] : 1);
  const Tensor n = reshape(cast(c[1], i64), lengths), t = reshape(arange(s[time], i64), steps);
  return {take_along_axis(c[0], broadcast_to(where(lt(t, n), n - 1 - t, t), s), time)};
}

constexpr OpEntry kOps[] = {
    {"Compress", 2, 2, "axis", 0b10, compress},
    {"Gather", 2, 2, "axis", 0, gather_axis},
    {"GatherElements", 2, 2, "axis", 0, gather_elements},
    {"GatherND", 2, 2, "batch_dims", 0, gather_nd},
    {"OneHot", 3, 3, "axis", 0b10, one_hot_of},
    {"ReverseSequence", 2, 2, "batch_axis time_axis", 0, reverse_sequence},
    {"Scatter", 3, 3, "axis", 0, scatter_elements},
    {"ScatterElements", 3, 3, "axis reduction", 0, scatter_elements},
    {"ScatterND", 3, 3, "reduction", 0, scatter_nd},
};

}  // namespace

std::span<const OpEntry> index_ops() { return kOps; }

}  // namespace duet::onnx
