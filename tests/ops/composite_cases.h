// Samples of operations made of others.
#pragma once

#include <fmt/format.h>

#include "ops/reduce_cases.h"

namespace duet::testing {

inline const std::vector<Shape> kShapes = {
    {1}, {2}, {3}, {17}, {64}, {65}, {3, 17}, {0, 3}, {2, 3, 5}, {2, 1, 3, 4}, {2, 2, 2, 3, 3}, {4, 129}};

/// Samples over shapes, float types, layouts and machines; `make` completes each.
template <class Make>
std::vector<Sample> composite_samples(std::string_view name, Make make) {
  Rng rng(17);
  std::vector<Sample> all;
  for (const auto& row : pairwise({static_cast<int>(kShapes.size()), 2, 5, 4, 3}, rng)) {
    const Shape shape = kShapes[static_cast<size_t>(row[0])];
    const DType dtype = row[1] ? f64 : f32;
    Sample s;
    s.what = fmt::format("{} {}{} {} choice {}", std::string(name), dtype, shape, kLayoutNames[row[2]], row[4]);
    s.inputs = {laid_out(shape, dtype, static_cast<Layout>(row[2]), drawing(rng, Draw::plain, dtype))};
    s.isa = row[3] % 2 ? "v3" : "v4";
    s.threads = 1 + row[3] / 2;
    s.fuses = true;
    make(s, shape, dtype, static_cast<Layout>(row[2]), row[4], rng);
    // The maximum's gradient jumps where elements are equal.
    s.smooth = s.smooth && dtype == f64;
    all.push_back(std::move(s));
  }
  return all;
}

}  // namespace duet::testing
