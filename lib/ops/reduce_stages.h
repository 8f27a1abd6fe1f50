// A reduction of floats in its two stages: see the orders in lib/cpu/reduce.h.
#pragma once

#include "duet/ops/record.h"
#include "ops/stream.h"

namespace duet {

/// A reduction cut into stages: trailing reduced axes are rows, the others columns.
struct Stages {
  int64_t row = 1;  // elements of a row
  bool has_row = false;
  Shape rest;            // axes before the trailing run
  unsigned reduced = 0;  // of those
  int64_t outer = 1, columns = 1, inner = 1;
  Shape permuted_shape;  // reduced axes of the rest brought together
  int order[kMaxRank] = {};
  bool permuted = false;

  /// Columns alone, which lie as the operand does.
  bool columns_alone() const { return reduced != 0 && !has_row && !permuted; }

  Stages(const Shape& shape, unsigned axes) {
    int last = shape.rank();
    while (last > 0 && ((axes >> (last - 1)) & 1u)) row *= shape[--last], has_row = true;
    rest = Shape(shape.begin(), last);
    reduced = axes & ((1u << last) - 1);
    if (reduced == 0) return;
    int first = 0, end = last;
    while (!((reduced >> first) & 1u)) ++first;
    while (!((reduced >> (end - 1)) & 1u)) --end;
    for (int a = first; a < end; ++a) permuted |= !((reduced >> a) & 1u);
    int n = 0;
    auto take = [&](int a) {
      order[n++] = a;
      permuted_shape.push_back(rest[a]);
    };
    if (permuted) {
      for (int a = 0; a < last; ++a)
        if ((reduced >> a) & 1u) take(a), columns *= rest[a];
      for (int a = 0; a < last; ++a)
        if (!((reduced >> a) & 1u)) take(a), inner *= rest[a];
    } else {
      for (int a = 0; a < last; ++a) {
        take(a);
        (a < first ? outer : a < end ? columns : inner) *= rest[a];
      }
    }
  }
};

template <class T>
const cpu::Reductions<T>& reductions() {
  if constexpr (std::is_same_v<T, float>)
    return cpu::kernels().reduce_f32;
  else
    return cpu::kernels().reduce_f64;
}

template <class T>
void row_stage(cpu::ReduceKind kind, const cpu::Stream<T>& x, int64_t n, int64_t rows, T* y) {
  const auto& k = reductions<T>();
  if (rows == 1 && part_count(2, n) > 1) {
    // One long row: its chunks are shared out, and their results are a row reduced by the same rule.
    int64_t chunks = (n + cpu::kReduceChunk - 1) / cpu::kReduceChunk;
    cpu::Temporary results(static_cast<size_t>(chunks) * sizeof(T));
    auto* r = static_cast<T*>(results.data());
    in_parts(chunks, n, [&](int64_t b, int64_t e) { k.row_chunks(kind, x, n, 0, b, e, r); });
    cpu::Stream<T> again;
    again.data = r;
    return k.row(kind, again, chunks, 0, 1, y);
  }
  in_parts(rows, rows * n, [&](int64_t b, int64_t e) { k.row(kind, x, n, b, e, y); });
}

/// body(range) for parts of the results of a reduction over columns.
void in_column_parts(const Stages& s, auto&& body) {
  const int64_t work = s.outer * s.columns * s.inner;
  if (s.outer >= s.inner)
    in_parts(s.outer, work, [&](int64_t b, int64_t e) { body(cpu::ColumnRange{b, e, 0, s.inner}); });
  else
    in_parts(s.inner, work, [&](int64_t b, int64_t e) { body(cpu::ColumnRange{0, s.outer, b, e}); });
}

template <class T>
void col_stage(cpu::ReduceKind kind, const cpu::Stream<T>& x, const Stages& s, T* y) {
  in_column_parts(s,
                  [&](const cpu::ColumnRange& range) { reductions<T>().col(kind, x, s.columns, s.inner, range, y); });
}

template <class T>
void reduce(cpu::ReduceKind kind, const Strided& in, const Stages& s, T* y) {
  int64_t rows = s.rest.numel();
  if (s.reduced == 0) {
    StridedStream<T> x(in, *in.shape, in.strides);
    return row_stage<T>(kind, x.stream, s.row, rows, y);
  }
  if (!s.has_row) {
    int64_t strides[kMaxRank];
    for (int i = 0; i < s.rest.rank(); ++i) strides[i] = in.strides[s.order[i]];
    StridedStream<T> x(in, s.permuted_shape, strides);
    return col_stage<T>(kind, x.stream, s, y);
  }
  cpu::Temporary between(static_cast<size_t>(rows) * sizeof(T));
  {
    StridedStream<T> x(in, *in.shape, in.strides);
    row_stage<T>(kind, x.stream, s.row, rows, static_cast<T*>(between.data()));
  }
  ++thread_state.launches;
  int64_t dense[kMaxRank], strides[kMaxRank];
  dense_strides(s.rest, dense);
  for (int i = 0; i < s.rest.rank(); ++i) strides[i] = dense[s.order[i]];
  Strided middle{between.data(), in.dtype, true, rows, &s.rest, dense};
  StridedStream<T> x(middle, s.permuted_shape, strides);
  col_stage<T>(kind, x.stream, s, y);
}

}  // namespace duet
