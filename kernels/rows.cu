// Work along rows: scans, whose chains are one thread each, and sorting, where each element counts those before it.
#include "cpu/sort.h"
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

inline constexpr int kCumsumKind = 0, kExclusiveProduct = 1, kRecurrence = 2;  // cpu::ScanKind's values

template <int Kind, int Type>
DUET_KERNEL scan(const ScanCall c) {
  using E = Element<Type>;
  using Y = std::conditional_t<(Type <= kF64), E, int64_t>;
  using S = std::conditional_t<(Type <= kF64), double, uint64_t>;  // what a chain carries along
  each_element(c.outer * c.inner, [&](int64_t chain) {
    const int64_t first = chain / c.inner * c.n * c.inner + chain % c.inner;
    S state = S(0);
    for (int64_t j = 0; j < c.n; ++j) {
      const int64_t i = first + (c.reverse ? c.n - 1 - j : j) * c.inner;
      const S x = static_cast<S>(at<E>(c.x, i));
      const S before = j == 0 ? S(1) : state;
      if (j == 0)
        state = x;
      else if constexpr (Kind == kCumsumKind)
        state = state + x;
      else if constexpr (Kind == kExclusiveProduct)
        state = state * x;
      else
        state = static_cast<S>(at<E>(c.a, i)) * state + x;
      static_cast<Y*>(c.y)[i] = static_cast<Y>(Kind == kExclusiveProduct ? before : state);
    }
  });
}

// An element's place in the order is the number of elements before it: no two are equal, since their places differ.
template <int Type>
DUET_KERNEL sort_rows(const SortCall c) {
  using E = Element<Type>;
  auto key = [&](E v) { return c.descending ? cpu::descending_key(v) : cpu::ascending_key(v); };
  each_element(c.rows * c.n, [&](int64_t i) {
    const int64_t row = i / c.n, mine = i % c.n;
    const E v = at<E>(c.x, i);
    const uint64_t k = key(v);
    int64_t rank = 0;
    for (int64_t j = 0; j < c.n; ++j) {
      const uint64_t other = key(at<E>(c.x, row * c.n + j));
      rank += other < k || (other == k && j < mine) ? 1 : 0;
    }
    if (rank >= c.keep) return;
    if (c.values != nullptr) static_cast<E*>(c.values)[row * c.keep + rank] = v;
    c.indices[row * c.keep + rank] = mine;
  });
}

// y[row, places[row, k]] = x[row, k]; y is zero before.
template <int Type>
DUET_KERNEL unsort(const PlaceCall c) {
  using E = Element<Type>;
  each_element(c.rows * c.count, [&](int64_t i) {
    const int64_t to = at<int64_t>(c.places, i);
    if (to >= 0 && to < c.n) static_cast<E*>(c.y)[i / c.count * c.n + to] = at<E>(c.x, i);
  });
}

template <int Type>
DUET_KERNEL resort(const PlaceCall c) {
  using E = Element<Type>;
  each_element(c.rows * c.count, [&](int64_t i) {
    const int64_t from = at<int64_t>(c.places, i);
    static_cast<E*>(c.y)[i] = from >= 0 && from < c.n ? at<E>(c.x, i / c.count * c.n + from) : E(0);
  });
}

void keep_rows() {
  for_each_below<2>([](auto type) {
    DUET_KEEP(kScan, ScanCall, scan, kCumsumKind, decltype(type)::value);
    DUET_KEEP(kScan, ScanCall, scan, kExclusiveProduct, decltype(type)::value);
    DUET_KEEP(kScan, ScanCall, scan, kRecurrence, decltype(type)::value);
  });
  for_each_of(std::integer_sequence<int, kI32, kI64, kU8, kBool>(),
              [](auto type) { DUET_KEEP(kScan, ScanCall, scan, kCumsumKind, decltype(type)::value); });
  for_each_below<kComputedDTypes>([](auto type) { DUET_KEEP(kSortRows, SortCall, sort_rows, decltype(type)::value); });
  for_each_of(std::integer_sequence<int, kU8, kI32, kI64>(), [](auto type) {
    DUET_KEEP(kUnsort, PlaceCall, unsort, decltype(type)::value);
    DUET_KEEP(kResort, PlaceCall, resort, decltype(type)::value);
  });
}

}  // namespace duet::kernel
