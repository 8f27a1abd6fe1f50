// ONNX's Resize and Upsample. Each result is a weighted sum of a few elements along one axis after the other; which
// ones, and with what weights, follows from the extents and is computed on the host.
#include <algorithm>
#include <cmath>

#include "duet/ops/index.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "io/onnx_ops.h"

namespace duet::onnx {
namespace {

constexpr int64_t kLargest = int64_t{1} << 28;

struct Rule {
  std::string_view mode, coordinates, nearest;
  double cubic = -0.75;
  bool exclude_outside = false;
};
struct Span {
  int64_t in = 0, out = 0;
  double scale = 1, start = 0, end = 1;  // start, end: of the region of interest, in parts of the axis
};

// Where in the old axis element i of the new one lies.
double position(const Call& c, const Rule& r, const Span& s, int64_t i) {
  const double at = static_cast<double>(i), last = static_cast<double>(s.in - 1), n = static_cast<double>(s.out - 1);
  // ONNX's cases measure the new axis before it is rounded down to whole elements.
  const double exact = static_cast<double>(s.in) * s.scale - 1;
  if (r.coordinates == "half_pixel") return (at + 0.5) / s.scale - 0.5;
  if (r.coordinates == "pytorch_half_pixel") return s.out > 1 ? (at + 0.5) / s.scale - 0.5 : 0;
  if (r.coordinates == "tf_half_pixel_for_nn") return (at + 0.5) / s.scale;
  if (r.coordinates == "asymmetric") return at / s.scale;
  if (r.coordinates == "align_corners") return s.out > 1 && exact > 0 ? at * last / exact : 0;
  c.require(r.coordinates == "tf_crop_and_resize", "coordinates '{}' are not supported", r.coordinates);
  return s.out > 1 ? s.start * last + at * (s.end - s.start) * last / n : 0.5 * (s.start + s.end) * last;
}
double nearest(const Call& c, const Rule& r, double x) {
  if (r.nearest == "round_prefer_floor") return std::ceil(x - 0.5);
  if (r.nearest == "round_prefer_ceil") return std::floor(x + 0.5);
  if (r.nearest == "ceil") return std::ceil(x);
  c.require(r.nearest == "floor", "nearest_mode '{}' is not supported", r.nearest);
  return std::floor(x);
}
// Keys' convolution kernel (1981) at distance d.
double keys(double a, double d) {
  d = std::abs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

struct Taps {
  std::vector<std::vector<int64_t>> at;     // by tap and place
  std::vector<std::vector<double>> weight;  // none: 1
  std::vector<bool> outside;
};
Taps taps(const Call& c, const Rule& r, const Span& s) {
  const size_t count = r.mode == "nearest" ? 1 : r.mode == "linear" ? 2 : 4;
  c.require(count < 4 || r.mode == "cubic", "mode '{}' is not supported", r.mode);
  Taps t;
  t.at.resize(count), t.weight.resize(count > 1 ? count : 0);
  auto clamped = [&](double x) { return static_cast<int64_t>(std::clamp(x, 0.0, static_cast<double>(s.in - 1))); };
  for (int64_t i = 0; i < s.out; ++i) {
    const double x = position(c, r, s, i);
    t.outside.push_back(!(x >= 0 && x <= static_cast<double>(s.in - 1)));
    if (count == 1) {
      t.at[0].push_back(clamped(nearest(c, r, x)));
      continue;
    }
    const double first = std::floor(x) - (count == 4 ? 1 : 0);
    double w[4] = {}, total = 0;
    for (size_t k = 0; k < count; ++k) {
      const double place = first + static_cast<double>(k), d = x - place;
      w[k] = count == 2 ? 1 - std::abs(d) : keys(r.cubic, d);
      if (r.exclude_outside && (place < 0 || place > static_cast<double>(s.in - 1))) w[k] = 0;
      total += w[k];
      t.at[k].push_back(clamped(place));
    }
    for (size_t k = 0; k < count; ++k) t.weight[k].push_back(r.exclude_outside ? w[k] / total : w[k]);
  }
  return t;
}

Tensor resized(const Call& c, const Rule& rule, const std::vector<Span>& spans) {
  Tensor y = c[0];
  const bool crops = rule.coordinates == "tf_crop_and_resize";
  std::vector<Tensor> outside;
  for (int axis = 0; axis < c[0].rank(); ++axis) {
    const Span& s = spans[static_cast<size_t>(axis)];
    c.require(s.in > 0 && s.out >= 0 && s.out <= kLargest && s.scale > 0, "axis {} of {} to {}", axis, c[0].spec(),
              s.out);
    if (s.in == s.out && s.scale == 1 && !crops) continue;
    const Taps t = taps(c, rule, s);
    Shape along;
    for (int k = 0; k < y.rank(); ++k) along.push_back(k == axis ? s.out : 1);
    Tensor sum;
    for (size_t k = 0; k < t.at.size(); ++k) {
      Tensor part = gather(y, from_vector(t.at[k], {s.out}), axis);
      if (!t.weight.empty()) part = part * cast(from_vector(t.weight[k], along), y.dtype());
      sum = k == 0 ? part : sum + part;
    }
    y = sum;
    if (crops) {
      std::vector<uint8_t> mask(t.outside.begin(), t.outside.end());
      outside.push_back(cast(from_vector(mask, along), DType::boolean));
    }
  }
  for (const Tensor& mask : outside) y = where(mask, c.number("extrapolation_value", 0), y);
  return y;
}

std::vector<Span> spans(const Call& c, int scales_input, int sizes_input) {
  const size_t rank = static_cast<size_t>(c[0].rank());
  std::vector<Span> all(rank);
  std::vector<double> scales;
  std::vector<int64_t> sizes;
  if (c.has(scales_input)) scales = c.host_numbers(scales_input);
  if (sizes_input >= 0 && c.has(sizes_input)) sizes = c.host_ints(sizes_input);
  c.require(scales.size() == rank || (scales.empty() && sizes.size() == rank),
            "scales or sizes are needed, one an axis");
  for (size_t i = 0; i < rank; ++i) {
    Span& s = all[i];
    s.in = c[0].shape()[static_cast<int>(i)];
    if (!scales.empty()) {
      c.require(scales[i] > 0 && scales[i] * static_cast<double>(s.in) <= static_cast<double>(kLargest),
                "a scale of {}", scales[i]);
      s.scale = scales[i], s.out = static_cast<int64_t>(std::floor(static_cast<double>(s.in) * s.scale));
    } else {
      s.out = sizes[i], s.scale = static_cast<double>(s.out) / static_cast<double>(s.in);
    }
  }
  return all;
}
Results resize(const Call& c) {
  const Rule rule{c.text("mode", "nearest"), c.text("coordinate_transformation_mode", "half_pixel"),
                  c.text("nearest_mode", "round_prefer_floor"), c.number("cubic_coeff_a", -0.75),
                  c.integer("exclude_outside", 0) != 0};
  std::vector<Span> all = spans(c, 2, 3);
  if (rule.coordinates == "tf_crop_and_resize") {
    const std::vector<double> roi = c.host_numbers(1);
    c.require(roi.size() == 2 * all.size(), "roi has {} numbers for {} axes", roi.size(), all.size());
    for (double v : roi) c.require(std::isfinite(v), "roi is not finite");
    for (size_t i = 0; i < all.size(); ++i) all[i].start = roi[i], all[i].end = roi[i + all.size()];
  }
  return {resized(c, rule, all)};
}
Results upsample(const Call& c) {
  return {resized(c, {c.text("mode", "nearest"), "asymmetric", "floor", -0.75, false}, spans(c, 1, -1))};
}

constexpr OpEntry kOps[] = {
    {"Resize", 1, 4,
     "mode coordinate_transformation_mode nearest_mode cubic_coeff_a exclude_outside extrapolation_value", 0b1110,
     resize, 11},
    {"Upsample", 2, 2, "mode", 0b10, upsample, 9},
};

}  // namespace

std::span<const OpEntry> resize_ops() { return kOps; }

}  // namespace duet::onnx
