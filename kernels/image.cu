// Windows over images: columns of convolutions, pooling, and their gradients, each element by one thread.
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

// [N,C,H,W] to [C,KH·KW,N,OH,OW].
template <int Type>
DUET_KERNEL unfold(const ImageCall c) {
  using E = Element<Type>;
  each_element(c.n, [&](int64_t i) {
    int64_t rest = i;
    auto next = [&](int64_t extent) {
      const int64_t at = rest % extent;
      rest /= extent;
      return at;
    };
    const int64_t ow = next(c.w.count), oh = next(c.h.count), n = next(c.images), kw = next(c.w.kernel),
                  kh = next(c.h.kernel), channel = rest;
    const int64_t row = oh * c.h.stride - c.h.padding + kh * c.h.dilation,
                  column = ow * c.w.stride - c.w.padding + kw * c.w.dilation;
    const bool inside = row >= 0 && row < c.h.extent && column >= 0 && column < c.w.extent;
    static_cast<E*>(c.y)[i] =
        inside ? at<E>(c.x, ((n * c.channels + channel) * c.h.extent + row) * c.w.extent + column) : E(0);
  });
}

// The sum of an element's places in windows, in the order of the kernel's elements. Columns: x[C,KH·KW,N,OH,OW];
// windows: x[planes,OH,OW,KH,KW].
template <int Type, bool Columns>
DUET_DEVICE void gather_windows(const ImageCall& c) {
  using E = Element<Type>;
  using T = NumberOf<Type>;
  each_element(c.n, [&](int64_t i) {
    const int64_t column = i % c.w.extent, row = i / c.w.extent % c.h.extent, plane = i / c.w.extent / c.h.extent;
    T sum = T::of(E(0));
    for (int64_t kh = 0; kh < c.h.kernel; ++kh) {
      const int64_t above = row + c.h.padding - kh * c.h.dilation;
      if (above < 0 || above % c.h.stride != 0 || above / c.h.stride >= c.h.count) continue;
      const int64_t oh = above / c.h.stride;
      for (int64_t kw = 0; kw < c.w.kernel; ++kw) {
        const int64_t left = column + c.w.padding - kw * c.w.dilation;
        if (left < 0 || left % c.w.stride != 0 || left / c.w.stride >= c.w.count) continue;
        const int64_t ow = left / c.w.stride, n = plane / c.channels, channel = plane % c.channels;
        const int64_t from =
            Columns
                ? ((((channel * c.h.kernel + kh) * c.w.kernel + kw) * c.images + n) * c.h.count + oh) * c.w.count + ow
                : (((plane * c.h.count + oh) * c.w.count + ow) * c.h.kernel + kh) * c.w.kernel + kw;
        sum = sum + T::of(at<E>(c.x, from));
      }
    }
    static_cast<E*>(c.y)[i] = sum.v;
  });
}

template <int Type>
DUET_KERNEL fold(const ImageCall c) {
  gather_windows<Type, true>(c);
}
template <int Type>
DUET_KERNEL unwindows(const ImageCall c) {
  gather_windows<Type, false>(c);
}

template <int Type>
DUET_KERNEL max_pool_index(const ImageCall c) {
  using E = Element<Type>;
  each_element(c.n, [&](int64_t i) {
    const int64_t ow = i % c.w.count, oh = i / c.w.count % c.h.count, plane = i / c.w.count / c.h.count;
    const int64_t h = oh * c.h.stride - c.h.padding, w = ow * c.w.stride - c.w.padding, top = h < 0 ? 0 : h,
                  left = w < 0 ? 0 : w, bottom = h + c.h.kernel < c.h.extent ? h + c.h.kernel : c.h.extent,
                  right = w + c.w.kernel < c.w.extent ? w + c.w.kernel : c.w.extent;
    const int64_t first = plane * c.h.extent * c.w.extent;
    int64_t best = first + top * c.w.extent + left;
    E most = at<E>(c.x, best);
    for (int64_t row = top; row < bottom; ++row)
      for (int64_t column = left; column < right; ++column) {
        const int64_t here = first + row * c.w.extent + column;
        const E v = at<E>(c.x, here);
        const bool better = v > most || (v != v && most == most);
        most = better ? v : most;
        best = better ? here : best;
      }
    static_cast<int64_t*>(c.y)[i] = best;
  });
}

void keep_image() {
  for_each_below<2>([](auto type) {
    DUET_KEEP(kUnfold, ImageCall, unfold, decltype(type)::value);
    DUET_KEEP(kFold, ImageCall, fold, decltype(type)::value);
  });
  for_each_below<kBool>([](auto type) { DUET_KEEP(kUnwindows, ImageCall, unwindows, decltype(type)::value); });
  for_each_below<kComputedDTypes>(
      [](auto type) { DUET_KEEP(kMaxPoolIndex, ImageCall, max_pool_index, decltype(type)::value); });
}

}  // namespace duet::kernel
