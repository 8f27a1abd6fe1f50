#pragma once

// Reductions of integers and bools into i64. They wrap around and so have one result in any order: plain loops.

#include <cstdint>
#include <limits>

#include "cpu/reduce.h"

namespace duet::cpu {
namespace integers {

template <class T>
const T* take(const Stream<T>& x, int64_t begin, int64_t n, T* scratch) {
  return x.data != nullptr ? x.data + begin : x.get(x.ctx, begin, n, scratch);
}

inline int64_t identity(ReduceKind kind) { return kind == ReduceKind::sum ? 0 : std::numeric_limits<int64_t>::min(); }

inline int64_t combine(ReduceKind kind, int64_t a, int64_t b) {
  if (kind == ReduceKind::max) return a < b ? b : a;
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

template <class T, class Body>
void for_each_piece(const Stream<T>& x, int64_t begin, int64_t n, const Body& body) {
  T scratch[kReduceChunk];
  for (int64_t at = 0; at < n; at += kReduceChunk) {
    const int64_t here = n - at < kReduceChunk ? n - at : kReduceChunk;
    body(at, here, take(x, begin + at, here, scratch));
  }
}

}  // namespace integers

/// y[r] = reduce over j < n of x[r*n + j]. The maximum of nothing is the least i64.
template <class T>
void row_reduce_int(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, int64_t* y) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    int64_t result = integers::identity(kind);
    integers::for_each_piece(x, r * n, n, [&](int64_t, int64_t count, const T* at) {
      for (int64_t j = 0; j < count; ++j) result = integers::combine(kind, result, static_cast<int64_t>(at[j]));
    });
    y[r] = result;
  }
}

/// y[o*inner + i] = reduce over r < n of x[(o*n + r)*inner + i].
template <class T>
void col_reduce_int(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range,
                    int64_t* y) {
  const int64_t cols = range.inner_end - range.inner_begin;
  for (int64_t o = range.outer_begin; o < range.outer_end; ++o) {
    int64_t* to = y + o * inner + range.inner_begin;
    for (int64_t i = 0; i < cols; ++i) to[i] = integers::identity(kind);
    for (int64_t r = 0; r < n; ++r) {
      const int64_t begin = (o * n + r) * inner + range.inner_begin;
      integers::for_each_piece(x, begin, cols, [&](int64_t i, int64_t count, const T* at) {
        for (int64_t c = 0; c < count; ++c) {
          to[i + c] = integers::combine(kind, to[i + c], static_cast<int64_t>(at[c]));
        }
      });
    }
  }
}

/// The index of the first maximum of each row, n > 0.
template <class T>
void row_argmax_int(const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, int64_t* y) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    T best{};
    int64_t place = 0;
    integers::for_each_piece(x, r * n, n, [&](int64_t begin, int64_t count, const T* at) {
      for (int64_t j = 0; j < count; ++j) {
        if (begin + j > 0 && !(best < at[j])) continue;
        best = at[j];
        place = begin + j;
      }
    });
    y[r] = place;
  }
}

template <class T>
void col_argmax_int(const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range, int64_t* y) {
  T scratch[1];
  for (int64_t o = range.outer_begin; o < range.outer_end; ++o) {
    for (int64_t i = range.inner_begin; i < range.inner_end; ++i) {
      T best{};
      int64_t& place = y[o * inner + i];
      for (int64_t r = 0; r < n; ++r) {
        const T value = *integers::take(x, (o * n + r) * inner + i, 1, scratch);
        if (r > 0 && !(best < value)) continue;
        best = value;
        place = r;
      }
    }
  }
}

}  // namespace duet::cpu
