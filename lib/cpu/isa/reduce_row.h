#pragma once

// The row order of reduce.h on registers.

#include "cpu/isa/shuffle.h"
#include "cpu/packet.h"
#include "cpu/reduce.h"

namespace duet::cpu::DUET_ISA {

struct Sum {
  static constexpr double kIdentity = -0.0;
  static constexpr double kEmpty = 0.0;
  template <class V>
  static DUET_FN V combine(const V& a, const V& b) {
    return a + b;
  }
};

struct Max {
  static constexpr double kIdentity = -__builtin_inf();
  static constexpr double kEmpty = kIdentity;
  // a where a > b or a is NaN, else b.
  template <class S>
  static DUET_FN Packet<S> combine(const Packet<S>& a, const Packet<S>& b) {
    return select(a != a, a, raw_max(a, b));
  }
  static DUET_FN float combine(float a, float b) { return beats(a, b) || a != a ? a : b; }
  static DUET_FN double combine(double a, double b) { return beats(a, b) || a != a ? a : b; }
  template <class T>
  static DUET_FN bool beats(T a, T b) {
    return a > b;
  }
};

struct Min {
  static constexpr double kIdentity = __builtin_inf();
  static constexpr double kEmpty = kIdentity;
  // a where a < b or a is NaN, else b.
  template <class S>
  static DUET_FN Packet<S> combine(const Packet<S>& a, const Packet<S>& b) {
    return select(a != a, a, raw_min(a, b));
  }
  static DUET_FN float combine(float a, float b) { return beats(a, b) || a != a ? a : b; }
  static DUET_FN double combine(double a, double b) { return beats(a, b) || a != a ? a : b; }
  template <class T>
  static DUET_FN bool beats(T a, T b) {
    return a < b;
  }
};

struct Prod {
  static constexpr double kIdentity = 1.0;
  static constexpr double kEmpty = 1.0;
  template <class V>
  static DUET_FN V combine(const V& a, const V& b) {
    return a * b;
  }
};

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class Op, class P>
class RowOrder {
  using T = typename P::Element;
  static constexpr int kLanes = P::kLanes;
  static constexpr int kVecs = static_cast<int>(kReduceLanes) / kLanes;
  // So many sums stay in registers at once; more lanes take another turn over the chunk, which is in the nearest cache.
#if defined(__AVX512F__)
  static constexpr int kGroup = kVecs < 16 ? kVecs : 16;
#else
  static constexpr int kGroup = 8;
#endif

  static DUET_FN P identity() { return P::broadcast(static_cast<T>(Op::kIdentity)); }

  /// The first n elements of x, n < kLanes, then identities.
  static DUET_FN P partial(const T* x, int64_t n) {
    const int lanes = static_cast<int>(n);
    return select(P::Mask::first(lanes), P::load_partial(x, lanes), identity());
  }

  /// Halves kCount registers down to one.
  template <int kCount>
  static DUET_FN P halve(P (&v)[kCount]) {
#pragma GCC unroll 32
    for (int s = kCount / 2; s > 0; s /= 2) {
#pragma GCC unroll 16
      for (int i = 0; i < s; ++i) v[i] = Op::combine(v[i], v[i + s]);
    }
    return v[0];
  }

  /// A row of more than half of kCount registers, or less than one: identities fill the rest, which leaves only the end
  /// of the tree.
  template <int kCount>
  static DUET_FN P within(const T* x, int64_t n) {
    P v[kCount];
    const int64_t whole = n / kLanes, rest = n % kLanes;
#pragma GCC unroll 32
    for (int i = 0; i < kCount; ++i) {
      v[i] = i < kCount / 2 || i < whole ? P::load(x + i * kLanes)
             : i == whole && rest > 0    ? partial(x + i * kLanes, rest)
                                         : identity();
    }
    return halve(v);
  }

  static DUET_FN P chunk(const T* x, int64_t n) {
    P all[kVecs];
    const int64_t body = n / kReduceLanes * kReduceLanes;
#pragma GCC unroll 4
    for (int g = 0; g < kVecs; g += kGroup) {
      P v[kGroup];
      const T* at = x + g * kLanes;
#pragma GCC unroll 16
      for (int i = 0; i < kGroup; ++i) v[i] = P::load(at + i * kLanes);
      for (int64_t j = kReduceLanes; j < body; j += kReduceLanes) {
        at += kReduceLanes;
#pragma GCC unroll 16
        for (int i = 0; i < kGroup; ++i) v[i] = Op::combine(v[i], P::load(at + i * kLanes));
      }
#pragma GCC unroll 16
      for (int i = 0; i < kGroup; ++i) all[g + i] = v[i];
    }
    if (body < n) {
      const T* at = x + body;
      const int64_t whole = (n - body) / kLanes, rest = (n - body) % kLanes;
#pragma GCC unroll 32
      for (int i = 0; i < kVecs; ++i) {
        if (i < whole) all[i] = Op::combine(all[i], P::load(at + i * kLanes));
        if (i == whole && rest > 0) all[i] = Op::combine(all[i], partial(at + i * kLanes, rest));
      }
    }
    return halve(all);
  }

  /// y[r] for `rows` rows of n <= 4096 elements. The trees of a register's width of rows end together.
  template <P (*kRow)(const T*, int64_t)>
  static __attribute__((noinline)) void rows_with(const T* x, int64_t n, int64_t rows, T* y) {
    if (rows == 1) return fold_lanes<Op, kLanes / 2>(kRow(x, n)).store_partial(y, 1);
    for (int64_t r = 0; r < rows; r += kLanes) {
      const int64_t here = least(kLanes, rows - r);
      alignas(64) T each[kLanes * kLanes];
      for (int64_t i = 0; i < here; ++i) kRow(x + (r + i) * n, n).store(each + i * kLanes);
      P v[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) v[i] = P::load(each + least(i, here - 1) * kLanes);
      const P folded = fold_rows<Op, kLanes / 2>(v);
      here == kLanes ? folded.store(y + r) : folded.store_partial(y + r, static_cast<int>(here));
    }
  }

  template <int kCount>
  static void rows_within(const T* x, int64_t n, int64_t rows, T* y) {
    if constexpr (kCount < kVecs) {
      if (n > kCount * kLanes) return rows_within<kCount * 2>(x, n, rows, y);
    }
    rows_with<within<kCount>>(x, n, rows, y);
  }

 public:
  static void rows(const T* x, int64_t n, int64_t rows, T* y) {
    if (n > kReduceLanes) return rows_with<chunk>(x, n, rows, y);
    rows_within<1>(x, n, rows, y);
  }

  /// The row x[begin, begin + n), whose items are `unit` elements long, a power of the chunk's length.
  static T row(const Stream<T>& x, int64_t begin, int64_t n, int64_t unit, T* scratch) {
    T result;
    if (unit == 1) {
      const T* at = x.data != nullptr ? x.data + begin : x.get(x.ctx, begin, n, scratch);
      rows(at, n, 1, &result);
      return result;
    }
    T lanes[kReduceLanes];
    const int64_t items = ceil_div(n, unit);
    for (int64_t i = 0; i < items; ++i) {
      const T item = row(x, begin + i * unit, least(unit, n - i * unit), unit / kReduceChunk, scratch);
      T& lane = lanes[i % kReduceLanes];
      lane = i < kReduceLanes ? item : Op::combine(lane, item);
    }
    rows(lanes, least(items, kReduceLanes), 1, &result);
    return result;
  }
};

}  // namespace duet::cpu::DUET_ISA
