// Samples of ops that put other elements around or in place of some.
#pragma once

#include "ops/movement_cases.h"

namespace duet::testing {

template <>
struct Generator<Pad> {
  static std::vector<Sample> samples() {
    return movement_samples("pad", 0, kAllDTypes, [](Sample& s, const Shape& shape, DType dtype, int choice) {
      std::vector<std::pair<int64_t, int64_t>> pairs;
      Shape out = shape;
      for (int a = 0; a < shape.rank(); ++a) {
        pairs.emplace_back((a + choice) % 3, choice == 2 ? 0 : (2 * a + choice) % 4);
        out[a] += pairs.back().first + pairs.back().second;
      }
      const bool number = is_float(dtype) && choice % 2 == 1;
      s.f = [=](const Tensors& x, float n) {
        if (number) return pad(x[0], pairs, n);
        return choice == 2 ? pad(x[0], pairs, 1) : pad(x[0], pairs);
      };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double n) {
        Expected e;
        for_each_index(out, [&](At at) {
          bool inside = true;
          for (int a = 0; a < shape.rank(); ++a) {
            auto& i = at[static_cast<size_t>(a)];
            i -= pairs[static_cast<size_t>(a)].first;
            inside = inside && i >= 0 && i < shape[a];
          }
          e.y.push_back(inside ? element(x[0], shape, at) : number ? n : choice == 2 ? 1 : 0);
        });
        return e;
      };
    });
  }
};

/// Samples of a triangle; `kept(row, column, k)` says what is not zero.
template <class Call, class Kept>
std::vector<Sample> triangle_samples(const char* name, Call call, Kept kept) {
  return movement_samples(name, 2, kAllDTypes, [=](Sample& s, const Shape& shape, DType, int choice) {
    const int64_t k = choice == 3 ? 100 : choice - 1;
    s.f = [=](const Tensors& x, float) { return call(x[0], k); };
    s.reference = picking(shape, [=](const Values& x, const Shape& in, const At& at) {
      const auto r = static_cast<size_t>(in.rank());
      return kept(at[r - 2], at[r - 1], k) ? element(x, in, at) : 0.0;
    });
  });
}

template <>
struct Generator<Tril> {
  static std::vector<Sample> samples() {
    return triangle_samples(
        "tril", [](const Tensor& x, int64_t k) { return tril(x, k); },
        [](int64_t i, int64_t j, int64_t k) { return j <= i + k; });
  }
};

template <>
struct Generator<Triu> {
  static std::vector<Sample> samples() {
    return triangle_samples(
        "triu", [](const Tensor& x, int64_t k) { return triu(x, k); },
        [](int64_t i, int64_t j, int64_t k) { return j >= i + k; });
  }
};

template <>
struct Generator<Update> {
  static std::vector<Sample> samples() {
    Rng rng(31);
    return movement_samples("update", 1, kAllDTypes, [&](Sample& s, const Shape& shape, DType dtype, int choice) {
      const int axis = choice % shape.rank();
      const int64_t extent = shape[axis];
      const int64_t start = choice == 0 ? 0 : std::min<int64_t>(extent, choice);
      Shape part = shape;
      part[axis] = choice == 0 ? extent : choice == 3 ? 0 : (extent - start + 1) / 2;  // all, some, or nothing
      s.inputs.push_back(laid_out(part, dtype, static_cast<Layout>(below(rng, 5)), drawing(rng, Draw::plain, dtype)));
      // A start counted from the end, where that says the same.
      const int64_t given = choice == 2 && start < extent ? start - extent : start;
      s.f = [=](const Tensors& x, float) { return update(x[0], axis, given, x[1]); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for_each_index(shape, [&](At at) {
          const double old = element(x[0], shape, at);
          auto& i = at[static_cast<size_t>(axis)];
          i -= start;
          e.y.push_back(i >= 0 && i < part[axis] ? element(x[1], part, at) : old);
        });
        return e;
      };
    });
  }
};

}  // namespace duet::testing
