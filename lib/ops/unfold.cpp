#include <algorithm>
#include <cstring>

#include "batch_call.h"
#include "duet/grad.h"
#include "duet/ops/conv.h"
#include "duet/ops/create.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "ops/image_windows.h"
#include "ops/parts.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(ConvOps)

namespace {

using Geometry = ImageGeometry;

Geometry geometry(std::string_view op, const Args& in, Attrs attrs) {
  check<ShapeError>(in[0].shape->rank() == 4, "{}: takes images [N,C,H,W]: {}", op, in.text(0));
  return {op, in.spec(0), attrs};
}

Shape columns_shape(const Geometry& g) { return {g.c, g.h.kernel * g.w.kernel, g.n, g.h.count, g.w.count}; }

// Images of a batch are more images: [B,N,C,H,W] as [B·N,C,H,W].
Tensor all_images(const BatchCall& c) {
  const Tensor x = c.whole(0);
  const Shape& s = x.shape();
  return reshape(x, {s[0] * s[1], s[2], s[3], s[4]});
}

/// f(plane) for each image of each channel, over threads when there is enough to do.
template <class F>
void for_each_plane(int64_t planes, int64_t elements, F f) {
  constexpr int64_t kCost = 4;  // of an element, beside one that is only moved
  in_parts(planes, kCost * elements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

template <class T>
void unfold(const Strided& x, T* y, const Geometry& g) {
  const int64_t sw = x.strides[3], step = sw * g.w.stride, width = g.w.extent;
  // Windows that leave the image's size as it is: a column is the image moved, in one run, with its edge set to 0.
  const bool moved = step == 1 && g.h.stride == 1 && g.w.count == width && x.strides[2] == width;
  for_each_plane(g.n * g.c, g.n * g.c * g.h.kernel * g.w.kernel * g.h.count * g.w.count, [&](int64_t plane) {
    const int64_t n = plane % g.n, c = plane / g.n;
    const T* image = static_cast<const T*>(x.data) + n * x.strides[0] + c * x.strides[1];
    for (int64_t i = 0; i < g.h.kernel; ++i)
      for (int64_t j = 0; j < g.w.kernel; ++j) {
        T* to = y + (((c * g.h.kernel + i) * g.w.kernel + j) * g.n + n) * g.h.count * g.w.count;
        const int64_t low = g.w.first(j), high = std::max(low, g.w.last(j));
        const int64_t top = g.h.first(i), bottom = std::max(top, g.h.last(i));
        if (moved && low < high && top < bottom) {
          std::fill_n(to, top * width, T(0));
          std::copy_n(image + g.h.at(top, i) * width + g.w.at(low, j), (bottom - top - 1) * width + high - low,
                      to + top * width + low);
          for (int64_t o = top; o < bottom; ++o) {
            for (int64_t k = 0; k < low; ++k) to[o * width + k] = T(0);
            for (int64_t k = high; k < width; ++k) to[o * width + k] = T(0);
          }
          std::fill_n(to + bottom * width, (g.h.count - bottom) * width, T(0));
          continue;
        }
        for (int64_t o = 0; o < g.h.count; ++o, to += g.w.count) {
          const int64_t row = g.h.at(o, i);
          if (row < 0 || row >= g.h.extent) {
            std::fill_n(to, g.w.count, T(0));
            continue;
          }
          const T* from = image + row * x.strides[2] + g.w.at(low, j) * sw;
          for (int64_t k = 0; k < low; ++k) to[k] = T(0);
          if (step == 1)
            for (int64_t k = low; k < high; ++k) to[k] = from[k - low];
          else
            for (int64_t k = low; k < high; ++k) to[k] = from[(k - low) * step];
          for (int64_t k = high; k < g.w.count; ++k) to[k] = T(0);
        }
      }
  });
}

template <class T>
void fold(const Strided& x, T* y, const Geometry& g) {  // x: [C,kh·kw,N,OH,OW]
  const int64_t* s = x.strides;
  for_each_plane(g.n * g.c, x.shape->numel(), [&](int64_t plane) {
    const int64_t n = plane % g.n, c = plane / g.n;
    T* image = y + (n * g.c + c) * g.h.extent * g.w.extent;
    std::fill_n(image, g.h.extent * g.w.extent, T(0));
    for (int64_t i = 0; i < g.h.kernel; ++i)
      for (int64_t j = 0; j < g.w.kernel; ++j) {
        const int64_t low = g.w.first(j), high = std::max(low, g.w.last(j));
        const T* from = static_cast<const T*>(x.data) + c * s[0] + (i * g.w.kernel + j) * s[1] + n * s[2] + low * s[4];
        for (int64_t o = g.h.first(i); o < g.h.last(i); ++o) {
          T* to = image + g.h.at(o, i) * g.w.extent + g.w.at(low, j);
          const T* row = from + o * s[3];
          if (s[4] == 1 && g.w.stride == 1)
            for (int64_t k = 0; k < high - low; ++k) to[k] += row[k];
          else
            for (int64_t k = 0; k < high - low; ++k) to[k * g.w.stride] += row[k * s[4]];
        }
      }
  });
}

template <class T>
void max_pool_index(const Strided& x, int64_t* y, const Geometry& g) {
  for_each_plane(g.n * g.c, g.n * g.c * g.h.count * g.w.count * g.h.kernel * g.w.kernel, [&](int64_t plane) {
    const T* image = static_cast<const T*>(x.data) + plane / g.c * x.strides[0] + plane % g.c * x.strides[1];
    int64_t* to = y + plane * g.h.count * g.w.count;
    for (int64_t oh = 0; oh < g.h.count; ++oh)
      for (int64_t ow = 0; ow < g.w.count; ++ow) {
        const int64_t h = g.h.at(oh, 0), w = g.w.at(ow, 0), top = std::max<int64_t>(h, 0),
                      left = std::max<int64_t>(w, 0), bottom = std::min(h + g.h.kernel, g.h.extent),
                      right = std::min(w + g.w.kernel, g.w.extent);
        int64_t best = top * g.w.extent + left;
        T most = image[top * x.strides[2] + left * x.strides[3]];
        for (int64_t row = top; row < bottom; ++row)
          for (int64_t column = left; column < right; ++column) {
            const T v = image[row * x.strides[2] + column * x.strides[3]];
            const bool better = (v > most) | ((v != v) & (most == most));  // without branches: data decide
            most = better ? v : most;
            best = better ? row * g.w.extent + column : best;
          }
        *to++ = plane * g.h.extent * g.w.extent + best;
      }
  });
}

}  // namespace

void Unfold::infer(const Args& in, Attrs attrs, Spec* out) {
  check<DTypeError>(is_float(in[0].dtype), "unfold: takes floating numbers: {}; use .to(f32)", in.text(0));
  const Geometry g = geometry(name, in, attrs);
  out[0] = {in[0].dtype, columns_shape(g)};
  checked_numel(out[0].shape, out[0].dtype);
}

void Unfold::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  const Geometry g(name, {x.dtype, *x.shape}, call.attrs);
  if (x.dtype == DType::f32)
    unfold(x, static_cast<float*>(call.out[0].data), g);
  else
    unfold(x, static_cast<double*>(call.out[0].data), g);
}

// [C,K,B·N,OH,OW] to [B,C,K,N,OH,OW]: a view.
Outputs Unfold::batch(const BatchCall& c) {
  const Tensor y = call_op<Unfold>(c.attrs, all_images(c));
  const Shape& s = c.specs[0].shape;
  Outputs out;
  out.count = 1;
  out[0] = transpose(reshape(y, {s[0], s[1], c.size, s[2], s[3], s[4]}), {2, 0, 1, 3, 4, 5});
  return out;
}

void Unfold::vjp(VjpContext& c) {
  int64_t attrs[10];
  std::copy_n(c.attrs().begin(), 8, attrs);
  attrs[8] = c.in_shape(0)[2], attrs[9] = c.in_shape(0)[3];
  c.set(0, call_op<Fold>(attrs, c.dy()));
}

void Fold::infer(const Args& in, Attrs attrs, Spec* out) {
  const Shape& s = *in[0].shape;
  check<ShapeError>(s.rank() == 5 && is_float(in[0].dtype), "fold: takes the columns of unfold: {}", in.text(0));
  out[0] = {in[0].dtype, Shape{s[2], s[0], attrs[8], attrs[9]}};
  check<ShapeError>(s == columns_shape(Geometry(name, out[0], attrs)), "fold: takes the columns of unfold: {}",
                    in.text(0));
}

void Fold::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  const Geometry g(name, {x.dtype, *call.out[0].shape}, call.attrs);
  if (x.dtype == DType::f32)
    fold(x, static_cast<float*>(call.out[0].data), g);
  else
    fold(x, static_cast<double*>(call.out[0].data), g);
}

