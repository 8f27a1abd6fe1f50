// Samples of reductions: naive loops in f64 are the reference, errors are measured against the sum of magnitudes.
#pragma once

#include <fmt/format.h>

#include "ops/cases.h"

namespace duet::testing {

inline const std::vector<Shape>& reduce_shapes() {
  static const std::vector<Shape> shapes = {{},
                                            {0},
                                            {1},
                                            {2},
                                            {3},
                                            {17},
                                            {64},
                                            {65},
                                            {127},
                                            {129},
                                            {4097},
                                            {3, 128},
                                            {129, 5},
                                            {0, 3},
                                            {33, 2, 34},
                                            {2, 3, 4, 5},
                                            {2, 3, 2, 3, 2},
                                            {2, 4096}};
  return shapes;
}

/// Which axes a choice of the generator means for a rank.
inline unsigned chosen_axes(int choice, int rank) {
  const unsigned all = (1u << rank) - 1;
  if (rank == 0) return 0;
  switch (choice) {
    case 0:
      return all;
    case 1:
      return 1;
    case 2:
      return 1u << (rank - 1);
    case 3:
      return (1u << (rank / 2)) & all;
    default:
      return (1u | 1u << (rank - 1)) & all;
  }
}

inline Axes as_axes(unsigned mask, int rank, bool negative) {
  Axes axes;
  axes.count = 0;
  for (int a = 0; a < rank; ++a)
    if ((mask >> a) & 1u) axes.axis[axes.count++] = negative ? a - rank : a;
  return axes;
}

/// For each result the elements that belong to it, in row-major order.
inline std::vector<Values> groups_of(const Values& x, const Shape& shape, unsigned axes) {
  Shape kept;
  for (int a = 0; a < shape.rank(); ++a) kept.push_back((axes >> a) & 1u ? 1 : shape[a]);
  std::vector<Values> groups(static_cast<size_t>(kept.numel()));
  size_t i = 0;
  for_each_index(
      shape, [&](const auto& at) { groups[static_cast<size_t>(position(kept, at, shape.rank()))].push_back(x[i++]); });
  return groups;
}

inline double magnitude(const Values& x) {
  double s = 0;
  for (double v : x) s += std::abs(v);
  return s;
}

/// A sum's error: chains of at most 32 and trees over them, so 64 roundings are plenty.
inline constexpr double kSumRoundings = 64;

template <class Make>
std::vector<Sample> reduction_samples(const char* name, bool one_axis, bool allow_empty,
                                      const std::vector<DType>& dtypes, Make make) {
  Rng rng(4711);
  std::vector<Sample> all;
  for (const auto& row :
       pairwise({static_cast<int>(reduce_shapes().size()), static_cast<int>(dtypes.size()), 5, 3, 5, 4}, rng)) {
    Shape shape = reduce_shapes()[static_cast<size_t>(row[0])];
    if (!allow_empty && shape.numel() == 0) shape = {5, 2};
    if (one_axis && shape.rank() == 0) shape = {7};
    const DType dtype = dtypes[static_cast<size_t>(row[1])];
    const auto layout = static_cast<Layout>(row[2]);
    unsigned axes = chosen_axes(row[4], shape.rank());
    if (one_axis) axes = axes & (~axes + 1);
    Sample s;
    s.what = fmt::format("{} {}{} {} axes {:b} values {}", name, dtype, shape, kLayoutNames[row[2]], axes, row[3]);
    s.inputs = {laid_out(shape, dtype, layout, drawing(rng, static_cast<Draw>(row[3]), dtype))};
    s.isa = row[5] % 2 ? "v3" : "v4";
    s.threads = 1 + row[5] / 2;
    s.smooth = dtype == f64 && row[3] == 0 && layout != Layout::broadcast;
    make(s, axes, shape.rank(), row[5] % 2 != 0, row[3]);
    all.push_back(std::move(s));
  }
  return all;
}

template <>
struct Generator<Sum> {
  static std::vector<Sample> samples() {
    auto all = reduction_samples(
        "sum", false, true, {f32, f64, i32, i64, u8, boolean},
        [](Sample& s, unsigned axes, int rank, bool keepdims, int draw) {
          s.f = [=](const Tensors& x, float) {
            // The largest numbers overflow in one order of addition and not in another.
            Tensor v = draw == 1 && is_float(x[0].dtype()) ? where(abs(x[0]) > 1e38, 1.0f, x[0]) : x[0];
            return sum(v, {as_axes(axes, rank, keepdims), keepdims});
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e;
            Values v = x[0];
            if (draw == 1)
              for (double& y : v) y = std::abs(y) > 1e38 ? 1 : y;
            for (const Values& g : groups_of(v, shapes[0], axes)) {
              double sum = 0;
              for (double y : g) sum += y;
              e.y.push_back(sum);
              e.scale.push_back(kSumRoundings * magnitude(g));
            }
            return e;
          };
        });
    return all;
  }
};

/// The largest or the smallest of each group; NaN wins.
template <class Word>
std::vector<Sample> extremum_samples(const char* name, bool smallest, Word word) {
  return reduction_samples(name, false, false, {f32, f64, i32, i64, u8, boolean},
                           [=](Sample& s, unsigned axes, int rank, bool keepdims, int) {
                             s.f = [=](const Tensors& x, float) {
                               return word(x[0], {as_axes(axes, rank, keepdims), keepdims});
                             };
                             s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
                               Expected e;
                               for (const Values& g : groups_of(x[0], shapes[0], axes)) {
                                 double m = g[0];
                                 for (double y : g)
                                   if (y != y || (smallest ? y < m : y > m)) m = y;
                                 for (double y : g)
                                   if (y != y) m = y;
                                 e.y.push_back(m);
                               }
                               return e;
                             };
                           });
}

