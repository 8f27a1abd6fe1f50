// Samples of products: naive loops in f64 are the reference, errors are measured against the sum of magnitudes.
#pragma once

#include <fmt/format.h>

#include "ops/cases.h"

namespace duet::testing {

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
