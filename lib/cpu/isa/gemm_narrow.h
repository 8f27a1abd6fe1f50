#pragma once

// Products whose C or whose rows are too few to fill tiles: turned round, row by row, or with B turned in registers.

#include "cpu/isa/gemm_blocks.h"
#include "cpu/scratch.h"

namespace duet::cpu::DUET_ISA {

inline constexpr int64_t kNarrow = 12;  // products at most this wide fill registers better along m
inline constexpr int64_t kTurnedRows = 64, kTurnedCols = 4096;  // C transposed stays in the second-level cache
inline constexpr int64_t kLongRows = 128;  // of A: from here on turning them costs more than lanes left empty,
inline constexpr int64_t kRowVecs = 8;     // of a panel of a B that one row reads
inline constexpr int64_t kLongLanes = 16;  // where registers have that many

/// C transposed is B transposed times A transposed: the same chains, with registers along m.
template <class P>
void turned(const GemmOf<typename P::Element>& g, Strides a, Strides b) {
  using T = typename P::Element;
  constexpr int kLanes = P::kLanes;
  const Tiling tiling = g.n <= kWide.rows ? kWide : kTall;
  const int64_t width = tiling.vecs * kLanes;
  const RowsOfA<P> rows_of_b({b.col, b.row}, tiling.rows);
  const Even tiles{g.n, ceil_div(g.n, tiling.rows)};
  alignas(64) T panel[kGemmBlock * kMaxVecs * kLanes];
  alignas(64) T packed_b[kGemmBlock * kMaxRows];
  T* const c_turned = static_cast<T*>(thread_scratch(static_cast<int64_t>(sizeof(T)) * g.n * width));
  const int64_t block = width * ceil_div(g.epilogue == nullptr ? g.m : kBlockRows * kBlockCols / g.n, width);
  for (int64_t i0 = 0; i0 < g.m; i0 += block) {
    const int64_t i_end = least(g.m, i0 + block);
    for (int64_t i = i0; i < i_end; i += width) {
      const int64_t cols = least(width, i_end - i);
      const int64_t vecs = ceil_div(cols, kLanes);
      const bool packed = a.row != 1 || cols % kLanes != 0;
      for (int64_t k = 0; k < g.k; k += kGemmBlock) {
        TileArgs<T> t;
        t.k = least(kGemmBlock, g.k - k);
        t.add = k > 0;
        t.b = g.a + i * a.row + k * a.col;
        t.b_row = a.col;
        if (packed) {
          pack<P>(t.b, {a.col, a.row}, t.k, cols, panel, vecs * kLanes);
          t.b = panel;
          t.b_row = vecs * kLanes;
        }
        for (int64_t it = 0; it < tiles.parts; ++it) {
          const int64_t j = tiles.begin(it);
          const int64_t rows = tiles.begin(it + 1) - j;
          t.a = g.b + j * b.col + k * b.row;
          t.a_step = rows_of_b.step();
          if (rows_of_b.packed) {
            rows_of_b.pack(t.a, rows, g.n - j, t.k, packed_b);
            t.a = packed_b;
          }
          t.c = c_turned + j * width;
          t.c_row = width;
          rows_of_b.kernel(rows, vecs)(t);
        }
      }
      for (int64_t j = 0; j < g.n; j += kLanes) {
        const int64_t length = least(kLanes, g.n - j);
        for (int64_t v = 0; v < cols; v += kLanes) {
          P square[kLanes];
#pragma GCC unroll 16
          for (int r = 0; r < kLanes; ++r) square[r] = P::load(c_turned + least(j + r, g.n - 1) * width + v);
          transpose(square);
          T* const c = g.c + (i + v) * g.c_row + j;
#pragma GCC unroll 16
          for (int r = 0; r < kLanes; ++r) {
            if (v + r >= cols) continue;
            length == kLanes ? square[r].store(c + r * g.c_row) : store_first(square[r], c + r * g.c_row, length);
          }
        }
      }
    }
    finish(g, i0, i_end - i0, 0, g.n, g.c + i0 * g.c_row, g.c_row);
  }
}

/// True when turned() does better than general(): a narrow C leaves few lanes empty along m, and with B transposed
/// there is less to transpose in C and A than in B.
inline bool better_turned(int64_t m, int64_t n, int64_t k, Strides a, Strides b, int64_t lanes) {
  if (m < lanes) return false;
  if (n <= kNarrow) return a.row == 1 || n <= 2 || k < kLongRows || lanes < kLongLanes;
  const int64_t filled = ceil_div(m, lanes) * lanes;
  return b.row == 1 && b.col != 1 && m <= kTurnedRows && n <= kTurnedCols && 8 * m >= 7 * filled &&
         m * (n + (a.row == 1 ? 0 : k)) < k * n;
}

/// One row: whole rows of B are read once, eight at a time, on a stretch of C that stays in the first-level cache.
template <class P>
void single_row(const GemmOf<typename P::Element>& g, int64_t a_col, int64_t b_row) {
  using T = typename P::Element;
  constexpr int kLanes = P::kLanes;
  constexpr int64_t kStretch = 2048;
  constexpr int kDeep = 8;
  alignas(64) T sum[kStretch];
  for (int64_t j0 = 0; j0 < g.n; j0 += kStretch) {
    const int64_t cols = least(kStretch, g.n - j0);
    const int64_t body = cols / kLanes * kLanes;
    for (int64_t k0 = 0; k0 < g.k; k0 += kGemmBlock) {
      const int64_t k_end = least(g.k, k0 + kGemmBlock);
      for (int64_t k = k0; k < k_end;) {
        const int deep = k + kDeep <= k_end ? kDeep : 1;
        const T* b = g.b + k * b_row + j0;
        const bool fresh = k == k0;
        if (deep == kDeep) {
          P av[kDeep];
#pragma GCC unroll 8
          for (int p = 0; p < kDeep; ++p) av[p] = P::broadcast(g.a[(k + p) * a_col]);
          for (int64_t j = 0; j < body; j += kLanes) {
            P s = fresh ? P::broadcast(T(0)) : P::load(sum + j);
#pragma GCC unroll 8
            for (int p = 0; p < kDeep; ++p) s = fma(av[p], P::load(b + p * b_row + j), s);
            s.store(sum + j);
          }
          if (body < cols) {
            P s = fresh ? P::broadcast(T(0)) : P::load(sum + body);
#pragma GCC unroll 8
            for (int p = 0; p < kDeep; ++p) {
              s = fma(av[p], load_first<P>(b + p * b_row + body, cols - body), s);
            }
            s.store(sum + body);
          }
        } else {
          const P av = P::broadcast(g.a[k * a_col]);
          for (int64_t j = 0; j < cols; j += kLanes) {
            const P bv = j < body ? P::load(b + j) : load_first<P>(b + j, cols - j);
            fma(av, bv, fresh ? P::broadcast(T(0)) : P::load(sum + j)).store(sum + j);
          }
        }
        k += deep;
      }
      T* c = g.c + j0;
      for (int64_t j = 0; j < body; j += kLanes) {
        const P s = P::load(sum + j);
        (k0 > 0 ? P::load(c + j) + s : s).store(c + j);
      }
      if (body < cols) {
        const P s = P::load(sum + body);
        store_first(k0 > 0 ? load_first<P>(c + body, cols - body) + s : s, c + body, cols - body);
      }
    }
  }
  finish(g, 0, 1, 0, g.n, g.c, g.c_row);
}

/// So many registers' worths of columns of a packed B, read in the order in which they lie.
template <class P, int kVecs>
void packed_panel(const GemmOf<typename P::Element>& g, int64_t a_col, const typename P::Element* b,
                  typename P::Element* c, int64_t cols) {
  using T = typename P::Element;
  P total[kVecs];
  for (int64_t k0 = 0; k0 < g.k; k0 += kGemmBlock) {
    P sum[kVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) sum[v] = P::broadcast(T(0));
    const int64_t k_end = least(g.k, k0 + kGemmBlock);
    for (int64_t k = k0; k < k_end; ++k, b += kVecs * P::kLanes) {
      const P a = P::broadcast(g.a[k * a_col]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) sum[v] = fma(a, P::load(b + v * P::kLanes), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) total[v] = k0 == 0 ? sum[v] : total[v] + sum[v];
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) {
    const int64_t left = cols - v * P::kLanes;
    left >= P::kLanes ? total[v].store(c + v * P::kLanes) : store_first(total[v], c + v * P::kLanes, left);
  }
}

/// One row and a packed B, for a thread that reads a part of its columns: in place they lie far apart.
template <class P>
void packed_row(const GemmOf<typename P::Element>& g, int64_t a_col) {
  using T = typename P::Element;
  static constexpr void (*kPanels[kRowVecs])(const GemmOf<T>&, int64_t, const T*, T*, int64_t) = {
      packed_panel<P, 1>, packed_panel<P, 2>, packed_panel<P, 3>, packed_panel<P, 4>,
      packed_panel<P, 5>, packed_panel<P, 6>, packed_panel<P, 7>, packed_panel<P, 8>};
  constexpr int64_t width = kRowVecs * P::kLanes;
  for (int64_t j = 0; j < g.n; j += width) {
    const int64_t cols = least(width, g.n - j);
    kPanels[ceil_div(cols, P::kLanes) - 1](g, a_col, g.packed + j * g.k, g.c + j, cols);
  }
  finish(g, 0, 1, 0, g.n, g.c, g.c_row);
}

/// One column times one row, as in the gradients of a batch of one: each element is one product, added to +0.
template <class P>
void outer(const GemmOf<typename P::Element>& g, int64_t a_row) {
  using T = typename P::Element;
  constexpr int64_t kLanes = P::kLanes;
  const bool passes_by = g.c == nullptr;
  const int64_t width = passes_by ? least(g.n, kBlockCols) : g.n;
  T* const strip =
      passes_by ? static_cast<T*>(thread_scratch(static_cast<int64_t>(sizeof(T)) * kBlockRows * width)) : nullptr;
  const int64_t c_row = passes_by ? width : g.c_row;
  for (int64_t j0 = 0; j0 < g.n; j0 += width) {
    const int64_t cols = least(width, g.n - j0), body = cols / kLanes * kLanes;
    const T* const b = g.b + j0;
    for (int64_t i0 = 0; i0 < g.m; i0 += kBlockRows) {
      const int64_t rows = least(kBlockRows, g.m - i0);
      T* const block = passes_by ? strip : g.c + i0 * c_row;
      for (int64_t r = 0; r < rows; ++r) {
        const P a = P::broadcast(g.a[(i0 + r) * a_row]);
        T* const c = block + r * c_row;
        for (int64_t j = 0; j < body; j += kLanes) fma(a, P::load(b + j), P::broadcast(T(0))).store(c + j);
        if (body < cols)
          store_first(fma(a, load_first<P>(b + body, cols - body), P::broadcast(T(0))), c + body, cols - body);
      }
      finish(g, i0, rows, j0, cols, block, c_row);
    }
  }
}

/// Few rows and a B whose columns lie together: squares of B are turned on their way to the sums, not in memory.
template <class P, int kRows>
void few_rows(const GemmOf<typename P::Element>& g, Strides a, int64_t b_col) {
  using T = typename P::Element;
  constexpr int64_t kLanes = P::kLanes;
  for (int64_t j = 0; j < g.n; j += kLanes) {
    const int64_t cols = least(kLanes, g.n - j);
    for (int64_t k0 = 0; k0 < g.k; k0 += kGemmBlock) {
      const int64_t k_end = least(g.k, k0 + kGemmBlock);
      P sum[kRows];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) sum[r] = P::broadcast(T(0));
      for (int64_t k = k0; k < k_end; k += kLanes) {
        const int64_t deep = least(kLanes, k_end - k);
        P square[kLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          // Columns beyond the last are the last: their sums are not stored.
          const T* at = g.b + least(j + i, g.n - 1) * b_col + k;
          square[i] = deep == kLanes ? P::load(at) : load_first<P>(at, deep);
        }
        transpose(square);
        const T* at = g.a + k * a.col;
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i, at += a.col) {
          if (i >= deep) continue;
#pragma GCC unroll 8
          for (int r = 0; r < kRows; ++r) sum[r] = fma(P::broadcast(at[r * a.row]), square[i], sum[r]);
        }
      }
      T* c = g.c + j;
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r, c += g.c_row) {
        store_first(k0 == 0 ? sum[r] : load_first<P>(c, cols) + sum[r], c, cols);
      }
    }
  }
  finish(g, 0, kRows, 0, g.n, g.c, g.c_row);
}

template <class P>
void few_rows(const GemmOf<typename P::Element>& g, Strides a, int64_t b_col) {
  static constexpr void (*rows[kWide.rows])(const GemmOf<typename P::Element>&, Strides, int64_t) = {
    few_rows<P, 1>,
    few_rows<P, 2>,
    few_rows<P, 3>,
    few_rows<P, 4>,
#if defined(__AVX512F__)
    few_rows<P, 5>,
    few_rows<P, 6>,
    few_rows<P, 7>,
    few_rows<P, 8>
#endif
  };
  rows[g.m - 1](g, a, b_col);
}

}  // namespace duet::cpu::DUET_ISA
