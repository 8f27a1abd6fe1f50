// Samples of ops that move, pick or make elements: exact, against loops over indices.
#pragma once

#include <fmt/format.h>

#include "duet/random.h"
#include "half_reference.h"
#include "ops/cases.h"

namespace duet::testing {

inline const std::vector<DType> kAllDTypes = {f32, f64, i32, i64, u8, boolean, f16, bf16};

inline const std::vector<Shape>& movement_shapes() {
  static const std::vector<Shape> shapes = {{},   {0},     {1},    {2},       {17},         {64},
                                            {65}, {3, 17}, {0, 3}, {4, 1, 6}, {2, 3, 4, 5}, {2, 1, 2, 3, 2}};
  return shapes;
}

using At = std::array<int64_t, kMaxRank>;
using Picked = std::function<double(const Values& x, const Shape& shape, const At& at)>;

/// A reference that says for each element of the result where it comes from.
inline auto picking(Shape out, Picked pick) {
  return [out, pick](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
    Expected e;
    for_each_index(out, [&](const auto& at) { e.y.push_back(pick(x[0], shapes[0], at)); });
    return e;
  };
}
inline double element(const Values& x, const Shape& shape, const At& at) {
  return x[static_cast<size_t>(position(shape, at, shape.rank()))];
}

/// Samples over shapes, dtypes, layouts and values; `make` completes each, with a choice in 0 to 3 of its own.
template <class Make>
std::vector<Sample> movement_samples(const char* name, int min_rank, const std::vector<DType>& dtypes, Make make) {
  Rng rng(99);
  std::vector<Sample> all;
  for (const auto& row :
       pairwise({static_cast<int>(movement_shapes().size()), static_cast<int>(dtypes.size()), 5, 2, 4, 4}, rng)) {
    const Shape shape = movement_shapes()[static_cast<size_t>(row[0])];
    if (shape.rank() < min_rank) continue;
    Sample s;
    const DType dtype = dtypes[static_cast<size_t>(row[1])];
    s.what = fmt::format("{} {}{} {} choice {}", name, dtype, shape, kLayoutNames[row[2]], row[4]);
    s.inputs = {laid_out(shape, dtype, static_cast<Layout>(row[2]), drawing(rng, static_cast<Draw>(row[3]), dtype))};
    s.isa = row[5] % 2 ? "v3" : "v4";
    s.threads = 1 + row[5] / 2;
    s.smooth = dtype == f64 && row[3] == 0;
    make(s, shape, dtype, row[4]);
    all.push_back(std::move(s));
  }
  return all;
}

template <>
struct Generator<Reshape> {
  static std::vector<Sample> samples() {
    return movement_samples("reshape", 0, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
      const int64_t n = shape.numel();
      const Shape out = choice == 0                 ? Shape{n}
                        : choice == 1               ? Shape{1, n, 1}
                        : choice == 2 && n % 2 == 0 ? Shape{n / 2, 2}
                        : choice == 3 && n % 6 == 0 ? Shape{2, n / 6, 3}
                                                    : Shape{n, 1};
      s.f = [=](const Tensors& x, float) { return reshape(x[0], choice == 1 && n > 0 ? Shape{1, -1, 1} : out); };
      s.reference = [](const std::vector<Values>& x, const std::vector<Shape>&, double) { return Expected{x[0], {}}; };
    });
  }
};

template <>
struct Generator<Transpose> {
  static std::vector<Sample> samples() {
    return movement_samples("transpose", 0, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
      std::vector<int> order;
      for (int a = 0; a < shape.rank(); ++a)
        order.push_back(choice == 0 ? shape.rank() - 1 - a : (a + choice) % shape.rank());
      Shape out;
      for (int a : order) out.push_back(shape[a]);
      s.f = [=](const Tensors& x, float) {
        if (choice == 0) return transpose(x[0]);
        std::vector<int64_t> attrs(order.begin(), order.end());
        return Tensor(call_op<Transpose>(attrs, x[0]));
      };
      s.reference = picking(out, [order](const Values& x, const Shape& in, const At& at) {
        At from{};
        for (size_t a = 0; a < order.size(); ++a) from[static_cast<size_t>(order[a])] = at[a];
        return element(x, in, from);
      });
    });
  }
};

template <>
struct Generator<BroadcastTo> {
  static std::vector<Sample> samples() {
    return movement_samples("broadcast_to", 0, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
      Shape out;
      if (shape.rank() < 5 || choice == 0)
        for (int k = 0; k < (choice > 1 && shape.rank() < 5 ? 2 : choice); ++k) out.push_back(k + 2);
      for (int a = 0; a < shape.rank(); ++a) out.push_back(shape[a] == 1 ? 3 : shape[a]);
      s.f = [=](const Tensors& x, float) { return broadcast_to(x[0], out); };
      s.reference = picking(out, [out](const Values& x, const Shape& in, const At& at) {
        return x[static_cast<size_t>(position(in, at, out.rank()))];
      });
    });
  }
};

/// The axis, start, count and step of a choice.
struct Part {
  int axis;
  int64_t start, count, step;
  Part(const Shape& shape, int choice) : axis(choice % shape.rank()) {
    const int64_t n = shape[axis];
    step = 1 + choice % 3;
    start = std::min<int64_t>(n, choice / 2);
    count = n > start ? (n - start - 1) / step + 1 : 0;
  }
};