Outputs Fold::batch(const BatchCall& c) {
  const Shape& s = *c.in[0].shape;
  const Tensor columns = reshape(transpose(c.whole(0), {1, 2, 0, 3, 4, 5}), {s[0], s[1], c.size * s[2], s[3], s[4]});
  const Tensor y = call_op<Fold>(c.attrs, columns);
  Outputs out;
  out.count = 1;
  out[0] = reshape(y, c.with_batch(c.specs[0].shape));
  return out;
}

void Fold::vjp(VjpContext& c) { c.set(0, call_op<Unfold>(c.attrs().first(8), c.dy())); }

void MaxPoolIndex::infer(const Args& in, Attrs attrs, Spec* out) {
  const Geometry g = geometry(name, in, attrs);
  check<ShapeError>(g.h.extent > 0 && g.w.extent > 0,
                    "max_pool_index: there is no maximum of no elements: {}; give at least one", in.text(0));
  check<ShapeError>(
      2 * g.h.padding <= g.h.kernel && 2 * g.w.padding <= g.w.kernel && g.h.dilation == 1 && g.w.dilation == 1,
      "max_pool_index: windows may lie in the padding alone: padding {}x{}, kernel {}x{}", g.h.padding, g.w.padding,
      g.h.kernel, g.w.kernel);
  out[0] = {DType::i64, Shape{g.n, g.c, g.h.count, g.w.count}};
  checked_numel(out[0].shape, out[0].dtype);
}

void MaxPoolIndex::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  const Geometry g(name, {x.dtype, *x.shape}, call.attrs);
  visit(x.dtype, [&](auto zero) { max_pool_index<decltype(zero)>(x, static_cast<int64_t*>(call.out[0].data), g); });
}

// Places in all images become places in those of their example.
Outputs MaxPoolIndex::batch(const BatchCall& c) {
  const Tensor y = call_op<MaxPoolIndex>(c.attrs, all_images(c));
  const Tensor first = arange(c.size, DType::i64) * c.in[0].shape->numel();
  Outputs out;
  out.count = 1;
  out[0] = reshape(y, c.with_batch(c.specs[0].shape)) - reshape(first, {c.size, 1, 1, 1, 1});
  return out;
}

}  // namespace duet
