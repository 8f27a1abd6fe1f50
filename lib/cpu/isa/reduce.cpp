// Sums, products, extrema and their positions over streams of elements. See reduce.h for the orders.

#include "cpu/reduce.h"

#include "cpu/isa/reduce_col.h"
#include "cpu/isa/reduce_row.h"

namespace duet::cpu::DUET_ISA {
namespace {

template <class T>
const T* take(const Stream<T>& x, int64_t begin, int64_t n, T* scratch) {
  return x.data != nullptr ? x.data + begin : x.get(x.ctx, begin, n, scratch);
}

template <class Op, class P, class T>
void reduce_rows(const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, T* y) {
  if (n <= 0) {
    for (int64_t r = row_begin; r < row_end; ++r) y[r] = static_cast<T>(Op::kEmpty);
    return;
  }
  alignas(64) T scratch[kReduceChunk];
  if (n <= kReduceChunk) {
    const int64_t together = x.data != nullptr ? row_end - row_begin : kReduceChunk / n;
    for (int64_t r = row_begin; r < row_end; r += together) {
      const int64_t rows = least(together, row_end - r);
      RowOrder<Op, P>::rows(take(x, r * n, rows * n, scratch), n, rows, y + r);
    }
    return;
  }
  int64_t unit = kReduceChunk;
  while (unit <= (n - 1) / kReduceChunk) unit *= kReduceChunk;
  for (int64_t r = row_begin; r < row_end; ++r) y[r] = RowOrder<Op, P>::row(x, r * n, n, unit, scratch);
}

template <class Op, class P, class T>
void reduce_chunks(const Stream<T>& x, int64_t n, int64_t row, int64_t chunk_begin, int64_t chunk_end, T* results) {
  alignas(64) T scratch[kReduceChunk];
  for (int64_t c = chunk_begin; c < chunk_end; ++c) {
    const int64_t begin = c * kReduceChunk;
    results[c] = RowOrder<Op, P>::row(x, row * n + begin, least(kReduceChunk, n - begin), 1, scratch);
  }
}

template <class Op, class P, class T>
void reduce_columns(const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range, T* y) {
  for (int64_t o = range.outer_begin; o < range.outer_end; ++o) {
    if (n > 0) {
      ColumnOrder<Op, P>::part(x, n, inner, o, 0, n, range.inner_begin, range.inner_end, y + o * inner);
    } else {
      for (int64_t i = range.inner_begin; i < range.inner_end; ++i) y[o * inner + i] = static_cast<T>(Op::kEmpty);
    }
  }
}

/// True when x displaces the best so far: the first of several equal, and the first NaN, stay.
template <class Op, class T>
bool displaces(T x, T best) {
  return Op::beats(x, best) || (x != x && best == best);
}

/// The first place of `value`, which is among x; NaN stands for any NaN.
template <class P, class T>
int64_t find(const T* x, int64_t n, T value) {
  const P wanted = P::broadcast(value);
  int64_t j = 0;
  for (; j + P::kLanes <= n; j += P::kLanes) {
    const P here = P::load(x + j);
    if (any(value != value ? here != here : here == wanted)) break;
  }
  while (j + 1 < n && !(x[j] == value || (value != value && x[j] != x[j]))) ++j;
  return j;
}

template <class Op, class P, class T>
void place_rows(const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, int64_t* y) {
  alignas(64) T scratch[kReduceChunk];
  if (n > kReduceChunk) {
    for (int64_t r = row_begin; r < row_end; ++r) {
      T best = 0;
      int64_t best_begin = 0;
      for (int64_t begin = 0; begin < n; begin += kReduceChunk) {
        const T value = RowOrder<Op, P>::row(x, r * n + begin, least(kReduceChunk, n - begin), 1, scratch);
        if (begin > 0 && !displaces<Op>(value, best)) continue;
        best = value;
        best_begin = begin;
      }
      const int64_t length = least(kReduceChunk, n - best_begin);
      y[r] = best_begin + find<P>(take(x, r * n + best_begin, length, scratch), length, best);
    }
    return;
  }
  alignas(64) T best[P::kLanes];
  const int64_t together = least(P::kLanes, kReduceChunk / n);
  for (int64_t r = row_begin; r < row_end; r += together) {
    const int64_t rows = least(together, row_end - r);
    const T* at = take(x, r * n, rows * n, scratch);
    RowOrder<Op, P>::rows(at, n, rows, best);
    for (int64_t i = 0; i < rows; ++i) y[r + i] = find<P>(at + i * n, n, best[i]);
  }
}

template <class Op, class T>
void place_columns(const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range, int64_t* y) {
  T scratch[kReduceChunk];
  T best[kReduceChunk];
  for (int64_t o = range.outer_begin; o < range.outer_end; ++o) {
    for (int64_t i = range.inner_begin; i < range.inner_end; i += kReduceChunk) {
      const int64_t cols = least(kReduceChunk, range.inner_end - i);
      int64_t* at = y + o * inner + i;
      for (int64_t r = 0; r < n; ++r) {
        const T* row = take(x, (o * n + r) * inner + i, cols, scratch);
        for (int64_t c = 0; c < cols; ++c) {
          if (r > 0 && !displaces<Op>(row[c], best[c])) continue;
          best[c] = row[c];
          at[c] = r;
        }
      }
    }
  }
}

/// f of the reduction of a kind.
template <class F>
void with_op(ReduceKind kind, F f) {
  with_reduction<Sum, Max, Min, Prod>(kind, f);
}
/// f of the extremum of a kind.
template <class F>
void with_extremum(ReduceKind kind, F f) {
  kind == ReduceKind::min ? f(Min()) : f(Max());
}

}  // namespace

#define DUET_DEFINE_REDUCTIONS(T, P)                                                                                   \
  void row_reduce(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, T* y) {          \
    with_op(kind, [&](auto op) { reduce_rows<decltype(op), P>(x, n, row_begin, row_end, y); });                        \
  }                                                                                                                    \
  void row_chunks(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row, int64_t chunk_begin, int64_t chunk_end, \
                  T* results) {                                                                                        \
    with_op(kind, [&](auto op) { reduce_chunks<decltype(op), P>(x, n, row, chunk_begin, chunk_end, results); });       \
  }                                                                                                                    \
  void col_reduce(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range, T* y) {     \
    with_op(kind, [&](auto op) { reduce_columns<decltype(op), P>(x, n, inner, range, y); });                           \
  }                                                                                                                    \
  void col_chain(ReduceKind kind, const T* x, int64_t rows, int64_t inner, bool fresh, T* acc) {                       \
    with_op(kind, [&](auto op) { ColumnOrder<decltype(op), P>::chain(x, rows, inner, fresh, acc); });                  \
  }                                                                                                                    \
  void col_join(ReduceKind kind, T* parts, int64_t count, int64_t inner) {                                             \
    with_op(kind, [&](auto op) { ColumnOrder<decltype(op), P>::join(parts, count, inner); });                          \
  }                                                                                                                    \
  void row_place(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t row_begin, int64_t row_end, int64_t* y) {     \
    with_extremum(kind, [&](auto op) { place_rows<decltype(op), P>(x, n, row_begin, row_end, y); });                   \
  }                                                                                                                    \
  void col_place(ReduceKind kind, const Stream<T>& x, int64_t n, int64_t inner, const ColumnRange& range,              \
                 int64_t* y) {                                                                                         \
    with_extremum(kind, [&](auto op) { place_columns<decltype(op)>(x, n, inner, range, y); });                         \
  }

DUET_DEFINE_REDUCTIONS(float, F32)
DUET_DEFINE_REDUCTIONS(double, F64)

}  // namespace duet::cpu::DUET_ISA
