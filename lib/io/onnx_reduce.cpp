// ONNX operators over axes, made of duet's.
#include "duet/ops/create.h"
#include "duet/ops/index.h"
#include "duet/ops/movement.h"
#include "duet/ops/normalise.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/rearrange.h"
#include "duet/ops/reduce.h"
#include "duet/ops/scan.h"
#include "duet/ops/sort.h"
#include "duet/ops/stats.h"
#include "io/onnx_ops.h"

namespace duet::onnx {
namespace {

// Axes stand in an attribute or, since operator set 13 for ReduceSum, in an input; none at all means every axis.
ReduceOver over(const Call& c) {
  std::vector<int64_t> axes = c.has(1) ? c.host_ints(1) : c.integers("axes");
  c.require(axes.size() <= kMaxRank, "more than {} axes", kMaxRank);
  ReduceOver o;
  if (!axes.empty()) {
    o.axis.count = 0;
    for (int64_t a : axes) o.axis.axis[o.axis.count++] = axis_of(c, a, c[0].rank());
  }
  o.keepdims = c.integer("keepdims", 1) != 0;
  return o;
}
// Integers are summed in i64 and come back in their own type.
template <Tensor (*F)(const Operand&, const ReduceOver&)>
Results reduce(const Call& c) {
  const bool none =
      c.integer("noop_with_empty_axes", 0) != 0 && (c.has(1) ? c[1].numel() == 0 : c.integers("axes").empty());
  return {none ? c[0] : cast(F(c[0], over(c)), c[0].dtype())};
}
Tensor l1(const Operand& x, const ReduceOver& o) { return sum(abs(x), o); }
Tensor l2(const Operand& x, const ReduceOver& o) { return sqrt(sum(square(x), o)); }
Tensor log_sum(const Operand& x, const ReduceOver& o) { return log(sum(x, o)); }
Tensor sum_square(const Operand& x, const ReduceOver& o) { return sum(square(x), o); }

template <Tensor (*F)(const Operand&, int, bool)>
Results arg(const Call& c) {
  const int axis = axis_of(c, c.integer("axis", 0), c[0].rank());
  const bool keep = c.integer("keepdims", 1) != 0;
  if (c.integer("select_last_index", 0) == 0) return {F(c[0], axis, keep)};
  return {c[0].shape()[axis] - 1 - F(flip(c[0], axis), axis, keep)};
}
template <Tensor (*F)(const Operand&, int)>
Results along(const Call& c) {
  return {F(c[0], axis_of(c, c.integer("axis", -1), c[0].rank()))};
}
Results hardmax(const Call& c) {
  const int axis = axis_of(c, c.integer("axis", -1), c[0].rank());
  const Tensor at = argmax(c[0], axis, true);
  Shape s;
  for (int i = 0; i < c[0].rank(); ++i) s.push_back(i == axis ? c[0].shape()[axis] : 1);
  return {cast(eq(at, reshape(arange(c[0].shape()[axis], i64), s)), c[0].dtype())};
}
Results running_sum(const Call& c) {
  const int axis = axis_of(c, c.host_int(1), c[0].rank());
  Tensor y = cast(cumsum(c[0], axis, c.integer("reverse", 0) != 0), c[0].dtype());
  if (c.integer("exclusive", 0) != 0) y = y - c[0];
  return {y};
}
Results top(const Call& c) {
  const int64_t k = c.host_int(1);
  const int axis = axis_of(c, c.integer("axis", -1), c[0].rank());
  const bool largest = c.integer("largest", 1) != 0;
  c.require(k >= 0 && k <= c[0].shape()[axis], "{} of {} elements", k, c[0].shape()[axis]);
  const Sorted s = sort(c[0], axis, largest);
  return {slice_axis(s.values, axis, 0, k), slice_axis(s.indices, axis, 0, k)};
}
// (x − mean) / sqrt(variance) over all axes but the channel's.
Results mean_variance(const Call& c) {
  ReduceOver o;
  const auto axes = c.integers("axes", {0, 2, 3});
  c.require(!axes.empty() && axes.size() <= kMaxRank, "{} axes", axes.size());
  o.axis.count = 0;
  for (int64_t a : axes) o.axis.axis[o.axis.count++] = axis_of(c, a, c[0].rank());
  o.keepdims = true;
  return {(c[0] - mean(c[0], o)) / (stddev(c[0], o) + 1e-9)};
}
Results layer_normalization(const Call& c) {
  const int axis = axis_of(c, c.integer("axis", -1), c[0].rank());
  ReduceOver o;
  o.axis.count = 0;
  for (int a = axis; a < c[0].rank(); ++a) o.axis.axis[o.axis.count++] = a;
  o.keepdims = true;
  const Tensor center = mean(c[0], o), d = c[0] - center;
  const Tensor inverse = 1 / sqrt(mean(square(d), o) + c.number("epsilon", 1e-5));
  Tensor y = d * inverse * c[1];
  if (c.has(2)) y = y + c[2];
  return {y, center, inverse};
}

constexpr std::string_view kAxes = "axes keepdims noop_with_empty_axes";
constexpr OpEntry kOps[] = {
    {"ArgMax", 1, 1, "axis keepdims select_last_index", 0, arg<argmax>},
    {"ArgMin", 1, 1, "axis keepdims select_last_index", 0, arg<argmin>},
    {"CumSum", 2, 2, "exclusive reverse", 0b10, running_sum},
    {"Hardmax", 1, 1, "axis", 0, hardmax, 13},
    {"LayerNormalization", 2, 3, "axis epsilon", 0, layer_normalization},
    {"LogSoftmax", 1, 1, "axis", 0, along<log_softmax>, 13},
    {"MeanVarianceNormalization", 1, 1, "axes", 0, mean_variance},
    {"ReduceL1", 1, 1, kAxes, 0, reduce<l1>},
    {"ReduceL2", 1, 1, kAxes, 0, reduce<l2>},
    {"ReduceLogSum", 1, 1, kAxes, 0, reduce<log_sum>},
    {"ReduceLogSumExp", 1, 1, kAxes, 0, reduce<logsumexp>},
    {"ReduceMax", 1, 1, kAxes, 0, reduce<max>},
    {"ReduceMean", 1, 1, kAxes, 0, reduce<mean>},
    {"ReduceMin", 1, 1, kAxes, 0, reduce<min>},
    {"ReduceProd", 1, 1, kAxes, 0, reduce<prod>},
    {"ReduceSum", 1, 2, kAxes, 0b10, reduce<sum>},
    {"ReduceSumSquare", 1, 1, kAxes, 0, reduce<sum_square>},
    {"Softmax", 1, 1, "axis", 0, along<softmax>, 13},
    {"TopK", 2, 2, "axis largest sorted", 0b10, top},
};

}  // namespace

std::span<const OpEntry> reduce_ops() { return kOps; }

}  // namespace duet::onnx
