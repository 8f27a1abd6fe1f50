// Samples of ops with indices in their data.
#pragma once

#include "ops/movement_cases.h"

namespace duet::testing {

/// Integers in [0, n), or in [−n, n).
inline Tensor indices(Rng& rng, const Shape& shape, int64_t n, DType dtype, bool negative) {
  return laid_out(shape, dtype, static_cast<Layout>(below(rng, 3)), [&, n, negative] {
    return static_cast<double>(below(rng, n) - (negative && below(rng, 2) ? n : 0));
  });
}

/// Completes a sample with an index of its own; gather and scatter_add share it.
template <class Make>
std::vector<Sample> index_samples(const char* name, const std::vector<DType>& dtypes, Make make) {
  Rng rng(5);
  return movement_samples(name, 1, dtypes, [&](Sample& s, const Shape& given, DType dtype, int choice) {
    Shape shape = given;
    const int axis = choice % shape.rank();
    if (shape[axis] == 0)
      shape[axis] = 1, s.inputs[0] = laid_out(shape, dtype, Layout::dense, drawing(rng, Draw::plain, dtype));
    const Shape at = choice == 0 ? Shape{5} : choice == 1 ? Shape{} : choice == 2 ? Shape{2, 3} : Shape{0};
    const DType index_type = choice == 3 ? u8 : choice % 2 ? i64 : i32;
    const Shape index_shape = shape.rank() == 5 ? Shape{4} : at;
    s.inputs.push_back(indices(rng, index_shape, shape[axis], index_type, index_type != u8));
    Shape picked;
    for (int a = 0; a < shape.rank(); ++a) {
      if (a != axis)
        picked.push_back(shape[a]);
      else
        for (int64_t d : index_shape) picked.push_back(d);
    }
    make(s, shape, axis, index_shape, picked, dtype, rng);
  });
}

/// Where element `at` of the picked shape comes from.
inline At picked_from(At at, int axis, const Shape& index_shape, const Values& index, const Shape& shape) {
  At from{}, in_index{};
  for (int a = 0; a < index_shape.rank(); ++a) in_index[static_cast<size_t>(a)] = at[static_cast<size_t>(axis + a)];
  const double i = element(index, index_shape, in_index);
  for (int a = 0; a < shape.rank(); ++a) {
    if (a < axis)
      from[static_cast<size_t>(a)] = at[static_cast<size_t>(a)];
    else if (a > axis)
      from[static_cast<size_t>(a)] = at[static_cast<size_t>(a + index_shape.rank() - 1)];
    else
      from[static_cast<size_t>(a)] = static_cast<int64_t>(i < 0 ? i + static_cast<double>(shape[axis]) : i);
  }
  return from;
}

template <>
struct Generator<Gather> {
  static std::vector<Sample> samples() {
    return index_samples(
        "gather", kAllDTypes,
        [](Sample& s, const Shape& shape, int axis, const Shape& index_shape, const Shape& picked, DType, Rng&) {
          s.f = [=](const Tensors& x, float) { return gather(x[0], x[1], axis); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
            Expected e;
            for_each_index(picked, [&](const auto& at) {
              e.y.push_back(element(x[0], shape, picked_from(at, axis, index_shape, x[1], shape)));
            });
            return e;
          };
        });
  }
};

template <>
struct Generator<ScatterAdd> {
  static std::vector<Sample> samples() {
    return index_samples("scatter_add", {f32, f64, i32, i64, u8},
                         [](Sample& s, const Shape& shape, int axis, const Shape& index_shape, const Shape& picked,
                            DType dtype, Rng& rng) {
                           s.inputs.push_back(laid_out(picked, dtype, static_cast<Layout>(below(rng, 5)),
                                                       drawing(rng, Draw::plain, dtype)));
                           s.f = [=](const Tensors& x, float) { return scatter_add(x[0], x[1], x[2], axis); };
                           s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
                             Expected e{x[0], {}};
                             for (double v : x[0]) e.scale.push_back(std::abs(v) * 8);
                             size_t k = 0;
                             for_each_index(picked, [&](const auto& at) {
                               const auto to = static_cast<size_t>(
                                   position(shape, picked_from(at, axis, index_shape, x[1], shape), shape.rank()));
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

template <>
struct Generator<OneHot> {
  static std::vector<Sample> samples() {
    Rng rng(8);
    return movement_samples("one_hot", 0, {i32, i64, u8}, [&](Sample& s, const Shape& shape, DType dtype, int choice) {
      const DType to = choice == 0 ? f32 : choice == 1 ? f64 : choice == 2 ? boolean : i32;
      const int64_t classes = 1 + choice * 7;
      s.inputs = {laid_out(shape, dtype, static_cast<Layout>(choice),
                           [&, classes] { return static_cast<double>(below(rng, classes)); })};
      s.f = [=](const Tensors& x, float) { return one_hot(x[0], classes, to); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (double label : x[0])
          for (int64_t c = 0; c < classes; ++c) e.y.push_back(static_cast<double>(c) == label);
        return e;
      };
    });
  }
};

template <>
struct Generator<Take> {
  static std::vector<Sample> samples() {
    Rng rng(41);
    return movement_samples("take", 0, kAllDTypes, [&](Sample& s, const Shape& given, DType dtype, int choice) {
      Shape shape = given;
      if (shape.numel() == 0)
        s.inputs[0] = laid_out(shape = {3, 2}, dtype, Layout::transposed, drawing(rng, Draw::plain, dtype));
      const Shape at = choice == 0 ? Shape{} : choice == 1 ? Shape{7} : choice == 2 ? Shape{2, 3} : Shape{0};
      const Tensor index = laid_out(at, choice == 1 ? i32 : i64, Layout::dense,
                                    [&] { return static_cast<double>(below(rng, 2 * shape.numel()) - shape.numel()); });
      s.inputs.push_back(index);
      s.f = [](const Tensors& x, float) { return take(x[0], x[1]); };
      s.reference = [](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (double k : x[1])
          e.y.push_back(x[0][static_cast<size_t>(k < 0 ? k + static_cast<double>(x[0].size()) : k)]);
        return e;
      };
    });
  }
};

template <>
struct Generator<Embedding> {
  static std::vector<Sample> samples() {
    Rng rng(12);
    return movement_samples("embedding", 2, kAllDTypes, [&](Sample& s, const Shape& given, DType dtype, int choice) {
      const Shape shape{given.numel() == 0 ? 3 : given[1], given.numel() == 0 ? 0 : given[0]};
      s.inputs = {laid_out(shape, dtype, static_cast<Layout>(choice), drawing(rng, Draw::plain, dtype))};
      const Shape at = choice == 0 ? Shape{} : choice == 1 ? Shape{5} : choice == 2 ? Shape{2, 3} : Shape{0, 2};
      s.inputs.push_back(indices(rng, at, shape[0], choice % 2 ? i64 : choice == 2 ? u8 : i32, false));
      s.f = [](const Tensors& x, float) { return embedding(x[0], x[1]); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (double id : x[1])
          for (int64_t c = 0; c < shape[1]; ++c)
            e.y.push_back(x[0][static_cast<size_t>(static_cast<int64_t>(id) * shape[1] + c)]);
        return e;
      };
    });
  }
};

}  // namespace duet::testing
