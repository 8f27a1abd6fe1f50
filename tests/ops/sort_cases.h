// Samples of sorts: std::sort over values in f64, and positions where those are equal, is the reference.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "ops/scan_cases.h"

namespace duet::testing {

/// Positions of a line's elements in order: NaN is larger than any number, equal ones keep theirs.
inline std::vector<size_t> sorted_places(const Values& x, bool descending) {
  std::vector<size_t> places(x.size());
  std::iota(places.begin(), places.end(), size_t{0});
  auto less = [](double a, double b) { return a < b || (a == a && b != b); };
  std::sort(places.begin(), places.end(), [&](size_t a, size_t b) {
    if (less(x[a], x[b]) || less(x[b], x[a])) return descending ? less(x[b], x[a]) : less(x[a], x[b]);
    return a < b;
  });
  return places;
}

/// What a sample looks at: the values, where they were, or both.
enum class Seen { values, indices, both };

inline Tensor seen_of(const Sorted& s, Seen seen) {
  if (seen == Seen::values) return s.values;
  if (seen == Seen::indices) return s.indices;
  return is_float(s.values.dtype()) ? s.values * 2 + s.indices.to(s.values.dtype()) : s.values.to(i64) + s.indices;
}

/// The first `keep` of each line in order, as seen_of shows them.
inline Expected sorted_reference(const Values& x, const Shape& shape, int axis, int64_t keep, bool descending,
                                 Seen seen, DType dtype) {
  Shape kept = shape;
  kept[axis] = keep;
  Expected e{Values(static_cast<size_t>(kept.numel())), {}};
  const auto from = lines_of(shape, axis), to = lines_of(kept, axis);
  for (size_t l = 0; l < to.size(); ++l) {
    Values line;
    for (size_t at : from[l]) line.push_back(x[at]);
    const std::vector<size_t> places = sorted_places(line, descending);
    for (size_t i = 0; i < to[l].size(); ++i) {
      const double value = line[places[i]], place = static_cast<double>(places[i]);
      double& y = e.y[to[l][i]];
      y = seen == Seen::values    ? value
          : seen == Seen::indices ? place
          : is_float(dtype)       ? value * 2 + place
                                  : value + place;
    }
  }
  return e;
}

/// Numbers that change places within a difference's step have no derivative: short lines have none.
inline bool apart(const Shape& shape, int axis) { return shape[axis] < 70; }

template <>
struct Generator<Sort> {
  static std::vector<Sample> samples() {
    int turn = 0;
    return reduction_samples(
        "sort", true, true, {f32, f64, i32, i64, u8, boolean},
        [&turn](Sample& s, unsigned axes, int rank, bool descending, int) {
          const int axis = axis_of(axes);
          const Seen seen = static_cast<Seen>(turn++ % 3);
          const DType dtype = s.inputs[0].dtype();
          s.what += fmt::format(" descending {} seen {}", descending, static_cast<int>(seen));
          s.f = [=](const Tensors& x, float) {
            if (seen == Seen::indices) return argsort(x[0], axis, descending);
            return seen_of(sort(x[0], descending ? axis - rank : axis, descending), seen);
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            return sorted_reference(x[0], shapes[0], axis, shapes[0][axis], descending, seen, dtype);
          };
          s.ulps = seen == Seen::both && is_float(dtype) ? 1 : 0;
          s.smooth = s.smooth && seen != Seen::indices && apart(s.inputs[0].shape(), axis);
        });
  }
};

template <>
struct Generator<TopK> {
  static std::vector<Sample> samples() {
    int turn = 0;
    return reduction_samples(
        "topk", true, true, {f32, f64, i32, i64, u8, boolean}, [&turn](Sample& s, unsigned axes, int, bool half, int) {
          const int axis = axis_of(axes);
          const Seen seen = static_cast<Seen>(turn++ % 3);
          const DType dtype = s.inputs[0].dtype();
          const int64_t n = s.inputs[0].shape(axis), k = half            ? (n + 1) / 2
                                                         : turn % 5 == 0 ? n
                                                                         : std::min<int64_t>(n, 3);
          s.what += fmt::format(" k {} seen {}", k, static_cast<int>(seen));
          s.f = [=](const Tensors& x, float) { return seen_of(topk(x[0], k, axis), seen); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            return sorted_reference(x[0], shapes[0], axis, k, true, seen, dtype);
          };
          s.ulps = seen == Seen::both && is_float(dtype) ? 1 : 0;
          s.smooth = s.smooth && seen != Seen::indices && apart(s.inputs[0].shape(), axis);
        });
  }
};

/// Samples over shapes whose last axis is sorted: the second input is what the order comes from.
template <class Make>
std::vector<Sample> order_samples(const char* name, Make make) {
  Rng rng(37);
  std::vector<Sample> all;
  const std::vector<Shape> shapes = {{1}, {17}, {5000}, {3, 128}, {0, 3}, {2, 0}, {33, 2, 34}, {2, 3, 4, 5}};
  for (const auto& row : pairwise({static_cast<int>(shapes.size()), kComputedDTypes, 5, 3, 4}, rng)) {
    const Shape& shape = shapes[static_cast<size_t>(row[0])];
    const auto dtype = static_cast<DType>(row[1]);
    const auto layout = static_cast<Layout>(row[2]);
    const int64_t n = shape[shape.rank() - 1], k = row[3] == 0 ? n : row[3] == 1 ? n / 2 : 0;
    Sample s;
    s.what = fmt::format("{} {}{} {} k {}", name, dtype, shape, kLayoutNames[row[2]], k);
    Shape kept = shape;
    kept[shape.rank() - 1] = k;
    s.isa = row[4] % 2 ? "v3" : "v4";
    s.threads = 1 + row[4] / 2;
    s.smooth = dtype == f64 && layout != Layout::broadcast;
    make(s, shape, kept, dtype, layout, rng);
    s.inputs.push_back(laid_out(shape, f32, Layout::dense, drawing(rng, Draw::plain, f32)));
    all.push_back(std::move(s));
  }
  return all;
}

template <>
struct Generator<Unsort> {
  static std::vector<Sample> samples() {
    return order_samples("unsort",
                         [](Sample& s, const Shape& shape, const Shape& kept, DType dtype, Layout layout, Rng& rng) {
                           const int axis = shape.rank() - 1;
                           const int64_t n = shape[axis], k = kept[axis];
                           s.inputs = {laid_out(kept, dtype, layout, drawing(rng, Draw::plain, dtype))};
                           s.f = [=](const Tensors& x, float) {
                             int64_t attrs[] = {n};
                             return Tensor(call_op<Unsort>(attrs, x[0], argsort(x[1]).slice(axis, 0, k)));
                           };
                           s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
                             Expected e{Values(static_cast<size_t>(shape.numel())), {}};
                             const auto from = lines_of(kept, axis), to = lines_of(shape, axis);
                             for (size_t l = 0; l < to.size(); ++l) {
                               Values line;
                               for (size_t at : to[l]) line.push_back(x[1][at]);
                               const std::vector<size_t> places = sorted_places(line, false);
                               for (size_t i = 0; i < from[l].size(); ++i) e.y[to[l][places[i]]] = x[0][from[l][i]];
                             }
                             return e;
                           };
                         });
  }
};

template <>
struct Generator<Resort> {
  static std::vector<Sample> samples() {
    return order_samples("resort",
                         [](Sample& s, const Shape& shape, const Shape& kept, DType dtype, Layout layout, Rng& rng) {
                           const int axis = shape.rank() - 1;
                           const int64_t k = kept[axis];
                           s.inputs = {laid_out(shape, dtype, layout, drawing(rng, Draw::plain, dtype))};
                           s.f = [=](const Tensors& x, float) {
                             return Tensor(call_op<Resort>({}, x[0], argsort(x[1], -1, true).slice(axis, 0, k)));
                           };
                           s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
                             Expected e{Values(static_cast<size_t>(kept.numel())), {}};
                             const auto from = lines_of(shape, axis), to = lines_of(kept, axis);
                             for (size_t l = 0; l < to.size(); ++l) {
                               Values line;
                               for (size_t at : from[l]) line.push_back(x[1][at]);
                               const std::vector<size_t> places = sorted_places(line, true);
                               for (size_t i = 0; i < to[l].size(); ++i) e.y[to[l][i]] = x[0][from[l][places[i]]];
                             }
                             return e;
                           };
                         });
  }
};

}  // namespace duet::testing
