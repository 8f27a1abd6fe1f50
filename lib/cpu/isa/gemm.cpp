// The loops around the register tiles: column panels of B, blocks of k, rows of A. See gemm.h for the order of the sum.

#include "cpu/gemm.h"

#include "cpu/isa/gemm_narrow.h"

namespace duet::cpu::DUET_ISA {
namespace {

constexpr int64_t kBlockB = int64_t{1} << 18;       // elements of packed B where all of k lies in a block
constexpr int64_t kFarElements = int64_t{1} << 18;  // of a B that comes from the second-level cache or beyond it,
constexpr int64_t kFarRows = 32;                    // where few rows leave no time to wait for it:
constexpr int64_t kAhead = 8;                       // rows of it that are asked for before they are needed
constexpr int64_t kPackStrip = 8;  // columns of a k-major A, whose lines neighbouring tiles share, packed at a time

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
  const bool ready = g.packed != nullptr;
  // A part of a product may have fewer rows than its B was packed for.
  const bool wide = ready ? g.panel == kWide.vecs * P::kLanes : g.m <= kWide.rows;
  const Tiling tiling = wide ? kWide : kLarge;
  const int64_t width = tiling.vecs * P::kLanes;
  const RowsOfA<P> rows_of_a(a, tiling.rows);
  const bool passes_by = g.c == nullptr;
  const bool pack_all = !ready && (passes_by || b.col != 1 || pays_to_pack(g.m, g.n, g.k, b));
  const bool far_b = !pack_all && !rows_of_a.k_major && sizeof(T) == 4 && g.k * g.n >= kFarElements;
  const int64_t panels = ceil_div(g.n, width);
  // Blocks of B: C passes by when it goes through all of k at once, else B is read from nearer. Where B is ready and
  // one block of rows meets it, panel after panel goes through all of k, and C stays near.
  const bool by_panels = ready && g.m <= kBlockRows && !rows_of_a.packed;
  const int64_t depth = passes_by || by_panels ? g.k : kGemmBlock;
  const int64_t block_cols = passes_by ? least(kBlockCols, kBlockB / depth) : kBlockCols;
  const Even col_blocks{panels, pack_all || passes_by ? ceil_div(g.n, block_cols) : 1};
  const Even row_blocks{g.m, ceil_div(g.m, kBlockRows)};
  alignas(64) T packed_a[kGemmBlock * (kBlockRows + kMaxRows)];
  const int64_t packed_elements = ready ? 0 : depth * width * (pack_all ? ceil_div(panels, col_blocks.parts) : 1);
  const int64_t strip_row = passes_by ? ceil_div(panels, col_blocks.parts) * width : 0;
  T* const packed_b =
      static_cast<T*>(thread_scratch(static_cast<int64_t>(sizeof(T)) * (packed_elements + kBlockRows * strip_row)));
  // Raw B is read in place but for a last panel that ends inside a register.
  const auto is_packed = [&](int64_t cols) { return !ready && (pack_all || cols % P::kLanes != 0); };
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
      t.b_row = packed || ready ? vecs * P::kLanes : b.row;
      t.b = ready    ? g.packed + j * g.k + k0 * t.b_row
            : packed ? packed_b + (pack_all ? (j - j_begin) * depth : 0) + (k0 - d0) * t.b_row
                     : b_block + j;
      // Few rows ask for the next rows of this panel. More have the time to ask for the next panel.
      const T* const next_panel = ready ? t.b + width * g.k : t.b + width;
      const T* const next_block = by_panels ? t.b + k * t.b_row
                                  : ready   ? g.packed + j_begin * g.k + (k0 + k) * width
                                            : b_block + k * b.row;
      t.ahead = g.m <= kFarRows ? t.b + kAhead * t.b_row : j + width < j_end ? next_panel : next_block;
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
        for (int64_t j = j_begin; j < j_end; j += by_panels ? width : j_end - j_begin)
          for (int64_t k0 = d0; k0 < d0 + d; k0 += kGemmBlock)
            block_of_k(i_begin, m, j, by_panels ? least(j + width, j_end) : j_end, d0, k0, c + (j - j_begin), c_row);
        if (d0 + d == g.k) finish(g, i_begin, m, j_begin, j_end - j_begin, c, c_row);
      }
    }
  }
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
  if (g.k == 1 && b.col == 1 && g.m > 1) return outer<P>(g, a.row);
  // Not the last row of a product that was cut by rows: its pack is for tiles.
  if (g.m == 1 && g.packed != nullptr && g.panel == kRowVecs * P::kLanes) return packed_row<P>(g, a.col);
  if (g.c == nullptr || g.packed != nullptr) return general<P>(g, a, b);
  if (g.m == 1 && b.col == 1) return single_row<P>(g, a.col, b.row);
  if (better_turned(g.m, g.n, g.k, a, b, P::kLanes)) return turned<P>(g, a, b);
  if (b.row == 1 && b.col != 1 && g.m <= kWide.rows && g.n > kNarrow) return few_rows<P>(g, a, b.col);
  general<P>(g, a, b);
}

}  // namespace

void gemm(const Gemm& g) { run<F32>(g); }
void gemm_f64(const GemmF64& g) { run<F64>(g); }

int64_t gemm_pack(const Gemm& g, float* to) {
  const int64_t vecs = g.m == 1 ? kRowVecs : g.m <= kWide.rows ? kWide.vecs : kLarge.vecs;
  const int64_t width = vecs * F32::kLanes;
  for (int64_t j = 0; j < g.n; j += width) {
    const int64_t cols = least(width, g.n - j);
    pack<F32>(g.b + j * g.b_col, {g.b_row, g.b_col}, g.k, cols, to + j * g.k,
              ceil_div(cols, F32::kLanes) * F32::kLanes);
  }
  return width;
}

}  // namespace duet::cpu::DUET_ISA
