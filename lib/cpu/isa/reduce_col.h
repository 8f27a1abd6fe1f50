#pragma once

// The column order of reduce.h on registers.

#include "cpu/isa/reduce_row.h"

namespace duet::cpu::DUET_ISA {

template <class Op, class P>
class ColumnOrder {
  using T = typename P::Element;
  static constexpr int kLanes = P::kLanes;
  static constexpr int kVecs = 8;  // as many chains as hide the latency of one
  static constexpr int64_t kWidth = kVecs * kLanes;
  static constexpr int kMaxLevels = 60;

  /// Element [r, i] of a block of rows is at[r * stride + i].
  struct Block {
    const T* at;
    int64_t stride;
  };

  template <int kCount, bool kWhole>
  static DUET_FN P load(const T* x, int i, int64_t rest) {
    return kWhole || i + 1 < kCount ? P::load(x + i * kLanes) : P::load_partial(x + i * kLanes, static_cast<int>(rest));
  }

  /// The chains of one chunk, kCount registers wide. The last register has `rest` columns.
  template <int kCount, bool kWhole>
  static void chains(const Block& x, int64_t rows, int64_t rest, T* y) {
    P v[kCount];
    const T* at = x.at;
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) v[i] = load<kCount, kWhole>(at, i, rest);
    for (int64_t r = 1; r < rows; ++r) {
      at += x.stride;
#pragma GCC unroll 8
      for (int i = 0; i < kCount; ++i) v[i] = Op::combine(v[i], load<kCount, kWhole>(at, i, rest));
    }
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) v[i].store(y + i * kLanes);
  }

  template <int kCount = kVecs>
  static __attribute__((noinline)) void chains_of(int64_t cols, const Block& x, int64_t rows, T* y) {
    if constexpr (kCount > 1) {
      if (cols <= (kCount - 1) * kLanes) return chains_of<kCount - 1>(cols, x, rows, y);
    }
    const int64_t rest = cols - (kCount - 1) * kLanes;
    rest == kLanes ? chains<kCount, true>(x, rows, rest, y) : chains<kCount, false>(x, rows, rest, y);
  }

  /// y = x + y on `width` elements, a multiple of a register.
  static void add_left(const T* x, T* y, int64_t width) {
    for (int64_t i = 0; i < width; i += kLanes) Op::combine(P::load(x + i), P::load(y + i)).store(y + i);
  }

  /// Rows [row_begin, row_end) of columns [i, i + cols), cols <= kWidth, as given by block(row, rows): y[0..cols).
  template <class Rows>
  static void stripe(int64_t row_begin, int64_t row_end, int64_t cols, const Rows& block, T* y) {
    // Chunks are counted in binary: level l holds the result of 2^l of them while bit l of the count is set.
    alignas(64) T levels[kMaxLevels][kWidth];
    const int64_t width = ceil_div(cols, kLanes) * kLanes;
    int64_t count = 0;
    alignas(64) T now[kWidth];
    for (int64_t r = row_begin; r < row_end; r += kColumnChunk, ++count) {
      const int64_t rows = least(kColumnChunk, row_end - r);
      int level = 0;
      chains_of(cols, block(r, rows), rows, now);
      for (; (count >> level & 1) != 0; ++level) add_left(levels[level], now, width);
      for (int64_t i = 0; i < width; i += kLanes) P::load(now + i).store(levels[level] + i);
    }
    int level = 0;
    while ((count >> level & 1) == 0) ++level;
    T* total = levels[level];
    for (++level; count >> level != 0; ++level) {
      if ((count >> level & 1) != 0) add_left(levels[level], total, width);
    }
    int64_t i = 0;
    for (; i + kLanes <= cols; i += kLanes) P::load(total + i).store(y + i);
    if (i < cols) P::load(total + i).store_partial(y + i, static_cast<int>(cols - i));
  }

 public:
  static void part(const Stream<T>& x, int64_t n, int64_t inner, int64_t outer, int64_t row_begin, int64_t row_end,
                   int64_t inner_begin, int64_t inner_end, T* y) {
    const int64_t first = outer * n * inner;
    alignas(64) T scratch[kColumnChunk * kWidth > kReduceChunk ? kColumnChunk * kWidth : kReduceChunk];
    for (int64_t i = inner_begin; i < inner_end; i += kWidth) {
      const int64_t cols = least(kWidth, inner_end - i);
      if (x.data != nullptr) {
        const auto direct = [&](int64_t r, int64_t) { return Block{x.data + first + r * inner + i, inner}; };
        stripe(row_begin, row_end, cols, direct, y + i);
      } else if (inner * kColumnChunk <= kReduceChunk) {
        const auto together = [&](int64_t r, int64_t rows) {
          return Block{x.get(x.ctx, first + r * inner, rows * inner, scratch) + i, inner};
        };
        stripe(row_begin, row_end, cols, together, y + i);
      } else {
        const auto one_by_one = [&](int64_t r, int64_t rows) {
          for (int64_t q = 0; q < rows; ++q) {
            T* to = scratch + q * kWidth;
            const T* from = x.get(x.ctx, first + (r + q) * inner + i, cols, to);
            if (from != to) __builtin_memcpy(to, from, static_cast<size_t>(cols) * sizeof(T));
          }
          return Block{scratch, kWidth};
        };
        stripe(row_begin, row_end, cols, one_by_one, y + i);
      }
    }
  }

  /// acc = acc + the rows of x, each of `inner` elements; acc begins with the first row when it is fresh.
  static void chain(const T* x, int64_t rows, int64_t inner, bool fresh, T* acc) {
    for (int64_t r = 0; r < rows; ++r, x += inner, fresh = false) {
      if (fresh) {
        __builtin_memcpy(acc, x, static_cast<size_t>(inner) * sizeof(T));
        continue;
      }
      int64_t i = 0;
      for (; i + kLanes <= inner; i += kLanes) Op::combine(P::load(acc + i), P::load(x + i)).store(acc + i);
      const int rest = static_cast<int>(inner - i);
      if (rest > 0)
        Op::combine(P::load_partial(acc + i, rest), P::load_partial(x + i, rest)).store_partial(acc + i, rest);
    }
  }

  static void join(T* parts, int64_t count, int64_t inner) {
    for (int64_t i = 0; i < inner; i += kWidth) {
      const int64_t cols = least(kWidth, inner - i);
      for (int64_t step = 1; step < count; step *= 2) {
        for (int64_t p = 0; p + step < count; p += 2 * step) {
          T* to = parts + p * inner + i;
          const T* from = parts + (p + step) * inner + i;
          int64_t c = 0;
          for (; c + kLanes <= cols; c += kLanes) Op::combine(P::load(to + c), P::load(from + c)).store(to + c);
          const int rest = static_cast<int>(cols - c);
          if (rest > 0) {
            Op::combine(P::load_partial(to + c, rest), P::load_partial(from + c, rest)).store_partial(to + c, rest);
          }
        }
      }
    }
  }
};

}  // namespace duet::cpu::DUET_ISA
