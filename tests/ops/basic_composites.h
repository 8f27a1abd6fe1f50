// The operations made of others in ops/normalise.h, loss.h, matmul.h, reduce.h, create.h and random.h, each with a list
// entry of its own and a reference in f64.
#pragma once

#include <fmt/format.h>

#include "ops/composite_cases.h"
#include "ops/matmul_cases.h"
#include "ops/reduce_cases.h"

namespace duet::testing {

// The composites of ops/normalise.h, loss.h, matmul.h, reduce.h, create.h and random.h: as lists, so that the harness
// is the same.
struct Composites
    : OpList<struct Softmax, struct LogSoftmax, struct CrossEntropy, struct Mse, struct LayerNorm, struct Linear,
             struct Mean, struct Eye, struct UniformIn, struct NormalAround, struct Bernoulli, struct Categorical> {};
struct Softmax {
  static constexpr std::string_view name = "softmax";
};
struct LogSoftmax {
  static constexpr std::string_view name = "log_softmax";
};
struct CrossEntropy {
  static constexpr std::string_view name = "cross_entropy";
};
struct Mse {
  static constexpr std::string_view name = "mse";
};
struct LayerNorm {
  static constexpr std::string_view name = "layer_norm";
};
struct Linear {
  static constexpr std::string_view name = "linear";
};
struct Mean {
  static constexpr std::string_view name = "mean";
};
struct Eye {
  static constexpr std::string_view name = "eye";
};
struct UniformIn {
  static constexpr std::string_view name = "uniform";
};
struct NormalAround {
  static constexpr std::string_view name = "normal";
};
struct Bernoulli {
  static constexpr std::string_view name = "bernoulli";
};
struct Categorical {
  static constexpr std::string_view name = "categorical";
};

/// Softmax, or its logarithm, along an axis.
inline Expected softmax_reference(const Values& x, const Shape& shape, int axis, bool logarithm) {
  Expected e{Values(x.size()), Values(x.size())};
  Shape kept = shape;
  kept[axis] = 1;
  const auto groups = groups_of(x, shape, 1u << axis);
  size_t i = 0;
  for_each_index(shape, [&](const auto& at) {
    const Values& g = groups[static_cast<size_t>(position(kept, at, shape.rank()))];
    double top = *std::max_element(g.begin(), g.end()), sum = 0;
    for (double v : g) sum += std::exp(v - top);
    e.y[i] = logarithm ? x[i] - top - std::log(sum) : std::exp(x[i] - top) / sum;
    e.scale[i] = kSumRoundings * (logarithm ? 1 + std::abs(e.y[i]) : e.y[i]);
    ++i;
  });
  return e;
}

template <>
struct Generator<Softmax> {
  static std::vector<Sample> samples() {
    return composite_samples("softmax", [](Sample& s, const Shape& shape, DType, Layout layout, int choice, Rng&) {
      const int axis = choice % shape.rank();
      s.smooth = layout != Layout::broadcast && shape.numel() > 0;
      if (shape[axis] == 0) s.inputs[0] = ones({2, 3}, s.inputs[0].dtype());
      s.f = [=](const Tensors& x, float) { return softmax(x[0], choice == 2 ? axis - shape.rank() : axis); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
        return softmax_reference(x[0], sh[0], axis, false);
      };
    });
  }
};

template <>
struct Generator<LogSoftmax> {
  static std::vector<Sample> samples() {
    return composite_samples("log_softmax", [](Sample& s, const Shape& shape, DType, Layout layout, int choice, Rng&) {
      const int axis = choice % shape.rank();
      s.smooth = layout != Layout::broadcast && shape.numel() > 0;
      if (shape[axis] == 0) s.inputs[0] = ones({2, 3}, s.inputs[0].dtype());
      s.f = [=](const Tensors& x, float) { return log_softmax(x[0], axis); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
        return softmax_reference(x[0], sh[0], axis, true);
      };
    });
  }
};

template <>
struct Generator<CrossEntropy> {
  static std::vector<Sample> samples() {
    return composite_samples(
        "cross_entropy", [](Sample& s, const Shape& shape, DType, Layout layout, int choice, Rng& rng) {
          const int64_t classes = shape[shape.rank() - 1];
          const DType labels = choice == 0 ? i32 : choice == 1 ? i64 : u8;
          s.smooth = layout != Layout::broadcast && shape.numel() > 0;
          s.inputs.push_back(laid_out(Shape(shape.begin(), shape.rank() - 1), labels, static_cast<Layout>(choice),
                                      [&, classes] { return static_cast<double>(below(rng, classes)); }));
          s.f = [](const Tensors& x, float) { return cross_entropy(x[0], x[1]); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
            const Expected l = softmax_reference(x[0], sh[0], sh[0].rank() - 1, true);
            double sum = 0, size = 0;
            for (size_t i = 0; i < x[1].size(); ++i) {
              const double v = l.y[i * static_cast<size_t>(classes) + static_cast<size_t>(x[1][i])];
              sum -= v, size += std::abs(v);
            }
            const auto n = static_cast<double>(x[1].size());
            return Expected{{sum / n}, {kSumRoundings * 2 * (1 + size / n)}};
          };
        });
  }
};

template <>
struct Generator<Mse> {
  static std::vector<Sample> samples() {
    return composite_samples("mse", [](Sample& s, const Shape& shape, DType dtype, Layout, int choice, Rng& rng) {
      s.number = choice == 0;
      if (!s.number)
        s.inputs.push_back(
            laid_out(choice == 1 ? shape : Shape{1}, dtype, Layout::row, drawing(rng, Draw::plain, dtype)));
      s.smooth = shape.numel() > 0;
      s.f = [=](const Tensors& x, float n) { return choice == 0 ? mse(x[0], n) : mse(x[0], x[1]); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double n) {
        double sum = 0;
        for (size_t i = 0; i < x[0].size(); ++i) {
          const double d = x[0][i] - (choice == 0 ? n : choice == 1 ? x[1][i] : x[1][0]);
          sum += d * d;
        }
        const double y = sum / static_cast<double>(x[0].size());
        return Expected{{y}, {kSumRoundings * y}};
      };
    });
  }
};

template <>
struct Generator<LayerNorm> {
  static std::vector<Sample> samples() {
    return composite_samples(
        "layer_norm", [](Sample& s, const Shape& shape, DType dtype, Layout layout, int choice, Rng& rng) {
          const int64_t n = shape[shape.rank() - 1];
          for (int i = 0; i < 2; ++i)
            s.inputs.push_back(laid_out({n}, dtype, static_cast<Layout>(choice), drawing(rng, Draw::plain, dtype)));
          s.smooth = layout != Layout::broadcast && n > 2;
          s.f = [=](const Tensors& x, float) {
            return choice == 0 ? layer_norm(x[0], x[1], x[2]) : layer_norm(x[0], x[1], x[2], 0.01);
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
            Expected e;
            const auto columns = static_cast<size_t>(n);
            for (size_t r = 0; r < x[0].size(); r += columns) {
              double mean = 0, variance = 0, size = 0;
              for (size_t i = 0; i < columns; ++i)
                mean += x[0][r + i] / static_cast<double>(n), size += std::abs(x[0][r + i]);
              for (size_t i = 0; i < columns; ++i)
                variance += (x[0][r + i] - mean) * (x[0][r + i] - mean) / static_cast<double>(n);
              const double by = 1 / std::sqrt(variance + (choice == 0 ? 1e-5 : 0.01));
              for (size_t i = 0; i < columns; ++i) {
                e.y.push_back((x[0][r + i] - mean) * by * x[1][i] + x[2][i]);
                // The mean's rounding error is stretched by `by`, and by the cube of it where it bends the variance.
                e.scale.push_back(
                    kSumRoundings *
                    (std::abs(e.y.back()) + std::abs(x[1][i]) * by * (1 + size / static_cast<double>(n)) * (1 + by)));
              }
            }
            return e;
          };
        });
  }
};

template <>
struct Generator<Linear> {
  static std::vector<Sample> samples() {
    return composite_samples("linear", [](Sample& s, const Shape& shape, DType dtype, Layout, int choice, Rng& rng) {
      const int64_t in = shape[shape.rank() - 1], out = choice == 0 ? 1 : choice == 1 ? 5 : 65;
      s.inputs.push_back(laid_out({in, out}, dtype, static_cast<Layout>(choice), drawing(rng, Draw::plain, dtype)));
      s.inputs.push_back(laid_out({out}, dtype, Layout::row, drawing(rng, Draw::plain, dtype)));
      s.smooth = true;
      // A vector's product is a view of a matrix: bias and activation follow it all the same.
      s.f = [](const Tensors& x, float) { return linear(x[0], x[1], x[2]); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
        Expected e = naive_matmul(x[0], sh[0], x[1], sh[1]);
        for (size_t i = 0; i < e.y.size(); ++i) {
          const double b = x[2][i % static_cast<size_t>(out)];
          e.y[i] += b;
          e.scale[i] += 2 * (std::abs(b) + std::abs(e.y[i]));
        }
        return e;
      };
    });
  }
};

template <>
struct Generator<Mean> {
  static std::vector<Sample> samples() {
    std::vector<Sample> all =
        reduction_samples("mean", false, false, {f32, f64, i32, u8, boolean},
                          [](Sample& s, unsigned axes, int rank, bool keepdims, int draw) {
                            const bool floating = is_float(s.inputs[0].dtype());
                            s.f = [=](const Tensors& x, float) {
                              Tensor v = draw == 1 && floating ? where(abs(x[0]) > 1e38, 1.0f, x[0]) : x[0];
                              return mean(v, {as_axes(axes, rank, keepdims), keepdims});
                            };
                            s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
                              Expected e;
                              Values v = x[0];
                              if (draw == 1 && floating)
                                for (double& y : v) y = std::abs(y) > 1e38 ? 1 : y;
                              for (const Values& g : groups_of(v, shapes[0], axes)) {
                                double sum = 0;
                                for (double y : g) sum += y;
                                e.y.push_back(sum / static_cast<double>(g.size()));
                                e.scale.push_back(kSumRoundings * magnitude(g) / static_cast<double>(g.size()));
                              }
                              return e;
                            };
                          });
    return all;
  }
};

