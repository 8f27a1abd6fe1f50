// Samples of convolution, pooling, unfold and fold, with direct loops in f64 as references.
#pragma once

#include <fmt/format.h>

#include "ops/composite_cases.h"

namespace duet::testing {

struct ConvComposites : OpList<struct Conv2d, struct MaxPool2d, struct AvgPool2d> {};
struct Conv2d {
  static constexpr std::string_view name = "conv2d";
};
struct MaxPool2d {
  static constexpr std::string_view name = "max_pool2d";
};
struct AvgPool2d {
  static constexpr std::string_view name = "avg_pool2d";
};

/// Images and windows of a sample.
struct ConvCase {
  Shape x;
  Size2 kernel, stride, padding, dilation;
  int64_t count(int axis) const {
    const auto [extent, k, s, p, d] = axis == 0 ? std::array{x[2], kernel.h, stride.h, padding.h, dilation.h}
                                                : std::array{x[3], kernel.w, stride.w, padding.w, dilation.w};
    int64_t n = 0;  // counted, not computed
    for (int64_t at = -p; at + d * (k - 1) < extent + p; at += s) ++n;
    return n;
  }
  std::string text() const {
    return fmt::format("{} kernel {}x{} stride {}x{} padding {}x{} dilation {}x{}", x, kernel.h, kernel.w, stride.h,
                       stride.w, padding.h, padding.w, dilation.h, dilation.w);
  }
};
inline const std::vector<ConvCase> kConvCases = {
    {{1, 1, 1, 1}, 1, 1, 0, 1},
    {{2, 2, 5, 6}, 3, 1, 1, 1},
    {{2, 4, 8, 8}, {3, 2}, {2, 1}, {0, 1}, 1},
    {{1, 2, 7, 5}, 2, 2, 1, {2, 1}},
    {{0, 2, 4, 4}, 3, 1, 1, 1},
    {{3, 2, 4, 4}, 2, 2, 0, 1},
    {{1, 4, 3, 17}, {1, 5}, 1, {0, 2}, 1},
    {{2, 6, 9, 9}, 3, {3, 2}, 1, 1},
    {{1, 2, 2, 2}, 4, 1, 2, 1},
    {{1, 1, 6, 70}, {2, 3}, 1, {1, 0}, {3, 2}},
    {{4, 2, 33, 31}, 3, 1, 1, 1},
};

/// f(index of x or −1, kernel row, kernel column) for each place of the window of an output.
template <class F>
void for_each_place(const ConvCase& c, int64_t n, int64_t channel, int64_t oh, int64_t ow, F f) {
  for (int64_t i = 0; i < c.kernel.h; ++i)
    for (int64_t j = 0; j < c.kernel.w; ++j) {
      const int64_t h = oh * c.stride.h + i * c.dilation.h - c.padding.h,
                    w = ow * c.stride.w + j * c.dilation.w - c.padding.w;
      const bool inside = h >= 0 && h < c.x[2] && w >= 0 && w < c.x[3];
      f(inside ? ((n * c.x[1] + channel) * c.x[2] + h) * c.x[3] + w : -1, i, j);
    }
}

template <class Make>
std::vector<Sample> conv_samples(std::string_view name, bool floats, Make make) {
  Rng rng(29);
  std::vector<Sample> all;
  for (const auto& row : pairwise({static_cast<int>(kConvCases.size()), floats ? 2 : 1, 5, 4, 3}, rng)) {
    const ConvCase& c = kConvCases[static_cast<size_t>(row[0])];
    const DType dtype = row[1] ? f64 : f32;
    Sample s;
    s.isa = row[3] % 2 ? "v3" : "v4";
    s.threads = 1 + row[3] / 2;
    s.inputs = {laid_out(c.x, dtype, static_cast<Layout>(row[2]), drawing(rng, Draw::plain, dtype))};
    s.smooth = dtype == f64;
    s.what = fmt::format("{} {} {} {} choice {}", std::string(name), dtype, c.text(), kLayoutNames[row[2]], row[4]);
    if (make(s, c, dtype, static_cast<Layout>(row[2]), row[4], rng)) all.push_back(std::move(s));
  }
  return all;
}

template <>
struct Generator<Conv2d> {
  static std::vector<Sample> samples() {
    return conv_samples(
        "conv2d", true, [](Sample& s, const ConvCase& c, DType dtype, Layout layout, int choice, Rng& rng) {
          const int64_t groups = choice == 0 ? 1 : choice == 1 ? c.x[1] : c.x[1] % 2 == 0 ? 2 : 1;
          const int64_t out = groups * (choice == 0 ? 5 : 2), each = c.x[1] / groups;
          s.inputs.push_back(
              laid_out({out, each, c.kernel.h, c.kernel.w}, dtype, layout, drawing(rng, Draw::plain, dtype)));
          const Conv2dOptions options{c.stride, c.padding, c.dilation, groups};
          s.fuses = false;
          s.f = [=](const Tensors& x, float) { return conv2d(x[0], x[1], options); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
            Expected e;
            for_each_index({c.x[0], out, c.count(0), c.count(1)}, [&](const auto& at) {
              double y = 0, size = 0;
              for (int64_t k = 0; k < each; ++k)
                for_each_place(c, at[0], at[1] / (out / groups) * each + k, at[2], at[3],
                               [&](int64_t from, auto i, auto j) {
                                 if (from < 0) return;
                                 const int64_t w = ((at[1] * each + k) * c.kernel.h + i) * c.kernel.w + j;
                                 const double term = x[0][static_cast<size_t>(from)] * x[1][static_cast<size_t>(w)];
                                 y += term, size += std::abs(term);
                               });
              e.y.push_back(y);
              e.scale.push_back(kSumRoundings * size);
            });
            return e;
          };
          return true;
        });
  }
};

/// Pools need windows that are not in the padding alone, and no dilation.
inline bool pools(const ConvCase& c) {
  return c.dilation.h == 1 && c.dilation.w == 1 && 2 * c.padding.h <= c.kernel.h && 2 * c.padding.w <= c.kernel.w;
}

template <>
struct Generator<MaxPool2d> {
  static std::vector<Sample> samples() {
    return conv_samples("max_pool2d", true,
                        [](Sample& s, const ConvCase& c, DType dtype, Layout layout, int choice, Rng& rng) {
                          if (!pools(c)) return false;
                          if (choice == 2) {  // NaN, infinities and equal elements
                            s.inputs = {laid_out(c.x, dtype, layout, drawing(rng, Draw::special, dtype))};
                            s.smooth = false;
                          }
                          s.smooth = s.smooth && layout != Layout::broadcast;
                          const PoolOptions options{c.stride, c.padding};
                          s.f = [=](const Tensors& x, float) { return max_pool2d(x[0], c.kernel, options); };
                          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
                            Expected e;
                            for_each_index({c.x[0], c.x[1], c.count(0), c.count(1)}, [&](const auto& at) {
                              double top = -INFINITY;
                              for_each_place(c, at[0], at[1], at[2], at[3], [&](int64_t from, auto, auto) {
                                if (from < 0) return;
                                const double v = x[0][static_cast<size_t>(from)];
                                top = v != v || top != top ? NAN : std::max(top, v);
                              });
                              e.y.push_back(top);
                            });
                            return e;
                          };
                          return true;
                        });
  }
};

