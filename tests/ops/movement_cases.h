// Samples of ops that move, pick or make elements: exact, against loops over indices.
#pragma once

#include "duet/random.h"
#include "ops/cases.h"

namespace duet::testing {

inline const std::vector<DType> kAllDTypes = {f32, f64, i32, i64, u8, boolean};

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

// --- indices ---

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

}  // namespace duet::testing
