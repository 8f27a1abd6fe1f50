// Samples of reductions and products: naive loops in f64 are the reference, errors are measured against the sum of
// magnitudes.
#pragma once

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

template <>
struct Generator<Max> {
  static std::vector<Sample> samples() {
    return reduction_samples(
        "max", false, false, {f32, f64, i32, i64, u8, boolean},
        [](Sample& s, unsigned axes, int rank, bool keepdims, int) {
          s.f = [=](const Tensors& x, float) { return max(x[0], {as_axes(axes, rank, keepdims), keepdims}); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e;
            for (const Values& g : groups_of(x[0], shapes[0], axes)) {
              double m = g[0];
              for (double y : g)
                if (y != y || y > m) m = y;
              for (double y : g)
                if (y != y) m = y;
              e.y.push_back(m);
            }
            return e;
          };
        });
  }
};

template <>
struct Generator<Argmax> {
  static std::vector<Sample> samples() {
    return reduction_samples(
        "argmax", true, false, {f32, f64, i32, i64, u8, boolean},
        [](Sample& s, unsigned axes, int rank, bool keepdims, int) {
          int axis = 0;
          while (!((axes >> axis) & 1u)) ++axis;
          s.f = [=](const Tensors& x, float) { return argmax(x[0], keepdims ? axis - rank : axis, keepdims); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e;
            for (const Values& g : groups_of(x[0], shapes[0], axes)) {
              size_t best = 0;
              for (size_t i = 1; i < g.size(); ++i)
                if (g[best] == g[best] && (g[i] != g[i] || g[i] > g[best])) best = i;
              e.y.push_back(static_cast<double>(best));
            }
            return e;
          };
          s.smooth = false;
        });
  }
};

/// a[…,M,K]·b[…,K,N] by three loops; vectors get the axis they lack.
inline Expected naive_matmul(const Values& a, Shape sa, const Values& b, Shape sb) {
  if (sa.rank() == 1) sa = {1, sa[0]};
  if (sb.rank() == 1) sb = {sb[0], 1};
  const int64_t m = sa[sa.rank() - 2], k = sa[sa.rank() - 1], n = sb[sb.rank() - 1];
  const Shape ba(sa.begin(), sa.rank() - 2), bb(sb.begin(), sb.rank() - 2);
  Shape batch;
  broadcast_shapes(ba, bb, batch);
  Expected e;
  for_each_index(batch, [&](const auto& at) {
    const int64_t pa = position(ba, at, batch.rank()) * m * k, pb = position(bb, at, batch.rank()) * k * n;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0, size = 0;
        for (int64_t l = 0; l < k; ++l) {
          const double p = a[static_cast<size_t>(pa + i * k + l)] * b[static_cast<size_t>(pb + l * n + j)];
          sum += p;
          size += std::abs(p);
        }
        e.y.push_back(sum);
        e.scale.push_back(static_cast<double>(std::min<int64_t>(k, 256) + 8) * size);
      }
  });
  return e;
}

template <>
struct Generator<Matmul> {
  static std::vector<Sample> samples() {
    Rng rng(31);
    const std::vector<std::pair<Shape, Shape>> shapes = {{{1, 1}, {1, 1}},
                                                         {{2, 3}, {3, 17}},
                                                         {{3, 0}, {0, 2}},
                                                         {{0, 4}, {4, 3}},
                                                         {{17, 64}, {64, 65}},
                                                         {{65, 65}, {65, 3}},
                                                         {{64, 17}, {17, 64}},
                                                         {{4, 300}, {300, 5}},
                                                         {{2, 3, 4}, {2, 4, 5}},
                                                         {{3, 4}, {2, 4, 5}},
                                                         {{2, 1, 3, 4}, {3, 4, 2}},
                                                         {{2, 3, 17}, {17, 3}},
                                                         {{1, 2, 2, 3, 3}, {2, 1, 3, 2}},
                                                         {{64}, {64, 3}},
                                                         {{3, 17}, {17}},
                                                         {{65}, {65}},
                                                         {{130, 70}, {70, 100}}};
    std::vector<Sample> all;
    for (const auto& row : pairwise({static_cast<int>(shapes.size()), 2, 5, 5, 2, 4}, rng)) {
      const auto& [a, b] = shapes[static_cast<size_t>(row[0])];
      Sample s;
      const DType dtype = row[1] ? f64 : f32;
      s.what = fmt::format("matmul {} {} {} · {} {}", dtype, a, kLayoutNames[row[2]], b, kLayoutNames[row[3]]);
      auto draw = drawing(rng, row[4] ? Draw::wide : Draw::plain, dtype);
      if (row[4]) draw = [draw] { return std::clamp(draw(), -1e15, 1e15); };
      s.inputs = {laid_out(a, dtype, static_cast<Layout>(row[2]), draw),
                  laid_out(b, dtype, static_cast<Layout>(row[3]), draw)};
      s.f = [](const Tensors& x, float) { return matmul(x[0], x[1]); };
      s.reference = [](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
        return naive_matmul(x[0], sh[0], x[1], sh[1]);
      };
      s.isa = row[5] % 2 ? "v3" : "v4";
      s.threads = 1 + row[5] / 2;
      s.smooth = dtype == f64 && row[4] == 0 && a.numel() < 2000;
      s.fuses = true;
      all.push_back(std::move(s));
    }
    return all;
  }
};

}  // namespace duet::testing
