// Samples of ops with an index an element: duplicates, negative indices, axes that repeat.
#pragma once

#include "ops/index_cases.h"

namespace duet::testing {

/// What a sample of these ops has: the axis, and the shapes of the index as given and as it repeats.
struct AlongCase {
  int axis;
  Shape index, picked;
};

/// Completes samples with an index; every fourth repeats an axis beside the one it picks along.
template <class Make>
std::vector<Sample> along_samples(const char* name, const std::vector<DType>& dtypes, Make make) {
  Rng rng(21);
  return movement_samples(name, 1, dtypes, [&](Sample& s, const Shape& given, DType dtype, int choice) {
    AlongCase c;
    c.axis = (choice + 1) % given.rank();
    Shape shape = given;
    if (shape[c.axis] == 0)
      shape[c.axis] = 2, s.inputs[0] = laid_out(shape, dtype, Layout::dense, drawing(rng, Draw::plain, dtype));
    c.picked = shape;
    c.picked[c.axis] = choice == 3 ? 0 : 1 + below(rng, 4) + (choice == 2 ? 3 : 0);  // few positions: duplicates
    c.index = c.picked;
    if (choice == 1 && shape.rank() > 1) c.index[(c.axis + 1) % shape.rank()] = 1;
    const DType type = choice == 2 ? u8 : choice % 2 ? i64 : i32;
    s.inputs.push_back(indices(rng, c.index, shape[c.axis], type, type != u8));
    make(s, shape, c, dtype, rng);
  });
}

/// Position in x of what the index says for element `at` of the picked shape.
inline int64_t along_position(const Shape& shape, At at, const AlongCase& c, const Values& index) {
  const auto k = index[static_cast<size_t>(position(c.index, at, shape.rank()))];
  at[static_cast<size_t>(c.axis)] = static_cast<int64_t>(k < 0 ? k + static_cast<double>(shape[c.axis]) : k);
  return position(shape, at, shape.rank());
}

template <>
struct Generator<TakeAlongAxis> {
  static std::vector<Sample> samples() {
    return along_samples(
        "take_along_axis", kAllDTypes, [](Sample& s, const Shape& shape, const AlongCase& c, DType, Rng&) {
          s.f = [=](const Tensors& x, float) { return take_along_axis(x[0], x[1], c.axis - shape.rank()); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
            Expected e;
            for_each_index(c.picked, [&](const At& at) {
              e.y.push_back(x[0][static_cast<size_t>(along_position(shape, at, c, x[1]))]);
            });
            return e;
          };
        });
  }
};

template <>
struct Generator<ScatterAddAlongAxis> {
  static std::vector<Sample> samples() {
    return along_samples(
        "scatter_add_along_axis", {f32, f64, i32, i64, u8},
        [](Sample& s, const Shape& shape, const AlongCase& c, DType dtype, Rng& rng) {
          s.inputs.push_back(
              laid_out(c.picked, dtype, static_cast<Layout>(below(rng, 5)), drawing(rng, Draw::plain, dtype)));
          s.f = [=](const Tensors& x, float) { return scatter_add_along_axis(x[0], x[1], x[2], c.axis); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
            Expected e{x[0], {}};
            for (double v : x[0]) e.scale.push_back(std::abs(v) * 8);
            size_t k = 0;
            for_each_index(c.picked, [&](const At& at) {
              const auto to = static_cast<size_t>(along_position(shape, at, c, x[1]));
              e.y[to] += x[2][k];
              e.scale[to] += 8 * std::abs(x[2][k++]);
            });
            if (dtype == u8)
              for (double& v : e.y) v = static_cast<double>(static_cast<uint8_t>(v));
            return e;
          };
        });
  }
};

}  // namespace duet::testing