template <>
struct Generator<AvgPool2d> {
  static std::vector<Sample> samples() {
    return conv_samples("avg_pool2d", true, [](Sample& s, const ConvCase& c, DType, Layout, int, Rng&) {
      if (!pools(c)) return false;
      const PoolOptions options{c.stride, c.padding};
      s.f = [=](const Tensors& x, float) { return avg_pool2d(x[0], c.kernel, options); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for_each_index({c.x[0], c.x[1], c.count(0), c.count(1)}, [&](const auto& at) {
          double sum = 0, size = 0;
          for_each_place(c, at[0], at[1], at[2], at[3], [&](int64_t from, auto, auto) {
            if (from >= 0) sum += x[0][static_cast<size_t>(from)], size += std::abs(x[0][static_cast<size_t>(from)]);
          });
          const auto n = static_cast<double>(c.kernel.h * c.kernel.w);
          e.y.push_back(sum / n);
          e.scale.push_back(kSumRoundings * size / n);
        });
        return e;
      };
      return true;
    });
  }
};

template <>
struct Generator<Unfold> {
  static std::vector<Sample> samples() {
    return conv_samples("unfold", true, [](Sample& s, const ConvCase& c, DType, Layout, int, Rng&) {
      s.f = [=](const Tensors& x, float) { return unfold(x[0], c.kernel, {c.stride, c.padding, c.dilation, 1}); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        const Shape space{c.x[1], c.kernel.h, c.kernel.w, c.x[0], c.count(0), c.count(1)};
        for_each_index(space, [&](const auto& at) {
          for_each_place(c, at[3], at[0], at[4], at[5], [&](int64_t from, int64_t i, int64_t j) {
            if (i == at[1] && j == at[2]) e.y.push_back(from < 0 ? 0 : x[0][static_cast<size_t>(from)]);
          });
        });
        return e;
      };
      return true;
    });
  }
};