template <>
struct Generator<Max> {
  static std::vector<Sample> samples() {
    return extremum_samples("max", false, [](const Tensor& x, const ReduceOver& over) { return max(x, over); });
  }
};

template <>
struct Generator<Min> {
  static std::vector<Sample> samples() {
    return extremum_samples("min", true, [](const Tensor& x, const ReduceOver& over) { return min(x, over); });
  }
};

/// Where the first of them is.
template <class Word>
std::vector<Sample> place_samples(const char* name, bool smallest, Word word) {
  return reduction_samples(
      name, true, false, {f32, f64, i32, i64, u8, boolean},
      [=](Sample& s, unsigned axes, int rank, bool keepdims, int) {
        int axis = 0;
        while (!((axes >> axis) & 1u)) ++axis;
        s.f = [=](const Tensors& x, float) { return word(x[0], keepdims ? axis - rank : axis, keepdims); };
        s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
          Expected e;
          for (const Values& g : groups_of(x[0], shapes[0], axes)) {
            size_t best = 0;
            for (size_t i = 1; i < g.size(); ++i)
              if (g[best] == g[best] && (g[i] != g[i] || (smallest ? g[i] < g[best] : g[i] > g[best]))) best = i;
            e.y.push_back(static_cast<double>(best));
          }
          return e;
        };
        s.smooth = false;
      });
}

template <>
struct Generator<Argmax> {
  static std::vector<Sample> samples() {
    return place_samples("argmax", false, [](const Tensor& x, int axis, bool keep) { return argmax(x, axis, keep); });
  }
};

template <>
struct Generator<Argmin> {
  static std::vector<Sample> samples() {
    return place_samples("argmin", true, [](const Tensor& x, int axis, bool keep) { return argmin(x, axis, keep); });
  }
};

/// Factors whose product neither overflows nor underflows on the way, whatever the order; 0, inf and NaN stay.
inline Tensor tame_factors(const Tensor& x, int draw) {
  if (draw == 0) return x * 0.1 + 1.0;
  const Tensor size = abs(x);
  return where(size > 2.0, where(size < INFINITY, 1.5, x), where(size < 1e-3, where(x == 0.0, x, 1.5), x));
}
inline double tame_factor(double x, int draw) {
  const double size = std::abs(x);
  if (draw == 0) return x * 0.1 + 1;
  return (size > 2 && size < INFINITY) || (size < 1e-3 && x != 0) ? 1.5 : x;
}

