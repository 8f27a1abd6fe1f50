// The loops around the register tiles: column panels of B, blocks of k, rows of A. See gemm.h for the order of the sum.

#include "cpu/gemm.h"

#include "cpu/isa/gemm_tile.h"

namespace duet::cpu::DUET_ISA {
namespace {

constexpr int64_t kNarrow = 12;  // products at most this wide run transposed, with registers along m

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
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
void finish(const GemmOf<T>& g, int64_t i, int64_t rows) {
  if (g.epilogue != nullptr) g.epilogue(g.ctx, g.first_row + i, g.first_col, rows, g.n);
}

/// A rows x k block of A as the tiles want it, through `packed` when neither stride is 1.
template <class P>
class RowsOfA {
 public:
  using T = typename P::Element;
  explicit RowsOfA(Strides s) : strides_(s), k_major_(s.col != 1), pack_(s.col != 1 && s.row != 1) {}

  TileKernel<T> kernel(int64_t rows, int64_t vecs) const {
    return (k_major_ ? Tiles<P, true>::rows : Tiles<P, false>::rows)[rows - 1][vecs - 1];
  }
  void read(const T* a, int64_t rows, int64_t k, TileArgs<T>& t) {
    t.a = a;
    t.a_step = k_major_ ? strides_.col : strides_.row;
    if (!pack_) return;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t p = 0; p < k; ++p) packed_[p * kMaxRows + r] = a[r * strides_.row + p * strides_.col];
    }
    t.a = packed_;
    t.a_step = kMaxRows;
  }

 private:
  Strides strides_;
  bool k_major_, pack_;
  alignas(64) T packed_[kGemmBlock * kMaxRows];
};

template <class P>
void run_tile(TileKernel<typename P::Element> kernel, TileArgs<typename P::Element>& t, int64_t rows, int64_t cols) {
  using T = typename P::Element;
  const int64_t width = ceil_div(cols, P::kLanes) * P::kLanes;
  if (width == cols) return kernel(t);
  // The last registers reach beyond C: the tile is finished beside it.
  alignas(64) T edge[kMaxRows * kPanel<P>];
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

template <class P>
void general(const GemmOf<typename P::Element>& g, Strides a, Strides b) {
  using T = typename P::Element;
  constexpr int64_t kWidth = kPanel<P>;
  alignas(64) T panel[kGemmBlock * kWidth];
  RowsOfA<P> rows_of_a(a);
  // An epilogue wants its block of C still in the second-level cache.
  const int64_t block = g.epilogue == nullptr ? g.m : most(128, (int64_t{1} << 18) / g.n);
  const Even blocks{g.m, ceil_div(g.m, block)};
  const bool pack_all = b.col != 1 || (g.m > 256 && b.row >= 1024);
  for (int64_t ib = 0; ib < blocks.parts; ++ib) {
    const int64_t i0 = blocks.begin(ib), m = blocks.begin(ib + 1) - i0;
    const Even tiles{m, ceil_div(m, kMaxRows)};
    for (int64_t j = 0; j < g.n; j += kWidth) {
      const int64_t cols = least(kWidth, g.n - j);
      const int64_t vecs = ceil_div(cols, P::kLanes);
      const bool packed = pack_all || cols % P::kLanes != 0;
      for (int64_t k = 0; k < g.k; k += kGemmBlock) {
        TileArgs<T> t;
        t.k = least(kGemmBlock, g.k - k);
        t.add = k > 0;
        t.b = g.b + k * b.row + j * b.col;
        t.b_row = b.row;
        if (packed) {
          pack<P>(t.b, b, t.k, cols, panel, vecs * P::kLanes);
          t.b = panel;
          t.b_row = vecs * P::kLanes;
        }
        for (int64_t it = 0; it < tiles.parts; ++it) {
          const int64_t i = i0 + tiles.begin(it);
          const int64_t rows = tiles.begin(it + 1) - tiles.begin(it);
          rows_of_a.read(g.a + i * a.row + k * a.col, rows, t.k, t);
          t.c = g.c + i * g.c_row + j;
          t.c_row = g.c_row;
          run_tile<P>(rows_of_a.kernel(rows, vecs), t, rows, cols);
        }
      }
    }
    finish(g, i0, m);
  }
}

/// C transposed is B transposed times A transposed: the same chains, with full registers along m.
template <class P>
void narrow(const GemmOf<typename P::Element>& g, Strides a, Strides b) {
  using T = typename P::Element;
  constexpr int64_t kWidth = kPanel<P>;
  constexpr int kLanes = P::kLanes;
  alignas(64) T panel[kGemmBlock * kWidth];
  alignas(64) T turned[(kNarrow + kLanes) * kWidth];
  RowsOfA<P> rows_of_b({b.col, b.row});
  const Even tiles{g.n, ceil_div(g.n, kMaxRows)};
  const int64_t block = kWidth * (g.epilogue == nullptr ? ceil_div(g.m, kWidth) : 64);
  for (int64_t i0 = 0; i0 < g.m; i0 += block) {
    const int64_t i_end = least(g.m, i0 + block);
    for (int64_t i = i0; i < i_end; i += kWidth) {
      const int64_t cols = least(kWidth, i_end - i);
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
          rows_of_b.read(g.b + j * b.col + k * b.row, rows, t.k, t);
          t.c = turned + j * kWidth;
          t.c_row = kWidth;
          rows_of_b.kernel(rows, vecs)(t);
        }
      }
      for (int64_t v = 0; v < cols; v += kLanes) {
        for (int64_t j = 0; j < g.n; j += kLanes) {
          P square[kLanes];
#pragma GCC unroll 16
          for (int r = 0; r < kLanes; ++r) square[r] = P::load(turned + least(j + r, g.n - 1) * kWidth + v);
          transpose(square);
          const int64_t width = least(kLanes, g.n - j);
#pragma GCC unroll 16
          for (int r = 0; r < kLanes; ++r) {
            if (v + r < cols) store_first(square[r], g.c + (i + v + r) * g.c_row + j, width);
          }
        }
      }
    }
    finish(g, i0, i_end - i0);
  }
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
  finish(g, 0, 1);
}

template <class P>
void run(const GemmOf<typename P::Element>& g) {
  using T = typename P::Element;
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) {
    for (int64_t i = 0; i < g.m; ++i) {
      for (int64_t j = 0; j < g.n; ++j) g.c[i * g.c_row + j] = T(0);
    }
    return finish(g, 0, g.m);
  }
  // The stride of an axis of length one is arbitrary: choose the one that needs no packing.
  Strides a{g.a_row, g.a_col}, b{g.b_row, g.b_col};
  if (g.k == 1) a.col = b.row = 1;
  if (g.m == 1 && a.col != 1) a.row = 1;
  if (g.n == 1 && b.row != 1) b.col = 1;
  if (g.m == 1 && b.col == 1) return single_row<P>(g, a.col, b.row);
  if (g.n <= kNarrow && g.m >= P::kLanes) return narrow<P>(g, a, b);
  general<P>(g, a, b);
}

}  // namespace

void gemm(const Gemm& g) { run<F32>(g); }
void gemm_f64(const GemmF64& g) { run<F64>(g); }

}  // namespace duet::cpu::DUET_ISA
