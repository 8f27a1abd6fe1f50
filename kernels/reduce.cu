// Reductions: floats in the two orders of lib/cpu/reduce.h, which are functions of extents alone; integers, truth and
// places, which have one result in any order.
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

inline constexpr int kLanes = 128, kChunk = 4096, kColumnChunk = 32;

template <int Kind, class T>
DUET_DEVICE T combine(T a, T b) {
  if constexpr (Kind == kSum) return a + b;
  if constexpr (Kind == kProd) return a * b;
  if constexpr (Kind == kMax) return a > b || a != a ? a : b;
  if constexpr (Kind == kMin) return a < b || a != a ? a : b;
}
template <int Kind, class T>
DUET_DEVICE T identity() {
  constexpr T kInfinity = static_cast<T>(__builtin_inf());
  return Kind == kSum ? T(-0.0) : Kind == kProd ? T(1) : Kind == kMax ? -kInfinity : kInfinity;
}

// A warp a chunk of a row: a thread has four of the 128 lanes, and no thread waits for another warp's.
template <int Kind, int Type>
DUET_KERNEL reduce_rows(const RowCall c) {
  using T = Element<Type>;
  constexpr int kWarp = 32, kWarps = kThreads / kWarp, kOwn = kLanes / kWarp;
  auto join = [](T a, T b) { return combine<Kind>(a, b); };
  PerThread<T> sums;
  for (int64_t first = block() * kWarps; first < c.rows * c.chunks; first += blocks() * kWarps) {
    phase([&](int t) {
      sums[t] = identity<Kind, T>();
      const int64_t mine = first + t / kWarp;
      if (mine >= c.rows * c.chunks) return;
      const int64_t row = mine / c.chunks, begin = mine % c.chunks * kChunk, start = row * c.n + begin + t % kWarp;
      const int64_t n = c.n - begin < kChunk ? c.n - begin : kChunk;
      T lane[kOwn];
#pragma unroll
      for (int k = 0; k < kOwn; ++k) lane[k] = identity<Kind, T>();
      int64_t j = 0;
      if (c.x.kind == Operand::dense) {  // whole turns over the lanes: many loads on their way at once
        const T* x = static_cast<const T*>(c.x.data) + start;
#pragma unroll 4
        for (; j + kLanes <= n; j += kLanes) {
#pragma unroll
          for (int k = 0; k < kOwn; ++k) lane[k] = join(lane[k], x[j + k * kWarp]);
        }
      }
#pragma unroll 1
      for (; j < n; j += kLanes) {
#pragma unroll
        for (int k = 0; k < kOwn; ++k)
          if (j + k * kWarp + t % kWarp < n) lane[k] = join(lane[k], at<T>(c.x, start + j + k * kWarp));
      }
      sums[t] = join(join(lane[0], lane[2]), join(lane[1], lane[3]));  // 64 apart, then 32
    });
    sums.halve_warps(join);
    phase([&](int t) {
      const int64_t mine = first + t / kWarp;
      if (t % kWarp == 0 && mine < c.rows * c.chunks) static_cast<T*>(c.y)[mine] = sums[t];
    });
  }
}

// The chains of chunks of rows.
template <int Kind, int Type>
DUET_KERNEL reduce_columns(const ColumnCall c) {
  using T = Element<Type>;
  each_element(c.outer * c.chunks * c.inner, [&](int64_t i) {
    const int64_t column = i % c.inner, chunk = i / c.inner % c.chunks, outer = i / c.inner / c.chunks;
    const int64_t begin = chunk * kColumnChunk, first = (outer * c.n + begin) * c.inner + column;
    const int rows = static_cast<int>(begin + kColumnChunk < c.n ? kColumnChunk : c.n - begin);
    T sum = identity<Kind, T>();
    if (c.x.kind == Operand::dense) {
      const T* x = static_cast<const T*>(c.x.data) + first;
#pragma unroll 8
      for (int r = 0; r < rows; ++r) sum = combine<Kind>(sum, x[r * c.inner]);
    } else {
#pragma unroll 1
      for (int r = 0; r < rows; ++r) sum = combine<Kind>(sum, at<T>(c.x, first + r * c.inner));
    }
    static_cast<T*>(c.y)[i] = sum;
  });
}

// Neighbouring pairs, pairs of pairs, …, an odd last one carried over, of up to 64 rows at a time: a power of two, so
// that groups of groups are the same tree. The partial results wait as the digits of a binary counter do.
template <int Kind, int Type>
DUET_KERNEL join_columns(const ColumnCall c) {
  using T = Element<Type>;
  constexpr int kLevels = 6;
  each_element(c.outer * c.chunks * c.inner, [&](int64_t i) {
    const int64_t column = i % c.inner, group = i / c.inner % c.chunks, outer = i / c.inner / c.chunks;
    const int64_t begin = group << kLevels;
    const int count = static_cast<int>(c.n - begin < (1 << kLevels) ? c.n - begin : 1 << kLevels);
    const T* x = static_cast<const T*>(c.x.data) + (outer * c.n + begin) * c.inner + column;
    T level[kLevels + 1];
    for (int r = 0; r < count; ++r) {
      T v = x[r * c.inner];
      bool carried = true;
#pragma unroll
      for (int l = 0; l < kLevels; ++l) {
        if (carried && (r >> l & 1) != 0) {
          v = combine<Kind>(level[l], v);
        } else if (carried) {
          level[l] = v;
          carried = false;
        }
      }
      if (carried) level[kLevels] = v;
    }
    T sum = T(0);
    bool any = false;
#pragma unroll
    for (int l = 0; l <= kLevels; ++l)
      if ((count >> l & 1) != 0) sum = any ? combine<Kind>(level[l], sum) : level[l], any = true;
    static_cast<T*>(c.y)[i] = sum;
  });
}