template <>
struct Generator<Eye> {
  static std::vector<Sample> samples() {
    std::vector<Sample> all;
    for (DType t : {f32, f64, i32, i64, u8, boolean})
      for (int64_t n : {0, 1, 2, 17, 65}) {
        Sample s;
        s.what = fmt::format("eye {} {}", t, n);
        s.f = [=](const Tensors&, float) { return eye(n, t); };
        s.reference = [=](const std::vector<Values>&, const std::vector<Shape>&, double) {
          Expected e;
          for (int64_t i = 0; i < n * n; ++i) e.y.push_back(i / n == i % n);
          return e;
        };
        all.push_back(std::move(s));
      }
    return all;
  }
};

// Streams made of the ops in create_ops_test: here only how they are scaled.
template <class Call>
std::vector<Sample> stream_samples(const char* name, Call call, std::function<double(double)> scaled, bool uniform_base,
                                   double ulps) {
  std::vector<Sample> all;
  for (uint64_t seed : {1ull, 99ull})
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{65}, Shape{3, 17}}) {
      Sample s;
      s.what = fmt::format("{} {} seed {}", name, shape, seed);
      const Key key(seed);
      s.inputs = {key.data()};
      s.f = [=](const Tensors& x, float) { return call(Key(alias(x[0])), shape); };
      s.reference = [=](const std::vector<Values>&, const std::vector<Shape>&, double) {
        Expected e;
        for (double v : values_of(uniform_base ? uniform(key, shape) : normal(key, shape))) e.y.push_back(scaled(v));
        return e;
      };
      s.ulps = ulps;
      s.absolute = ulps > 0 ? 1e-6 : 0;
      all.push_back(std::move(s));
    }
  return all;
}
template <>
struct Generator<UniformIn> {
  static std::vector<Sample> samples() {
    return stream_samples(
        "uniform", [](const Key& k, const Shape& s) { return uniform(k, s, -2, 6); },
        [](double v) { return 8 * v - 2; }, true, 1);
  }
};
template <>
struct Generator<NormalAround> {
  static std::vector<Sample> samples() {
    return stream_samples(
        "normal", [](const Key& k, const Shape& s) { return normal(k, s, 1, 0.5); },
        [](double v) { return 0.5 * v + 1; }, false, 1);
  }
};
template <>
struct Generator<Bernoulli> {
  static std::vector<Sample> samples() {
    return stream_samples(
        "bernoulli", [](const Key& k, const Shape& s) { return bernoulli(k, 0.25, s); },
        [](double v) { return v < 0.25; }, true, 0);
  }
};
// The largest of logits plus noise, along an axis that has elements.
template <>
struct Generator<Categorical> {
  static std::vector<Sample> samples() {
    return composite_samples("categorical", [](Sample& s, const Shape& shape, DType, Layout, int choice, Rng&) {
      const int axis = shape.numel() == 0 ? shape.rank() - 1 : choice % shape.rank();
      const Key key(static_cast<uint64_t>(choice));
      s.inputs.push_back(key.data());
      s.f = [=](const Tensors& x, float) { return categorical(Key(x[1]), x[0], axis); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Values noisy = values_of(uniform(key, shape));
        for (size_t i = 0; i < noisy.size(); ++i) noisy[i] = x[0][i] - std::log(-std::log(std::max(noisy[i], 0x1p-25)));
        Expected e;
        for (const Values& g : groups_of(noisy, shape, 1u << axis))
          e.y.push_back(static_cast<double>(std::max_element(g.begin(), g.end()) - g.begin()));
        return e;
      };
    });
  }
};

}  // namespace duet::testing