template <>
struct Generator<Fold> {
  static std::vector<Sample> samples() {
    return conv_samples("fold", true, [](Sample& s, const ConvCase& c, DType dtype, Layout layout, int, Rng& rng) {
      const Shape space{c.x[1], c.kernel.h, c.kernel.w, c.x[0], c.count(0), c.count(1)};
      s.inputs = {laid_out({space[0], space[1] * space[2], space[3], space[4], space[5]}, dtype, layout,
                           drawing(rng, Draw::plain, dtype))};
      s.f = [=](const Tensors& x, float) {
        const int64_t attrs[] = {c.kernel.h,  c.kernel.w,   c.stride.h,   c.stride.w, c.padding.h,
                                 c.padding.w, c.dilation.h, c.dilation.w, c.x[2],     c.x[3]};
        return Tensor(call_op<Fold>(attrs, x[0]));
      };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e{Values(static_cast<size_t>(c.x.numel())), Values(static_cast<size_t>(c.x.numel()))};
        for_each_index(space, [&, k = size_t{0}](const auto& at) mutable {
          for_each_place(c, at[3], at[0], at[4], at[5], [&](int64_t to, int64_t i, int64_t j) {
            if (i != at[1] || j != at[2] || to < 0) return;
            e.y[static_cast<size_t>(to)] += x[0][k];
            e.scale[static_cast<size_t>(to)] += 16 * std::abs(x[0][k]);
          });
          ++k;
        });
        return e;
      };
      return true;
    });
  }
};

template <>
struct Generator<MaxPoolIndex> {
  static std::vector<Sample> samples() {
    return conv_samples(
        "max_pool_index", true, [](Sample& s, const ConvCase& c, DType dtype, Layout layout, int choice, Rng& rng) {
          if (!pools(c)) return false;
          // Few values, so that windows have equal maxima.
          const DType type = choice == 0 ? i32 : choice == 1 ? dtype : u8;
          auto few = [&]() -> double {
            return below(rng, 20) == 0 && choice == 1 ? NAN : static_cast<double>(below(rng, 3));
          };
          s.inputs = {laid_out(c.x, type, layout, few)};
          s.smooth = false;
          s.f = [=](const Tensors& x, float) {
            const int64_t attrs[] = {c.kernel.h, c.kernel.w, c.stride.h, c.stride.w, c.padding.h, c.padding.w, 1, 1};
            return Tensor(call_op<MaxPoolIndex>(attrs, x[0]));
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
            Expected e;
            for_each_index({c.x[0], c.x[1], c.count(0), c.count(1)}, [&](const auto& at) {
              int64_t best = -1;
              for_each_place(c, at[0], at[1], at[2], at[3], [&](int64_t from, auto, auto) {
                if (from < 0 || (best >= 0 && std::isnan(x[0][static_cast<size_t>(best)]))) return;
                const double v = x[0][static_cast<size_t>(from)];
                if (best < 0 || std::isnan(v) || v > x[0][static_cast<size_t>(best)]) best = from;
              });
              e.y.push_back(static_cast<double>(best));
            });
            return e;
          };
          return true;
        });
  }
};

}  // namespace duet::testing
