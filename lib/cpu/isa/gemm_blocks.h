#pragma once

// What the loops around the register tiles share: even cuts, rows of A, finished blocks.

#include "cpu/isa/gemm_tile.h"

namespace duet::cpu::DUET_ISA {

inline constexpr int64_t kBlockRows = 64;   // of C, finished together
inline constexpr int64_t kBlockCols = 768;  // of packed B, 768 KB for 256 of k: half a second-level cache
inline constexpr int64_t kFarColumns =
    512;  // from this stride on the columns of a k-major A fall on each other in the cache
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

}  // namespace duet::cpu::DUET_ISA
