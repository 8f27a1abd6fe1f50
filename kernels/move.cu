// Elements moved and made: copies in any layout, casts, ranges, triangles.
#include "duet/ops/convert.h"
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

template <int Type>
DUET_KERNEL copy(const CopyCall c) {
  using E = Element<Type>;
  constexpr int kWide = 4;
  const int64_t groups = c.wide ? c.n / kWide : 0;
  E* y = static_cast<E*>(const_cast<void*>(c.y.data));
  each_element(groups, [&](int64_t g) { reinterpret_cast<Pack<E, kWide>*>(y)[g] = pack_of<E, kWide>(c.x, g); });
  const int64_t done = groups * kWide;
  each_element(c.n - done, [&](int64_t i) { place<E>(c.y, done + i) = at<E>(c.x, done + i); });
}

template <int From, int To>
DUET_KERNEL cast(const CastCall c) {
  using T = std::conditional_t<To == kBool, bool, Element<To>>;
  each_element(c.n, [&](int64_t i) { static_cast<T*>(c.y)[i] = convert<T>(at<Element<From>>(c.x, i)); });
}

template <int Type>
DUET_KERNEL arange(const ArangeCall c) {
  using E = Element<Type>;
  each_element(c.n, [&](int64_t i) {
    const E start = at<E>(c.start, 0), step = at<E>(c.step, 0);
    E* y = static_cast<E*>(c.y);
    if constexpr (Type <= kF64)  // one rounding, however long the range
      y[i] = static_cast<E>(static_cast<double>(start) + static_cast<double>(i) * static_cast<double>(step));
    else
      y[i] = static_cast<E>(static_cast<uint64_t>(start) + static_cast<uint64_t>(i) * static_cast<uint64_t>(step));
  });
}

template <int Type>
DUET_KERNEL triangle(const TriangleCall c) {
  using E = Element<Type>;
  each_element(c.n, [&](int64_t i) {
    const int64_t column = i % c.columns, row = i / c.columns % c.rows, off = column - row;
    static_cast<E*>(c.y)[i] = off >= c.low && off <= c.high ? at<E>(c.x, i) : E(0);
  });
}

void keep_move() {
  DUET_KEEP(kCopy, CopyCall, copy, kU8);
  DUET_KEEP(kCopy, CopyCall, copy, kI32);
  DUET_KEEP(kCopy, CopyCall, copy, kI64);
  DUET_KEEP(kTriangle, TriangleCall, triangle, kU8);
  DUET_KEEP(kTriangle, TriangleCall, triangle, kI32);
  DUET_KEEP(kTriangle, TriangleCall, triangle, kI64);
  for_each_below<kBool>([](auto type) { DUET_KEEP(kArange, ArangeCall, arange, decltype(type)::value); });
  for_each_below<kDTypes>([](auto from) {
    for_each_below<kDTypes>(
        [](auto to) { DUET_KEEP(kCast, CastCall, cast, decltype(from)::value, decltype(to)::value); });
  });
}

}  // namespace duet::kernel
