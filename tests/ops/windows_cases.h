// Samples of sliding windows and of their gradient, which must agree with loops over every window.
#pragma once

#include <fmt/format.h>

#include "ops/movement_cases.h"

namespace duet::testing {

/// Sizes, strides and dilations that fit an image.
struct WindowCase {
  int64_t kh, kw, sh, sw, dh, dw;
  Shape image, windows;
  /// The place in the image of an element of the windows.
  At place(const At& at) const {
    At from = at;
    const auto h = static_cast<size_t>(image.rank() - 2);
    from[h] = at[h] * sh + at[h + 2] * dh;
    from[h + 1] = at[h + 1] * sw + at[h + 3] * dw;
    return from;
  }
};

inline WindowCase window_case(const Shape& image, int choice) {
  const int64_t h = image[image.rank() - 2], w = image[image.rank() - 1];
  WindowCase c{};
  c.image = image;
  c.kh = std::min<int64_t>(h, 1 + choice % 3);
  c.kw = std::min<int64_t>(w, 3 - choice % 2);
  c.dh = choice == 1 && 2 * (c.kh - 1) < h ? 2 : 1;
  c.dw = choice == 2 && 2 * (c.kw - 1) < w ? 2 : 1;
  c.sh = choice == 3 ? 2 : 1;
  c.sw = choice == 1 ? 3 : choice == 3 ? 2 : 1;
  c.windows = image;
  c.windows[image.rank() - 2] = (h - c.dh * (c.kh - 1) - 1) / c.sh + 1;
  c.windows[image.rank() - 1] = (w - c.dw * (c.kw - 1) - 1) / c.sw + 1;
  c.windows.push_back(c.kh);
  c.windows.push_back(c.kw);
  return c;
}

/// Samples over images, some with nothing in front; `make` completes each.
template <class Make>
std::vector<Sample> window_samples(const char* name, const std::vector<DType>& dtypes, Make make) {
  static const std::vector<Shape> images = {{1, 1}, {3, 4}, {2, 5, 7}, {2, 3, 6, 5}, {0, 2, 3, 3}, {1, 9, 2}};
  Rng rng(17);
  std::vector<Sample> all;
  for (const auto& row :
       pairwise({static_cast<int>(images.size()), static_cast<int>(dtypes.size()), 5, 2, 4, 4}, rng)) {
    Sample s;
    const DType dtype = dtypes[static_cast<size_t>(row[1])];
    const WindowCase c = window_case(images[static_cast<size_t>(row[0])], row[4]);
    s.what = fmt::format("{} {}{} {} choice {}", name, dtype, c.image, kLayoutNames[row[2]], row[4]);
    s.isa = row[5] % 2 ? "v3" : "v4";
    s.threads = 1 + row[5] / 2;
    s.smooth = dtype == f64 && row[3] == 0;
    make(s, c, static_cast<Layout>(row[2]), drawing(rng, static_cast<Draw>(row[3]), dtype), dtype);
    all.push_back(std::move(s));
  }
  return all;
}

template <>
struct Generator<Windows> {
  static std::vector<Sample> samples() {
    return window_samples(
        "windows", kAllDTypes, [](Sample& s, const WindowCase& c, Layout layout, const auto& draw, DType dtype) {
          s.inputs = {laid_out(c.image, dtype, layout, draw)};
          s.f = [=](const Tensors& x, float) { return windows(x[0], c.kh, c.kw, c.sh, c.sw, c.dh, c.dw); };
          s.reference = picking(
              c.windows, [c](const Values& x, const Shape& in, const At& at) { return element(x, in, c.place(at)); });
        });
  }
};

template <>
struct Generator<Unwindows> {
  static std::vector<Sample> samples() {
    return window_samples(
        "unwindows", {f32, f64, i32, i64, u8},
        [](Sample& s, const WindowCase& c, Layout layout, const auto& draw, DType dtype) {
          const bool room = layout != Layout::row || c.windows.rank() < kMaxRank;  // a row is cut out of one axis more
          s.inputs = {laid_out(c.windows, dtype, room ? layout : Layout::sliced, draw)};
          s.f = [=](const Tensors& x, float) {
            const int r = c.image.rank();
            const int64_t attrs[] = {c.kh, c.kw, c.sh, c.sw, c.dh, c.dw, c.image[r - 2], c.image[r - 1]};
            return Tensor(call_op<Unwindows>(attrs, x[0]));
          };
          // In the order that the op promises: (kh, kw) ascending for every element, so in f64 the same bits.
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
            Expected e;
            const auto h = static_cast<size_t>(c.image.rank() - 2);
            for_each_index(c.image, [&](const At& to) {
              double sum = 0;
              for (int64_t i = 0; i < c.kh; ++i)
                for (int64_t j = 0; j < c.kw; ++j) {
                  At at = to;
                  const int64_t up = to[h] - i * c.dh, left = to[h + 1] - j * c.dw;
                  if (up < 0 || left < 0 || up % c.sh != 0 || left % c.sw != 0) continue;
                  at[h] = up / c.sh, at[h + 1] = left / c.sw, at[h + 2] = i, at[h + 3] = j;
                  if (at[h] >= c.windows[static_cast<int>(h)] || at[h + 1] >= c.windows[static_cast<int>(h) + 1])
                    continue;
                  const double v = element(x[0], c.windows, at);
                  sum = dtype == f32 ? static_cast<double>(static_cast<float>(sum + v)) : sum + v;
                }
              e.y.push_back(dtype == u8 ? static_cast<double>(static_cast<uint8_t>(sum)) : sum);
            });
            return e;
          };
        });
  }
};

}  // namespace duet::testing
