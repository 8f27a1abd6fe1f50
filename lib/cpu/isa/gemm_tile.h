#pragma once

// Register tiles of the matrix product and the packing that feeds them. Everything is a template over the packet P.

#include "cpu/gemm.h"
#include "cpu/isa/shuffle.h"
#include "cpu/packet.h"

namespace duet::cpu::DUET_ISA {

/// Rows and registers of the largest tile.
struct Tiling {
  int64_t rows, vecs;
};

// 24 sums, the registers of B and one of A fill 28 of 32 registers, or 12 of them all 16. Tall tiles read less of B;
// wide ones keep both multipliers busy when there are few rows. Unrolled, g++ would spill on AVX2.
#if defined(__AVX512F__)
inline constexpr Tiling kTall{12, 2}, kWide{8, 3};
inline constexpr Tiling kLarge = kTall;
inline constexpr int kUnroll = 2;
#else
inline constexpr Tiling kTall{6, 2}, kWide{4, 3};
inline constexpr Tiling kLarge = kWide;
inline constexpr int kUnroll = 1;
#endif
inline constexpr int64_t kMaxRows = kTall.rows;
inline constexpr int64_t kMaxVecs = kWide.vecs;

/// One block of k for one tile: C[rows, vecs * kLanes] = or += A · B.
template <class T>
struct TileArgs {
  const T* a;
  int64_t a_step;  // between rows of A, or, when A is k-major, between its columns
  const T* b;
  int64_t b_row;
  T* c;
  int64_t c_row;
  int64_t k;
  bool add;
  const T* ahead = nullptr;  // rows of B from here on are asked for, as many as the tile reads
};

/// Keeps a loaded B in its register: g++ would otherwise repeat the load inside every fma of a low tile.
template <class P>
inline __attribute__((always_inline)) void keep_in_register([[maybe_unused]] P& x) {
#if defined(__x86_64__)
  asm("" : "+v"(x.v));
#endif
}

/// Hides where a pointer came from: g++ would otherwise keep one offset for each row of A, most of them on the stack.
template <class T>
inline __attribute__((always_inline)) const T* opaque(const T* p) {
  asm("" : "+r"(p));
  return p;
}

template <class P, int kRows, int kVecs, bool kKMajor, bool kPrefetch>
void tile(const TileArgs<typename P::Element>& t) {
  using T = typename P::Element;
  constexpr int kBases = (kRows + 2) / 3;  // row r is base[r / 3] + r % 3 steps, which one address can say
  P sum[kRows][kVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) sum[r][v] = P::broadcast(T(0));
  }
  const T* a[kKMajor ? 1 : kBases];
  a[0] = t.a;
  const T* b = t.b;
  [[maybe_unused]] const T* ahead = t.ahead;
  const int64_t a_step = t.a_step;
  const int64_t b_row = t.b_row;
  if constexpr (!kKMajor) {
#pragma GCC unroll 4
    for (int i = 1; i < kBases; ++i) a[i] = opaque(a[i - 1] + 3 * a_step);
  }
  const auto step = [&]() __attribute__((always_inline)) {
    P bv[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      bv[v] = P::load(b + v * P::kLanes);
      if constexpr (kVecs > 1) keep_in_register(bv[v]);
      if constexpr (kPrefetch) __builtin_prefetch(ahead + v * P::kLanes);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const P av = P::broadcast(kKMajor ? a[0][r] : a[r / 3][r % 3 * a_step]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) sum[r][v] = fma(av, bv[v], sum[r][v]);
    }
    b += b_row;
    if constexpr (kPrefetch) ahead += b_row;
    if constexpr (kKMajor) {
      a[0] += a_step;
    } else {
#pragma GCC unroll 4
      for (int i = 0; i < kBases; ++i) a[i] = opaque(a[i] + 1);
    }
  };
  int64_t k = t.k;
  if constexpr (kUnroll > 1) {
    for (; k >= kUnroll; k -= kUnroll) {
#pragma GCC unroll 2
      for (int u = 0; u < kUnroll; ++u) step();
    }
  }
  for (; k > 0; --k) step();
  // One branch, not one for each register.
  T* c = t.c;
  const int64_t c_row = t.c_row;
  if (t.add) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r, c += c_row) {
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) (P::load(c + v * P::kLanes) + sum[r][v]).store(c + v * P::kLanes);
    }
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r, c += c_row) {
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) sum[r][v].store(c + v * P::kLanes);
    }
  }
}

template <class T>
using TileKernel = void (*)(const TileArgs<T>&);

template <class P, bool kKMajor, bool kPrefetch = false>
struct Tiles {
  using Kernel = TileKernel<typename P::Element>;
  template <int kRows>
  struct Row {
    static constexpr Kernel widest() {
      if constexpr (kRows <= kWide.rows) return tile<P, kRows, 3, kKMajor, kPrefetch>;
      return nullptr;
    }
    static constexpr Kernel vecs[kMaxVecs] = {tile<P, kRows, 1, kKMajor, kPrefetch>,
                                              tile<P, kRows, 2, kKMajor, kPrefetch>, widest()};
  };
  static constexpr const Kernel* rows[kMaxRows] = {Row<1>::vecs,  Row<2>::vecs, Row<3>::vecs, Row<4>::vecs,
                                                   Row<5>::vecs,  Row<6>::vecs,
#if defined(__AVX512F__)
                                                   Row<7>::vecs,  Row<8>::vecs, Row<9>::vecs, Row<10>::vecs,
                                                   Row<11>::vecs, Row<12>::vecs
#endif
  };
};

template <class P>
inline P load_first(const typename P::Element* p, int64_t n) {
  return P::load_partial(p, static_cast<int>(n));
}
template <class P>
inline void store_first(P x, typename P::Element* p, int64_t n) {
  x.store_partial(p, static_cast<int>(n));
}

/// How a matrix with two strides can be read: along its rows, along its columns, or neither.
struct Strides {
  int64_t row, col;
};

/// to[k * width + j] = from[k * s.row + j * s.col] for k < rows, j < cols; columns from there to width hold anything.
template <class P>
void pack(const typename P::Element* from, Strides s, int64_t rows, int64_t cols, typename P::Element* to,
          int64_t width) {
  using T = typename P::Element;
  constexpr int kLanes = P::kLanes;
  if (s.col == 1) {
    for (int64_t k = 0; k < rows; ++k, from += s.row, to += width) {
      int64_t j = 0;
      for (; j + kLanes <= cols; j += kLanes) P::load(from + j).store(to + j);
      if (j < width) load_first<P>(from + j, cols - j).store(to + j);
    }
    return;
  }
  if (s.row == 1) {
    for (int64_t j = 0; j < width; j += kLanes) {
      for (int64_t k = 0; k < rows; k += kLanes) {
        P square[kLanes];
        const int64_t deep = rows - k;
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          const T* at = from + (j + i) * s.col + k;
          square[i] = j + i >= cols ? P::broadcast(T(0)) : deep >= kLanes ? P::load(at) : load_first<P>(at, deep);
        }
        transpose(square);
        T* out = to + k * width + j;
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          if (i < deep) square[i].store(out + i * width);
        }
      }
    }
    return;
  }
  for (int64_t k = 0; k < rows; ++k, to += width) {
    for (int64_t j = 0; j < cols; ++j) to[j] = from[k * s.row + j * s.col];
    for (int64_t j = cols; j < width; ++j) to[j] = T(0);
  }
}

}  // namespace duet::cpu::DUET_ISA
