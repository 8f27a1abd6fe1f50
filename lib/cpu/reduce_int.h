#pragma once

// Reductions of integers and bools into i64, and of any element into true or false. They have one result in any order
// (sums and products wrap around): plain loops.

#include <cstdint>
#include <limits>

#include "cpu/reduce.h"

namespace duet::cpu {
namespace integers {

template <class T>
const T* take(const Stream<T>& x, int64_t begin, int64_t n, T* scratch) {
  return x.data != nullptr ? x.data + begin : x.get(x.ctx, begin, n, scratch);
}

struct Sum {
  static constexpr int64_t kIdentity = 0;
  static int64_t combine(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
};
struct Max {
  static constexpr int64_t kIdentity = std::numeric_limits<int64_t>::min();
  static int64_t combine(int64_t a, int64_t b) { return a < b ? b : a; }
};
struct Min {
  static constexpr int64_t kIdentity = std::numeric_limits<int64_t>::max();
  static int64_t combine(int64_t a, int64_t b) { return b < a ? b : a; }
};
struct Prod {
  static constexpr int64_t kIdentity = 1;
  static int64_t combine(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};

/// f of the reduction of a kind.
template <class F>
void with_op(ReduceKind kind, F f) {
  with_reduction<Sum, Max, Min, Prod>(kind, f);
}

template <class T, class Body>
void for_each_piece(const Stream<T>& x, int64_t begin, int64_t n, const Body& body) {
  T scratch[kReduceChunk];
  for (int64_t at = 0; at < n; at += kReduceChunk) {
    const int64_t here = n - at < kReduceChunk ? n - at : kReduceChunk;
    body(at, here, take(x, begin + at, here, scratch));
  }
}

/// True when x comes before the best so far.
template <class T>
bool beats(ReduceKind kind, T x, T best) {
  return kind == ReduceKind::min ? x < best : best < x;
}

}  // namespace integers

/// y[r] = reduce over j < n of x[r*n + j]. The maximum of nothing is the least i64, the minimum the greatest.
template <class T>
void row_reduce_int(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, int64_t* y) {
  integers::with_op(kind, [&](auto op) {
    for (int64_t r = row_begin; r < row_end; ++r) {
      int64_t result = op.kIdentity;
      integers::for_each_piece(x, r * n, n, [&](int64_t, int64_t count, const T* at) {
        for (int64_t j = 0; j < count; ++j) result = op.combine(result, static_cast<int64_t>(at[j]));
      });
      y[r] = result;
    }
  });
}

/// y[o*inner + i] = reduce over r < n of x[(o*n + r)*inner + i].
template <class T>
void col_reduce_int(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range,
                    int64_t* y) {
  const int64_t cols = range.inner_end - range.inner_begin;
  integers::with_op(kind, [&](auto op) {
    for (int64_t o = range.outer_begin; o < range.outer_end; ++o) {
      int64_t* to = y + o * inner + range.inner_begin;
      for (int64_t i = 0; i < cols; ++i) to[i] = op.kIdentity;
      for (int64_t r = 0; r < n; ++r) {
        const int64_t begin = (o * n + r) * inner + range.inner_begin;
        integers::for_each_piece(x, begin, cols, [&](int64_t i, int64_t count, const T* at) {
          for (int64_t c = 0; c < count; ++c) to[i + c] = op.combine(to[i + c], static_cast<int64_t>(at[c]));
        });
      }
    }
  });
}

/// Whether any (kAll: all) of a row's elements are something else than 0; NaN is. Of nothing: not any, all.
template <bool kAll, class T>
void row_truth(const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, uint8_t* y) {
  T scratch[kReduceChunk];
  for (int64_t r = row_begin; r < row_end; ++r) {
    unsigned decided = 0;  // by a zero for all, by another number for any
    for (int64_t begin = 0; begin < n && decided == 0; begin += kReduceChunk) {
      const int64_t here = n - begin < kReduceChunk ? n - begin : kReduceChunk;
      const T* at = integers::take(x, r * n + begin, here, scratch);
      for (int64_t j = 0; j < here; ++j) decided |= static_cast<unsigned>((at[j] == T(0)) == kAll);
    }
    y[r] = (decided != 0) != kAll;
  }
}

/// The same over columns: y[o*inner + i] of x[(o*n + r)*inner + i], r < n.
template <bool kAll, class T>
void col_truth(const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range, uint8_t* y) {
  const int64_t cols = range.inner_end - range.inner_begin;
  for (int64_t o = range.outer_begin; o < range.outer_end; ++o) {
    uint8_t* to = y + o * inner + range.inner_begin;
    for (int64_t i = 0; i < cols; ++i) to[i] = kAll;
    for (int64_t r = 0; r < n; ++r) {
      const int64_t begin = (o * n + r) * inner + range.inner_begin;
      integers::for_each_piece(x, begin, cols, [&](int64_t i, int64_t count, const T* at) {
        for (int64_t c = 0; c < count; ++c) {
          const bool truth = at[c] != T(0);
          to[i + c] = static_cast<uint8_t>(kAll ? to[i + c] & uint8_t{truth} : to[i + c] | uint8_t{truth});
        }
      });
    }
  }
}

/// The index of the first maximum or minimum (by kind) of each row, n > 0.
template <class T>
void row_place_int(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, int64_t* y) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    T best{};
    int64_t place = 0;
    integers::for_each_piece(x, r * n, n, [&](int64_t begin, int64_t count, const T* at) {
      for (int64_t j = 0; j < count; ++j) {
        if (begin + j > 0 && !integers::beats(kind, at[j], best)) continue;
        best = at[j];
        place = begin + j;
      }
    });
    y[r] = place;
  }
}

template <class T>
void col_place_int(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range,
                   int64_t* y) {
  T best[kReduceChunk], scratch[kReduceChunk];
  for (int64_t o = range.outer_begin; o < range.outer_end; ++o) {
    for (int64_t i = range.inner_begin; i < range.inner_end; i += kReduceChunk) {
      const int64_t cols = range.inner_end - i < kReduceChunk ? range.inner_end - i : kReduceChunk;
      int64_t* place = y + o * inner + i;
      for (int64_t r = 0; r < n; ++r) {
        const T* row = integers::take(x, (o * n + r) * inner + i, cols, scratch);
        for (int64_t c = 0; c < cols; ++c) {
          if (r > 0 && !integers::beats(kind, row[c], best[c])) continue;
          best[c] = row[c];
          place[c] = r;
        }
      }
    }
  }
}

}  // namespace duet::cpu