/// One block a row: f(j) gives what element j of the row is, join(a, b) combines, in any order.
template <class V, class F, class Join>
DUET_DEVICE void reduce_block(V* shared, int64_t n, V identity_value, F f, Join join) {
  phase([&](int t) {
    V v = identity_value;
    for (int64_t j = t; j < n; j += kThreads) v = join(v, f(j));
    shared[t] = v;
  });
  for (int s = kThreads / 2; s > 0; s /= 2)
    phase([&](int t) {
      if (t < s) shared[t] = join(shared[t], shared[t + s]);
    });
}

template <int Kind, int Type>
DUET_KERNEL reduce_integers(const RowCall c) {
  using E = Element<Type>;
  using Y = std::conditional_t<Kind == kSum || Kind == kProd, int64_t, E>;
  using L = math::Lane<int64_t>;
  DUET_SHARED int64_t shared[kThreads];
  constexpr int64_t kLeast = INT64_MIN, kMost = INT64_MAX;
  for (int64_t row = block(); row < c.rows; row += blocks()) {
    reduce_block<int64_t>(
        shared, c.n,
        Kind == kSum    ? 0
        : Kind == kProd ? 1
        : Kind == kMax  ? kLeast
                        : kMost,
        [&](int64_t j) { return static_cast<int64_t>(at<E>(c.x, row * c.n + j)); },
        [](int64_t a, int64_t b) -> int64_t {
          if constexpr (Kind == kSum) return (L::of(a) + L::of(b)).v;
          if constexpr (Kind == kProd) return (L::of(a) * L::of(b)).v;
          if constexpr (Kind == kMax) return a < b ? b : a;
          if constexpr (Kind == kMin) return b < a ? b : a;
        });
    phase([&](int t) {
      if (t == 0) static_cast<Y*>(c.y)[row] = static_cast<Y>(shared[0]);
    });
  }
}

template <int All, int Type>
DUET_KERNEL truth(const RowCall c) {
  DUET_SHARED int shared[kThreads];
  for (int64_t row = block(); row < c.rows; row += blocks()) {
    reduce_block<int>(
        shared, c.n, All, [&](int64_t j) { return at<Element<Type>>(c.x, row * c.n + j) != Element<Type>(0) ? 1 : 0; },
        [](int a, int b) { return All ? a & b : a | b; });
    phase([&](int t) {
      if (t == 0) static_cast<uint8_t*>(c.y)[row] = static_cast<uint8_t>(shared[0]);
    });
  }
}

// The first of the extrema; a NaN wins, the first one.
template <int Kind, int Type>
DUET_KERNEL find_place(const RowCall c) {
  using E = Element<Type>;
  struct Best {
    E v;
    int64_t at;  // -1: none yet
  };
  DUET_SHARED Best shared[kThreads];
  for (int64_t row = block(); row < c.rows; row += blocks()) {
    reduce_block<Best>(
        shared, c.n, Best{E(0), -1},
        [&](int64_t j) {
          return Best{at<E>(c.x, row * c.n + j), j};
        },
        [](Best a, Best b) {
          if (a.at < 0) return b;
          if (b.at < 0) return a;
          const bool a_nan = a.v != a.v, b_nan = b.v != b.v;
          if (a_nan != b_nan) return a_nan ? a : b;
          if (!a_nan && a.v != b.v) return (Kind == kMax ? b.v < a.v : a.v < b.v) ? a : b;
          return a.at < b.at ? a : b;
        });
    phase([&](int t) {
      if (t == 0) static_cast<int64_t*>(c.y)[row] = shared[0].at;
    });
  }
}

void keep_reduce() {
  for_each_below<4>([](auto kind) {
    constexpr int kKind = decltype(kind)::value;
    for_each_below<2>([](auto type) {
      constexpr int kType = decltype(type)::value;
      DUET_KEEP(kReduceRows, RowCall, reduce_rows, kKind, kType);
      DUET_KEEP(kReduceColumns, ColumnCall, reduce_columns, kKind, kType);
      DUET_KEEP(kJoinColumns, ColumnCall, join_columns, kKind, kType);
    });
    for_each_of(std::integer_sequence<int, kI32, kI64, kU8, kBool>(),
                [](auto type) { DUET_KEEP(kReduceIntegers, RowCall, reduce_integers, kKind, decltype(type)::value); });
  });
  for_each_below<kDTypes>([](auto type) {
    constexpr int kType = decltype(type)::value;
    DUET_KEEP(kTruth, RowCall, truth, 0, kType);
    DUET_KEEP(kTruth, RowCall, truth, 1, kType);
    DUET_KEEP(kFindPlace, RowCall, find_place, kMax, kType);
    DUET_KEEP(kFindPlace, RowCall, find_place, kMin, kType);
  });
}

}  // namespace duet::kernel