template <>
struct Generator<Slice> {
  static std::vector<Sample> samples() {
    return movement_samples("slice", 1, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
      const Part p(shape, choice);
      Shape out = shape;
      out[p.axis] = p.count;
      s.f = [=](const Tensors& x, float) { return x[0].slice(p.axis, p.start, shape[p.axis], p.step); };
      s.reference = picking(out, [p](const Values& x, const Shape& in, At at) {
        auto& i = at[static_cast<size_t>(p.axis)];
        i = p.start + i * p.step;
        return element(x, in, at);
      });
    });
  }
};

template <>
struct Generator<Unslice> {
  static std::vector<Sample> samples() {
    return movement_samples("unslice", 1, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
      const int axis = choice % shape.rank();
      const int64_t step = 1 + choice % 3, start = choice, extent = start + shape[axis] * step + choice % 2;
      Shape out = shape;
      out[axis] = extent;
      s.f = [=](const Tensors& x, float) {
        int64_t attrs[] = {axis, start, extent, step};
        return Tensor(call_op<Unslice>(attrs, x[0]));
      };
      s.reference = picking(out, [=](const Values& x, const Shape& in, At at) {
        auto& i = at[static_cast<size_t>(axis)];
        if (i < start || (i - start) % step != 0 || (i - start) / step >= in[axis]) return 0.0;
        i = (i - start) / step;
        return element(x, in, at);
      });
    });
  }
};

template <>
struct Generator<Concat> {
  static std::vector<Sample> samples() {
    return movement_samples("concat", 1, kAllDTypes, [](Sample& s, const Shape& shape, DType dtype, int choice) {
      const int axis = choice % shape.rank();
      Shape longer = shape;
      longer[axis] += 2;
      Rng rng(3);
      if (choice > 0)
        s.inputs.push_back(laid_out(longer, dtype, static_cast<Layout>(choice), drawing(rng, Draw::plain, dtype)));
      if (choice > 1) s.inputs.push_back(s.inputs[0]);
      Shape out = shape;
      out[axis] = 0;
      for (const Tensor& t : s.inputs) out[axis] += t.shape()[axis];
      s.f = [=](const Tensors& x, float) { return concat(x, axis - (choice % 2) * shape.rank()); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& in, double) {
        Expected e;
        for_each_index(out, [&](At at) {
          size_t k = 0;
          for (auto& i = at[static_cast<size_t>(axis)]; i >= in[k][axis]; ++k) i -= in[k][axis];
          e.y.push_back(element(x[k], in[k], at));
        });
        return e;
      };
    });
  }
};

template <>
struct Generator<Copy> {
  static std::vector<Sample> samples() {
    return movement_samples("copy", 0, kAllDTypes, [](Sample& s, const Shape&, DType, int choice) {
      s.f = [=](const Tensors& x, float) { return choice < 2 ? contiguous(x[0]) : Tensor(call_op<Copy>({}, x[0])); };
      s.reference = [](const std::vector<Values>& x, const std::vector<Shape>&, double) { return Expected{x[0], {}}; };
    });
  }
};

template <>
struct Generator<Alias> {
  static std::vector<Sample> samples() {
    return movement_samples("alias", 0, kAllDTypes, [](Sample& s, const Shape&, DType, int choice) {
      s.f = [=](const Tensors& x, float) { return alias(x[0]); };
      s.smooth = s.smooth && choice < 2;
      s.reference = [](const std::vector<Values>& x, const std::vector<Shape>&, double) { return Expected{x[0], {}}; };
    });
  }
};

/// A conversion as the docs of Cast say it: truncated and saturated, NaN to 0, bool by x ≠ 0, integers wrap.
inline double converted(double v, DType from, DType to) {
  if (to == boolean) return v != 0;
  if (to == f64) return v;
  if (to == f32) return static_cast<double>(static_cast<float>(v));
  if (is_half(to)) return rounded_to(v, to);
  if (!is_float(from)) {
    const auto i = static_cast<int64_t>(v);
    return to == u8    ? static_cast<double>(static_cast<uint8_t>(i))
           : to == i32 ? static_cast<double>(static_cast<int32_t>(i))
                       : v;
  }
  if (v != v) return 0;
  const double low = to == u8    ? 0
                     : to == i32 ? -0x1p31
                                 : -0x1p63,
               high = to == u8    ? 255
                      : to == i32 ? 0x1p31 - 1
                                  : 0x1p63;
  return std::clamp(std::trunc(v), low, high);
}

template <>
struct Generator<Cast> {
  static std::vector<Sample> samples() {
    return movement_samples("cast", 0, kAllDTypes, [n = 0](Sample& s, const Shape&, DType from, int) mutable {
      const DType to = kAllDTypes[static_cast<size_t>(n++ % kDTypes)];
      s.what += fmt::format(" to {}", to);
      s.smooth = s.smooth && to == f64;
      s.f = [=](const Tensors& x, float) { return cast(x[0], to); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (double v : x[0]) e.y.push_back(converted(v, from, to));
        return e;
      };
    });
  }
};

}  // namespace duet::testing
