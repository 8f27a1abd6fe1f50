// The loops around the register tiles: column panels of B, blocks of k, rows of A. See gemm.h for the order of the sum.

#include "cpu/gemm.h"

#include "cpu/isa/gemm_tile.h"
#include "cpu/scratch.h"

namespace duet::cpu::DUET_ISA {
namespace {

constexpr int64_t kNarrow = 12;                          // products at most this wide fill registers better along m
constexpr int64_t kTurnedRows = 64, kTurnedCols = 4096;  // C transposed stays in the second-level cache
constexpr int64_t kBlockRows = 64;                       // of C, finished together
constexpr int64_t kBlockCols = 768;                      // of packed B, 768 KB for 256 of k: half a second-level cache,
constexpr int64_t kBlockB = int64_t{1} << 18;            // elements of it where all of k lies in a block
constexpr int64_t kFarColumns = 512;  // from this stride on the columns of a k-major A fall on each other in the cache
constexpr int64_t kLongRows = 128;    // of A: from here on turning them costs more than lanes left empty,
constexpr int64_t kLongLanes = 16;    // where registers have that many
constexpr int64_t kFarElements = int64_t{1} << 18;  // of a B that comes from the second-level cache or beyond it,
constexpr int64_t kFarRows = 32;                    // where few rows leave no time to wait for it:
constexpr int64_t kAhead = 8;                       // rows of it that are asked for before they are needed
constexpr int64_t kPackStrip = 8;  // columns of a k-major A, whose lines neighbouring tiles share, packed at a time
constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Extents [begin(i), begin(i + 1)) that cut `total` into `parts` as evenly as possible.
struct Even {
  int64_t total, parts;
  int64_t begin(int64_t i) const {
    const int64_t whole = total / parts, rest = total % parts;
    return i * whole + least(i, rest);
  }
};

template <class T>
void finish(const GemmOf<T>& g, int64_t i, int64_t rows, int64_t j, int64_t cols, const T* c, int64_t c_row) {
  if (g.epilogue != nullptr) g.epilogue(g.ctx, {g.first_row + i, g.first_col + j, rows, cols, c, c_row});
}

/// Rows of A as tiles of a given height want them.
template <class P>
struct RowsOfA {
  using T = typename P::Element;
  Strides s;
  int64_t height;
  bool k_major, packed;

  RowsOfA(Strides strides, int64_t tile_rows)
      : s(strides), height(tile_rows), k_major(s.col != 1), packed(k_major && (s.row != 1 || s.col >= kFarColumns)) {}

  TileKernel<T> kernel(int64_t rows, int64_t vecs) const {
    return (k_major ? Tiles<P, true>::rows : Tiles<P, false>::rows)[rows - 1][vecs - 1];
  }
  int64_t step() const { return packed ? height : k_major ? s.col : s.row; }

  /// to[k * height + r] = A[r, k] for a tile of `rows`, of which A has `there` or more.
  void pack(const T* a, int64_t rows, int64_t there, int64_t k, T* to) const {
    if (s.row == 1 && there >= height) {
      height == kTall.rows ? copy<kTall.rows>(a, k, to) : copy<kWide.rows>(a, k, to);
      return;
    }
    for (int64_t p = 0; p < k; ++p) {
      for (int64_t r = 0; r < rows; ++r) to[p * height + r] = a[r * s.row + p * s.col];
    }
  }

 private:
  template <int64_t kHeight>
  void copy(const T* a, int64_t k, T* to) const {
    for (int64_t p = 0; p < k; ++p) __builtin_memcpy(to + p * kHeight, a + p * s.col, sizeof(T) * kHeight);
  }
};

template <class P>
void run_tile(TileKernel<typename P::Element> kernel, TileArgs<typename P::Element>& t, int64_t rows, int64_t cols) {
  using T = typename P::Element;
  const int64_t width = ceil_div(cols, P::kLanes) * P::kLanes;
  if (t.add) {  // written a block of k ago and far away by now: it comes while the sums are made
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < cols; j += P::kLanes) __builtin_prefetch(t.c + r * t.c_row + j, 1);
    }
  }
  if (width == cols) return kernel(t);
  // The last registers reach beyond C: the tile is finished beside it.
  alignas(64) T edge[kMaxRows * kMaxVecs * P::kLanes];
  T* c = t.c;
  const int64_t c_row = t.c_row;
  const int64_t body = width - P::kLanes;
  if (t.add) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < body; j += P::kLanes) P::load(c + r * c_row + j).store(edge + r * width + j);
      load_first<P>(c + r * c_row + body, cols - body).store(edge + r * width + body);
    }
  }
  t.c = edge;
  t.c_row = width;
  kernel(t);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < body; j += P::kLanes) P::load(edge + r * width + j).store(c + r * c_row + j);
    store_first(P::load(edge + r * width + body), c + r * c_row + body, cols - body);
  }
}

