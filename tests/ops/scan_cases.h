// Samples of scans: the reference goes along the same chain in f64, so f64 results are exact and f32 ones rounded once.
#pragma once

#include "ops/reduce_cases.h"

namespace duet::testing {

/// The axis that a mask of one bit names.
inline int axis_of(unsigned mask) { return __builtin_ctz(mask); }

/// Positions of the elements of each line along an axis, in the order of a scan.
inline std::vector<std::vector<size_t>> lines_of(const Shape& shape, int axis, bool reverse = false) {
  int64_t outer = 1, inner = 1;
  for (int a = 0; a < axis; ++a) outer *= shape[a];
  for (int a = axis + 1; a < shape.rank(); ++a) inner *= shape[a];
  const int64_t n = shape[axis];
  std::vector<std::vector<size_t>> lines;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      std::vector<size_t>& line = lines.emplace_back();
      for (int64_t j = 0; j < n; ++j)
        line.push_back(static_cast<size_t>((o * n + (reverse ? n - 1 - j : j)) * inner + i));
    }
  return lines;
}

template <>
struct Generator<Cumsum> {
  static std::vector<Sample> samples() {
    return reduction_samples(
        "cumsum", true, true, {f32, f64, i32, i64, u8, boolean},
        [](Sample& s, unsigned axes, int rank, bool reverse, int) {
          const int axis = axis_of(axes);
          s.f = [=](const Tensors& x, float) { return cumsum(x[0], reverse ? axis - rank : axis, reverse); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e{x[0], {}};
            for (const auto& line : lines_of(shapes[0], axis, reverse)) {
              double sum = 0;
              for (size_t at : line) e.y[at] = sum += x[0][at];
            }
            return e;
          };
          s.ulps = s.inputs[0].dtype() == f32 ? 0.5 : 0;
        });
  }
};

template <>
struct Generator<ExclusiveProd> {
  static std::vector<Sample> samples() {
    auto all = reduction_samples(
        "exclusive_prod", true, true, {f32, f64}, [](Sample& s, unsigned axes, int, bool reverse, int draw) {
          const int axis = axis_of(axes);
          s.f = [=](const Tensors& x, float) {
            int64_t attrs[] = {axis, reverse};
            return Tensor(call_op<ExclusiveProd>(attrs, draw == 0 ? x[0] * 0.5 : x[0]));
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e{x[0], {}};
            for (const auto& line : lines_of(shapes[0], axis, reverse)) {
              double product = 1;
              for (size_t at : line) {
                e.y[at] = product;
                product *= draw == 0 ? x[0][at] * 0.5 : x[0][at];
              }
            }
            return e;
          };
          s.ulps = s.inputs[0].dtype() == f32 ? 0.5 : 0;
        });
    return all;
  }
};

template <>
struct Generator<Recurrence> {
  static std::vector<Sample> samples() {
    Rng rng(29);
    auto all = reduction_samples(
        "recurrence", true, true, {f32, f64}, [&rng](Sample& s, unsigned axes, int, bool reverse, int draw) {
          const int axis = axis_of(axes);
          const DType dtype = s.inputs[0].dtype();
          const Shape shape = s.inputs[0].shape();
          const auto layout = static_cast<Layout>(below(rng, 5));
          // Factors whose products stay in bounds: the second gradient multiplies them too.
          const double most = draw == 0 ? 0.9 : 3;
          s.inputs = {laid_out(shape, dtype, layout, drawing(rng, static_cast<Draw>(draw), dtype, -most, most)),
                      s.inputs[0]};
          s.smooth = s.smooth && layout != Layout::broadcast;
          s.f = [=](const Tensors& x, float) {
            int64_t attrs[] = {axis, reverse};
            return Tensor(call_op<Recurrence>(attrs, x[0], x[1]));
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e{x[1], {}};
            for (const auto& line : lines_of(shapes[0], axis, reverse)) {
              double y = 0;
              for (size_t k = 0; k < line.size(); ++k)
                e.y[line[k]] = y = k == 0 ? x[1][line[0]] : x[0][line[k]] * y + x[1][line[k]];
            }
            return e;
          };
          s.ulps = dtype == f32 ? 0.5 : 0;
        });
    return all;
  }
};

}  // namespace duet::testing
