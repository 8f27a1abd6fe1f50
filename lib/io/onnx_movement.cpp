// ONNX operators that move elements and make shapes, of duet's.
#include <algorithm>

#include "duet/ops/create.h"
#include "duet/ops/index.h"
#include "duet/ops/movement.h"
#include "duet/ops/pad.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/rearrange.h"
#include "io/onnx_ops.h"

namespace duet::onnx {
namespace {

std::vector<int64_t> axes_from(const Call& c, int input) {
  return c.has(input) ? c.host_ints(input) : c.integers("axes");
}
Tensor from_ints(const std::vector<int64_t>& v) { return from_vector(v, {static_cast<int64_t>(v.size())}); }

Results constant(const Call& c) {
  if (const auto* a = c.find("value")) {
    c.require(a->t.defined(), "attribute 'value' is no tensor");
    return {a->t};
  }
  if (c.given("value_int")) return {Tensor(c.integer("value_int", 0))};
  if (c.given("value_float")) return {Tensor(static_cast<float>(c.number("value_float", 0)))};
  if (c.given("value_ints")) return {from_ints(c.integers("value_ints"))};
  const auto* a = c.find("value_floats");
  c.require(a != nullptr, "there is no value");
  std::vector<float> v;
  for (double x : a->floats) v.push_back(static_cast<float>(x));
  return {from_vector(v, {static_cast<int64_t>(v.size())})};
}
Results constant_of_shape(const Call& c) {
  const Shape shape = shape_of(c, c.host_ints(0));
  const auto* a = c.find("value");
  if (a == nullptr) return {zeros(shape)};
  c.require(a->t.defined() && a->t.numel() == 1, "the value must be one number");
  return {contiguous(broadcast_to(reshape(a->t, {}), shape))};
}
Results shape(const Call& c) {
  const int64_t rank = c[0].rank();
  auto clamped = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const int64_t from = clamped(c.integer("start", 0)), to = clamped(c.integer("end", rank));
  std::vector<int64_t> v;
  for (int64_t i = from; i < to; ++i) v.push_back(c[0].shape()[static_cast<int>(i)]);
  return {from_ints(v)};
}
Results size(const Call& c) { return {Tensor(c[0].numel())}; }
Results range(const Call& c) {
  const double from = c.host_number(0), to = c.host_number(1), step = c.host_number(2);
  return {arange(from, to, step, c[0].dtype())};
}
// a0 − a1·cos(2πn/N) + a2·cos(4πn/N), N the size, or one less when symmetric.
Tensor cosine_window(const Call& c, double a0, double a1, double a2) {
  const int64_t size = c.host_int(0);
  c.require(size > 0, "a size of {}", size);
  const double last = static_cast<double>(c.integer("periodic", 1) != 0 ? size : size - 1);
  constexpr double kTwoPi = 6.283185307179586;
  const Tensor n = arange(size, f64) * (last > 0 ? kTwoPi / last : 0);
  return cast(a0 - a1 * cos(n) + a2 * cos(2 * n),
              io::onnx_dtype("onnx: output_datatype", c.integer("output_datatype", 1)));
}
Results blackman(const Call& c) { return {cosine_window(c, 0.42, 0.5, 0.08)}; }
Results hamming(const Call& c) { return {cosine_window(c, 25.0 / 46, 21.0 / 46, 0)}; }
Results hann(const Call& c) { return {cosine_window(c, 0.5, 0.5, 0)}; }
Results eye_like(const Call& c) {
  c.require(c[0].rank() == 2, "a matrix is needed");
  const DType dtype = c.given("dtype") ? io::onnx_dtype("onnx: EyeLike", c.integer("dtype", 1)) : c[0].dtype();
  const int64_t k = c.integer("k", 0), rows = c[0].shape()[0], columns = c[0].shape()[1];
  const Tensor i = reshape(arange(rows, i64), {rows, 1}), j = reshape(arange(columns, i64), {1, columns});
  return {cast(eq(i + k, j), dtype)};
}

Results reshape_to(const Call& c) {
  std::vector<int64_t> v = c.host_ints(1);
  for (size_t i = 0; i < v.size(); ++i)
    if (v[i] == 0 && c.integer("allowzero", 0) == 0) {
      c.require(i < static_cast<size_t>(c[0].rank()), "extent {} is 0: there is none to keep", i);
      v[i] = c[0].shape()[static_cast<int>(i)];
    }
  return {reshape(c[0], shape_of(c, v))};
}
Results flatten(const Call& c) {
  const int rank = c[0].rank();
  const int64_t axis = c.integer("axis", 1);
  c.require(axis >= -rank && axis <= rank, "there is no axis {}: rank {}", axis, rank);
  int64_t rows = 1, columns = 1;
  for (int i = 0; i < rank; ++i) (i < (axis < 0 ? axis + rank : axis) ? rows : columns) *= c[0].shape()[i];
  return {reshape(c[0], {rows, columns})};
}
Results squeeze_axes(const Call& c) {
  std::vector<int64_t> axes = axes_from(c, 1);
  if (axes.empty()) return {squeeze(c[0])};
  for (int64_t& a : axes) a = axis_of(c, a, c[0].rank());
  std::sort(axes.begin(), axes.end());
  Tensor y = c[0];
  for (size_t i = axes.size(); i-- > 0;) y = squeeze(y, static_cast<int>(axes[i]));
  return {y};
}
Results unsqueeze_axes(const Call& c) {
  std::vector<int64_t> axes = axes_from(c, 1);
  c.require(axes.size() <= kMaxRank, "{} axes", axes.size());
  for (int64_t& a : axes) a = axis_of(c, a, c[0].rank() + static_cast<int>(axes.size()));
  std::sort(axes.begin(), axes.end());
  Tensor y = c[0];
  for (int64_t a : axes) y = unsqueeze(y, static_cast<int>(a));
  return {y};
}
Results transpose_axes(const Call& c) {
  const auto perm = c.integers("perm");
  if (perm.empty()) return {transpose(c[0])};
  std::vector<int> axes;
  for (int64_t a : perm) axes.push_back(axis_of(c, a, c[0].rank()));
  std::vector<int> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  c.require(static_cast<int>(axes.size()) == c[0].rank() && std::unique(sorted.begin(), sorted.end()) == sorted.end(),
            "perm must name each axis once");
  return {permute(c[0], axes)};
}
Results concatenate(const Call& c) {
  std::vector<Tensor> all;
  for (int i = 0; i < c.inputs(); ++i) all.push_back(c[i]);
  return {concat(all, axis_of(c, c.integer("axis", 0), c[0].rank()))};
}
Results split_axis(const Call& c) {
  const int axis = axis_of(c, c.integer("axis", 0), c[0].rank());
  const int64_t extent = c[0].shape()[axis], parts = c.outputs();
  std::vector<int64_t> sizes = c.has(1) ? c.host_ints(1) : c.integers("split");
  if (sizes.empty()) {
    c.require(parts > 0 && extent % parts == 0, "{} elements do not make {} equal parts", extent, parts);
    sizes.assign(static_cast<size_t>(parts), extent / parts);
  }
  Results out;
  int64_t at = 0;
  for (int64_t n : sizes) {
    c.require(n >= 0 && n <= extent - at, "the parts are more than {} elements", extent);
    out.push_back(slice_axis(c[0], axis, at, at + n));
    at += n;
  }
  return out;
}
Results slices(const Call& c) {
  const auto starts = c.host_ints(1), ends = c.host_ints(2);
  std::vector<int64_t> axes, steps;
  if (c.has(3)) axes = c.host_ints(3);
  if (c.has(4)) steps = c.host_ints(4);
  Tensor y = c[0];
  c.require(ends.size() == starts.size() && (!c.has(3) || axes.size() == starts.size()) &&
                (!c.has(4) || steps.size() == starts.size()),
            "starts, ends, axes and steps differ in number");
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = axis_of(c, c.has(3) ? axes[i] : static_cast<int64_t>(i), y.rank());
    const int64_t n = y.shape()[axis], step = c.has(4) ? steps[i] : 1;
    c.require(step != 0 && step != INT64_MIN, "a step of {}", step);
    auto from_front = [&](int64_t v) { return v < 0 ? v + n : v; };
    if (step > 0) {
      const int64_t from = std::clamp<int64_t>(from_front(starts[i]), 0, n);
      y = slice_axis(y, axis, from, std::clamp<int64_t>(from_front(ends[i]), from, n), step);
    } else {
      const int64_t from = std::clamp<int64_t>(from_front(starts[i]), -1, n - 1);
      const int64_t to = std::clamp<int64_t>(from_front(ends[i]), -1, from);
      y = slice_axis(flip(y, axis), axis, n - 1 - from, n - 1 - to, -step);
    }
  }
  return {y};
}
Results expand(const Call& c) {
  Shape out;
  const Shape wanted = shape_of(c, c.host_ints(1));
  c.require(broadcast_shapes(c[0].shape(), wanted, out), "{} does not expand to {}", c[0].spec(), wanted);
  return {broadcast_to(c[0], out)};
}
Results tile(const Call& c) { return {repeat(c[0], shape_of(c, c.host_ints(1)))}; }
Results trilu(const Call& c) {
  const int64_t k = c.has(1) ? c.host_int(1) : 0;
  return {c.integer("upper", 1) != 0 ? triu(c[0], k) : tril(c[0], k)};
}
// Positions 0 … before + n + after, brought back into 0 … n − 1 by the mode.
Tensor source_positions(const Call& c, std::string_view mode, int64_t before, int64_t n, int64_t after) {
  c.require(n > 0 && (mode == "edge" || (before < n && after < n)), "{} and {} elements around {}", before, after, n);
  std::vector<int64_t> at;
  for (int64_t i = -before; i < n + after; ++i)
    at.push_back(mode == "edge" ? std::clamp<int64_t>(i, 0, n - 1) : i < 0 ? -i : i < n ? i : 2 * (n - 1) - i);
  return from_ints(at);
}
Results pad_with(const Call& c) {
  const auto pads = c.host_ints(1);
  const std::string_view mode = c.text("mode", "constant");
  const int rank = c[0].rank();
  c.require(static_cast<int>(pads.size()) == 2 * rank, "{} pads for {} axes", pads.size(), rank);
  c.require(mode == "constant" || mode == "edge" || mode == "reflect", "mode '{}' is not supported", mode);
  std::vector<std::pair<int64_t, int64_t>> pairs;
  Tensor x = c[0];
  for (int i = 0; i < rank; ++i) {
    const int64_t before = pads[static_cast<size_t>(i)], after = pads[static_cast<size_t>(i + rank)];
    c.require(std::max(before, after) < (int64_t{1} << 31) && std::min(before, after) > -(int64_t{1} << 31),
              "pads of {} and {}", before, after);
    if (mode != "constant") {
      if (before != 0 || after != 0) x = gather(x, source_positions(c, mode, before, x.shape()[i], after), i);
      continue;
    }
    if (before < 0 || after < 0)
      x = slice_axis(x, i, std::max<int64_t>(-before, 0), x.shape()[i] - std::max<int64_t>(-after, 0));
    pairs.emplace_back(std::max<int64_t>(before, 0), std::max<int64_t>(after, 0));
  }
  if (mode != "constant") return {x};
  const double value = c.has(2) && c[2].numel() == 1 ? c.host_numbers(2)[0] : 0;
  return {pad(x, pairs, Operand::constant(value))};
}
Results depth_to_space(const Call& c) {
  const Shape& s = c[0].shape();
  const int64_t b = c.integer("blocksize", 0);
  c.require(s.rank() == 4 && b > 0 && b < 65536 && s[1] % (b * b) == 0, "{} is not cut into blocks of {}", c[0].spec(),
            b);
  const int64_t depth = s[1] / (b * b);
  const std::string_view mode = c.text("mode", "DCR");
  c.require(mode == "DCR" || mode == "CRD", "mode '{}' is not supported", mode);
  const Tensor y = mode == "DCR" ? permute(reshape(c[0], {s[0], b, b, depth, s[2], s[3]}), {0, 3, 4, 1, 5, 2})
                                 : permute(reshape(c[0], {s[0], depth, b, b, s[2], s[3]}), {0, 1, 4, 2, 5, 3});
  return {reshape(y, {s[0], depth, s[2] * b, s[3] * b})};
}
Results space_to_depth(const Call& c) {
  const Shape& s = c[0].shape();
  const int64_t b = c.integer("blocksize", 0);
  c.require(s.rank() == 4 && b > 0 && b < 65536 && s[2] % b == 0 && s[3] % b == 0, "{} is not cut into blocks of {}",
            c[0].spec(), b);
  const Tensor y = permute(reshape(c[0], {s[0], s[1], s[2] / b, b, s[3] / b, b}), {0, 3, 5, 1, 2, 4});
  return {reshape(y, {s[0], s[1] * b * b, s[2] / b, s[3] / b})};
}

constexpr OpEntry kOps[] = {
    {"BlackmanWindow", 1, 1, "output_datatype periodic", 0b1, blackman},
    {"Concat", 1, -1, "axis", 0, concatenate},
    {"Constant", 0, 0, "value value_int value_ints value_float value_floats", 0, constant},
    {"ConstantOfShape", 1, 1, "value", 0b1, constant_of_shape},
    {"DepthToSpace", 1, 1, "blocksize mode", 0, depth_to_space},
    {"Expand", 2, 2, "", 0b10, expand},
    {"EyeLike", 1, 1, "dtype k", 0, eye_like},
    {"Flatten", 1, 1, "axis", 0, flatten},
    {"HammingWindow", 1, 1, "output_datatype periodic", 0b1, hamming},
    {"HannWindow", 1, 1, "output_datatype periodic", 0b1, hann},
    {"Pad", 2, 3, "mode", 0b110, pad_with, 11},
    {"Range", 3, 3, "", 0b111, range},
    {"Reshape", 2, 2, "allowzero", 0b10, reshape_to},
    {"Shape", 1, 1, "start end", 0, shape},
    {"Size", 1, 1, "", 0, size},
    {"Slice", 3, 5, "", 0b11110, slices, 10},
    {"SpaceToDepth", 1, 1, "blocksize", 0, space_to_depth},
    {"Split", 1, 2, "axis split", 0b10, split_axis},
    {"Squeeze", 1, 2, "axes", 0b10, squeeze_axes},
    {"Tile", 2, 2, "", 0b10, tile},
    {"Transpose", 1, 1, "perm", 0, transpose_axes},
    {"Trilu", 1, 2, "upper", 0b10, trilu},
    {"Unsqueeze", 1, 2, "axes", 0b10, unsqueeze_axes},
};

}  // namespace

std::span<const OpEntry> movement_ops() { return kOps; }

}  // namespace duet::onnx