/// Whether reading a packed copy of a row-major B saves more than making it costs. Measured: far rows miss the nearest
/// translations and caches at once, near ones only when B is read again and again from the second-level cache.
bool pays_to_pack(int64_t m, int64_t n, int64_t k, Strides b) {
  return b.row >= 1024 ? m >= 48 : m >= 256 && k * n >= 65536;
}

template <class P>
void general(const GemmOf<typename P::Element>& g, Strides a, Strides b) {
  using T = typename P::Element;
  const Tiling tiling = g.m <= kWide.rows ? kWide : kLarge;
  const int64_t width = tiling.vecs * P::kLanes;
  const RowsOfA<P> rows_of_a(a, tiling.rows);
  const bool passes_by = g.c == nullptr;
  const bool pack_all = passes_by || b.col != 1 || pays_to_pack(g.m, g.n, g.k, b);
  const bool far_b = !pack_all && !rows_of_a.k_major && sizeof(T) == 4 && g.k * g.n >= kFarElements;
  const int64_t panels = ceil_div(g.n, width);
  // Blocks of B: C passes by when it goes through all of k at once, else B is read from nearer.
  const int64_t depth = passes_by ? g.k : kGemmBlock;
  const Even col_blocks{panels,
                        pack_all ? ceil_div(g.n, passes_by ? least(kBlockCols, kBlockB / depth) : kBlockCols) : 1};
  const Even row_blocks{g.m, ceil_div(g.m, kBlockRows)};
  alignas(64) T packed_a[kGemmBlock * (kBlockRows + kMaxRows)];
  const int64_t packed_elements = depth * width * (pack_all ? ceil_div(panels, col_blocks.parts) : 1);
  const int64_t strip_row = passes_by ? ceil_div(panels, col_blocks.parts) * width : 0;
  T* const packed_b =
      static_cast<T*>(thread_scratch(static_cast<int64_t>(sizeof(T)) * (packed_elements + kBlockRows * strip_row)));
  // Raw B is read in place but for a last panel that ends inside a register.
  const auto is_packed = [&](int64_t cols) { return pack_all || cols % P::kLanes != 0; };
  // C[i_begin.., j_begin..] = or += A · B for the k from k0 on.
  const auto block_of_k = [&](int64_t i_begin, int64_t m, int64_t j_begin, int64_t j_end, int64_t d0, int64_t k0, T* c,
                              int64_t c_row) {
    const Even tiles{m, ceil_div(m, tiling.rows)};
    const int64_t k = least(kGemmBlock, g.k - k0);
    const T* const a_block = g.a + i_begin * a.row + k0 * a.col;
    const T* const b_block = g.b + k0 * b.row;
    if (rows_of_a.packed) {
      for (int64_t p = 0; p < k; p += kPackStrip) {
        for (int64_t it = 0; it < tiles.parts; ++it) {
          const int64_t i = tiles.begin(it);
          rows_of_a.pack(a_block + i * a.row + p * a.col, tiles.begin(it + 1) - i, g.m - i_begin - i,
                         least(kPackStrip, k - p), packed_a + it * tiling.rows * kGemmBlock + p * tiling.rows);
        }
      }
    }
    for (int64_t j = j_begin; j < j_end; j += width) {
      const int64_t cols = least(width, j_end - j);
      const int64_t vecs = ceil_div(cols, P::kLanes);
      const bool packed = is_packed(cols);
      TileArgs<T> t;
      t.k = k;
      t.add = k0 > 0;
      t.a_step = rows_of_a.step();
      t.b_row = packed ? vecs * P::kLanes : b.row;
      t.b = packed ? packed_b + (pack_all ? (j - j_begin) * depth : 0) + (k0 - d0) * t.b_row : b_block + j;
      // Few rows ask for the next rows of this panel. More have the time to ask for the next panel.
      t.ahead = g.m <= kFarRows ? t.b + kAhead * b.row : j + width < j_end ? t.b + width : b_block + k * b.row;
      for (int64_t it = 0; it < tiles.parts; ++it) {
        const int64_t i = tiles.begin(it);
        const int64_t rows = tiles.begin(it + 1) - i;
        const bool ask = far_b && (it == 0 || g.m <= kFarRows);
        t.a = rows_of_a.packed ? packed_a + it * tiling.rows * kGemmBlock : a_block + i * a.row;
        t.c = c + i * c_row + j - j_begin;
        t.c_row = c_row;
        // Tiles of f64, which is for checks, do without.
        run_tile<P>(ask ? Tiles<P, false, sizeof(T) == 4>::rows[rows - 1][vecs - 1] : rows_of_a.kernel(rows, vecs), t,
                    rows, cols);
      }
    }
  };
  for (int64_t jb = 0; jb < col_blocks.parts; ++jb) {
    const int64_t j_begin = col_blocks.begin(jb) * width;
    const int64_t j_end = least(g.n, col_blocks.begin(jb + 1) * width);
    for (int64_t d0 = 0; d0 < g.k; d0 += depth) {
      const int64_t d = least(depth, g.k - d0);
      for (int64_t j = j_begin; j < j_end; j += width) {
        const int64_t cols = least(width, j_end - j);
        if (!is_packed(cols)) continue;
        T* to = packed_b + (pack_all ? (j - j_begin) * depth : 0);
        pack<P>(g.b + d0 * b.row + j * b.col, b, d, cols, to, ceil_div(cols, P::kLanes) * P::kLanes);
      }
      for (int64_t ib = 0; ib < row_blocks.parts; ++ib) {
        const int64_t i_begin = row_blocks.begin(ib), m = row_blocks.begin(ib + 1) - i_begin;
        T* const c = passes_by ? packed_b + packed_elements : g.c + i_begin * g.c_row + j_begin;
        const int64_t c_row = passes_by ? j_end - j_begin : g.c_row;
        for (int64_t k0 = d0; k0 < d0 + d; k0 += kGemmBlock) block_of_k(i_begin, m, j_begin, j_end, d0, k0, c, c_row);
        if (d0 + d == g.k) finish(g, i_begin, m, j_begin, j_end - j_begin, c, c_row);
      }
    }
  }
}

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
bool better_turned(int64_t m, int64_t n, int64_t k, Strides a, Strides b, int64_t lanes) {
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

template <class P>
void run(const GemmOf<typename P::Element>& g) {
  using T = typename P::Element;
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) {
    for (int64_t i = 0; i < g.m; ++i) {
      for (int64_t j = 0; j < g.n; ++j) g.c[i * g.c_row + j] = T(0);
    }
    return finish(g, 0, g.m, 0, g.n, g.c, g.c_row);
  }
  // The stride of an axis of length one is arbitrary: choose the one that needs no packing.
  Strides a{g.a_row, g.a_col}, b{g.b_row, g.b_col};
  if (g.k == 1) a.col = b.row = 1;
  if (g.m == 1 && a.col != 1) a.row = 1;
  if (g.n == 1 && b.row != 1) b.col = 1;
  if (g.c == nullptr) return general<P>(g, a, b);
  if (g.m == 1 && b.col == 1) return single_row<P>(g, a.col, b.row);
  if (better_turned(g.m, g.n, g.k, a, b, P::kLanes)) return turned<P>(g, a, b);
  if (b.row == 1 && b.col != 1 && g.m <= kWide.rows && g.n > kNarrow) return few_rows<P>(g, a, b.col);
  general<P>(g, a, b);
}

}  // namespace

void gemm(const Gemm& g) { run<F32>(g); }
void gemm_f64(const GemmF64& g) { run<F64>(g); }

}  // namespace duet::cpu::DUET_ISA
