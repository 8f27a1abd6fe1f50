#pragma once

// Reductions on the CPU, in the two orders of the bit contract. Both are functions of logical extents alone. Let «+» be
// the reduction and «e» its identity (sum: -0, since x + -0 is x for every x; max: -inf and min: +inf, where a NaN
// wins; prod: 1).
//
//   Row order, for the trailing run of reduced axes, n elements x[0..n):
//     n <= 4096: lane l of 128 is ((e + x[l]) + x[l + 128]) + x[l + 256] + …; then lane l becomes lane l + lane l + s
//                for s = 64, 32 … 1; the result is lane 0.
//     n >  4096: the row is cut in chunks of 4096, the last may be shorter; the results of the chunks, in order, are a
//     row
//                reduced by this same rule.
//   Column order, for other reduced axes, flattened to n rows:
//     chunks of 32 rows, the last may be shorter, each the chain ((e + x[0]) + x[1]) + …; then the results of the
//     chunks are added in neighbouring pairs, an odd last one is carried over unchanged, and so on until one is left.
//   The sum of nothing is +0, the maximum -inf, the minimum +inf, the product 1.
//
// Integers have one result in any order: reduce_int.h.

#include <cstdint>

namespace duet::cpu {

enum class ReduceKind : uint8_t { sum, max, min, prod };

/// f of the type that computes a reduction of a kind.
template <class Sum, class Max, class Min, class Prod, class F>
void with_reduction(ReduceKind kind, F f) {
  switch (kind) {
    case ReduceKind::sum:
      return f(Sum());
    case ReduceKind::max:
      return f(Max());
    case ReduceKind::min:
      return f(Min());
    case ReduceKind::prod:
      return f(Prod());
  }
}

inline constexpr int64_t kReduceLanes = 128;
inline constexpr int64_t kReduceChunk = 4096;
inline constexpr int64_t kColumnChunk = 32;

/// The elements of a logical row-major tensor, as they are needed. Either `data` holds all of them, or get() gives
/// elements [begin, begin + n), n <= 4096, as contiguous memory: a pointer of its own, or `scratch` filled.
template <class T>
struct Stream {
  const T* data = nullptr;
  const T* (*get)(void* ctx, int64_t begin, int64_t n, T* scratch) = nullptr;
  void* ctx = nullptr;
};

/// A block of the results of a reduction over the middle axis of x[outer, n, inner].
struct ColumnRange {
  int64_t outer_begin, outer_end, inner_begin, inner_end;
};

#define DUET_DECLARE_REDUCTIONS(T)                                                                                     \
  /* y[r] = reduce over j < n of x[r*n + j], for r in [row_begin, row_end). */                                         \
  void row_reduce(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, T* y);           \
  /* One long row in parts: results[c] for its chunks c in [chunk_begin, chunk_end). They are then a row to reduce. */ \
  void row_chunks(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row, int64_t chunk_begin, int64_t chunk_end, \
                  T* results);                                                                                         \
  /* y[o*inner + i] = reduce over r < n of x[(o*n + r)*inner + i]. */                                                  \
  void col_reduce(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range, T* y);      \
  /* The chains acc[i] of a chunk grow by rows x[r*inner + i]; when `fresh` they begin with the first row. */          \
  void col_chain(ReduceKind kind, const T* x, int64_t rows, int64_t inner, bool fresh, T* acc);                        \
  /* parts[i] = the chunks parts[p*inner + i], p < count, joined. */                                                   \
  void col_join(ReduceKind kind, T* parts, int64_t count, int64_t inner);                                              \
  /* The index of the first maximum or minimum (by kind) of each row, n > 0; a NaN wins, the first one. */             \
  void row_place(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, int64_t* y);      \
  void col_place(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range, int64_t* y);

#define DUET_DECLARE_REDUCTIONS_OF(isa) \
  namespace isa {                       \
  DUET_DECLARE_REDUCTIONS(float)        \
  DUET_DECLARE_REDUCTIONS(double)       \
  }

DUET_DECLARE_REDUCTIONS_OF(base)
DUET_DECLARE_REDUCTIONS_OF(v3)
DUET_DECLARE_REDUCTIONS_OF(v4)

#undef DUET_DECLARE_REDUCTIONS_OF
#undef DUET_DECLARE_REDUCTIONS

}  // namespace duet::cpu