template <>
struct Generator<Prod> {
  static std::vector<Sample> samples() {
    auto all = reduction_samples(
        "prod", false, true, {f32, f64, i32, i64, u8, boolean},
        [](Sample& s, unsigned axes, int rank, bool keepdims, int draw) {
          const bool floating = is_float(s.inputs[0].dtype());
          s.f = [=](const Tensors& x, float) {
            return prod(floating ? tame_factors(x[0], draw) : x[0], {as_axes(axes, rank, keepdims), keepdims});
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e;
            for (const Values& g : groups_of(x[0], shapes[0], axes)) {
              double product = 1;
              uint64_t wrapped = 1;
              for (double y : g) {
                if (floating)
                  product *= tame_factor(y, draw);
                else
                  wrapped *= static_cast<uint64_t>(static_cast<int64_t>(y));
              }
              e.y.push_back(floating ? product : static_cast<double>(static_cast<int64_t>(wrapped)));
              // The factors of plain draws are rounded themselves.
              e.scale.push_back((kSumRoundings + 2 * static_cast<double>(g.size())) * std::abs(product));
            }
            return e;
          };
        });
    // Zeros: the product of the others is no quotient.
    for (const auto& [shape, axes] : {std::pair(Shape{5}, 1u),
                                      {Shape{3, 4}, 2u},
                                      {Shape{4, 3}, 1u},
                                      {Shape{2, 3, 4}, 5u},
                                      {Shape{2, 3}, 3u},
                                      {Shape{}, 0u}})
      for (int zeros : {1, 2, 7}) {
        Rng rng(static_cast<Rng::result_type>(zeros));
        Sample s;
        s.what = fmt::format("prod f64{} axes {:b} with {} zeros", shape, axes, zeros);
        int turn = 0;
        s.inputs = {laid_out(shape, f64, Layout::dense, [&, draw = drawing(rng, Draw::plain, f64)] {
          const double x = draw();
          return ++turn % 7 < zeros ? 0.0 : x;
        })};
        s.f = [axes = axes, rank = shape.rank()](const Tensors& x, float) {
          return prod(x[0], {as_axes(axes, rank, false), false});
        };
        s.reference = [axes = axes](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
          Expected e;
          for (const Values& g : groups_of(x[0], shapes[0], axes)) {
            double product = 1;
            for (double y : g) product *= y;
            e.y.push_back(product);
            e.scale.push_back(kSumRoundings * std::abs(product));
          }
          return e;
        };
        s.smooth = true;
        all.push_back(std::move(s));
      }
    return all;
  }
};

/// Whether some or all elements are true. Of floating draws only a few are, or are not.
template <class Word>
std::vector<Sample> truth_samples(const char* name, bool all_of_them, Word word) {
  return reduction_samples(
      name, false, true, {f32, f64, i32, i64, u8, boolean},
      [=](Sample& s, unsigned axes, int rank, bool keepdims, int) {
        const bool floating = is_float(s.inputs[0].dtype());
        s.f = [=](const Tensors& x, float) {
          Tensor v = !floating ? x[0] : all_of_them ? where(x[0] > 2.8, 0.0, x[0]) : where(abs(x[0]) < 2.8, 0.0, x[0]);
          return word(v, {as_axes(axes, rank, keepdims), keepdims});
        };
        s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
          Expected e;
          for (const Values& g : groups_of(x[0], shapes[0], axes)) {
            bool truth = all_of_them;
            for (double y : g) {
              if (floating && (all_of_them ? y > 2.8 : std::abs(y) < 2.8)) y = 0;
              truth = all_of_them ? truth && y != 0 : truth || y != 0;
            }
            e.y.push_back(truth);
          }
          return e;
        };
        s.smooth = false;
      });
}

template <>
struct Generator<Any> {
  static std::vector<Sample> samples() {
    return truth_samples("reduce_any", false,
                         [](const Tensor& x, const ReduceOver& over) { return reduce_any(x, over); });
  }
};

template <>
struct Generator<All> {
  static std::vector<Sample> samples() {
    return truth_samples("reduce_all", true,
                         [](const Tensor& x, const ReduceOver& over) { return reduce_all(x, over); });
  }
};

}  // namespace duet::testing
