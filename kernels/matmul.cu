// The product in the one order of lib/cpu/gemm.h: k in blocks of 256, each a chain of fma over ascending k that starts
// from +0, the results of the blocks added in ascending order; whatever the tiles. A thread computes Each x Each
// results, a block of threads a tile of 16 Each x 16 Each. While it works on one slab of k the next is on its way to
// registers.
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

inline constexpr int kSide = 16, kSlab = 16, kBlockOfK = 256;

/// Which row (or column) of the tile result i of a thread's is: groups of four side by side, so that a warp reads
/// neighbouring words of shared memory.
template <int Each>
DUET_DEVICE int place_of(int thread, int i) {
  constexpr int kGroup = Each < 4 ? Each : 4;
  return i / kGroup * (kSide * kGroup) + thread * kGroup + i % kGroup;
}

/// One factor's part of a slab: element (k, i) of it lies at first[i * by_i + k * by_k].
template <class E>
struct Slabs {
  const E* first;
  int64_t by_i, by_k, count;  // count: of i, from the tile's first on
};

/// Neighbouring threads read neighbours in memory, whichever way the factor lies.
template <int Tile, class E>
DUET_DEVICE void slab_place(const Slabs<E>& s, int e, int& k, int& i) {
  if (s.by_k == 1)
    k = e % kSlab, i = e / kSlab;
  else
    i = e % Tile, k = e / Tile;
}
template <int Tile, class E, int N>
DUET_DEVICE void fetch(const Slabs<E>& s, int t, int64_t k0, int64_t depth, E (&next)[N]) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
    int k, i;
    slab_place<Tile>(s, t + n * kThreads, k, i);
    next[n] = k0 + k < depth && i < s.count ? s.first[i * s.by_i + (k0 + k) * s.by_k] : E(0);
  }
}
template <int Tile, class E, int N, int Row>
DUET_DEVICE void put(const Slabs<E>& s, int t, const E (&next)[N], E (&slab)[kSlab][Row]) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
    int k, i;
    slab_place<Tile>(s, t + n * kThreads, k, i);
    slab[k][i] = next[n];
  }
}

template <int Type, int Each>
DUET_KERNEL matmul(const MatmulCall c) {
  using E = Element<Type>;
  using T = NumberOf<Type>;
  constexpr int kTile = kSide * Each, kPad = 4, kFetch = kTile * kSlab / kThreads;
  DUET_SHARED E a_slab[2][kSlab][kTile + kPad], b_slab[2][kSlab][kTile + kPad];
  struct Sums {
    T chain[Each][Each];
    E next_a[kFetch], next_b[kFetch];
  };
  PerThread<Sums> sums;
  const int64_t across = (c.n + kTile - 1) / kTile, down = (c.m + kTile - 1) / kTile;
  for (int64_t tile = block(); tile < across * down * c.batches; tile += blocks()) {
    const int64_t column = tile % across * kTile, row = tile / across % down * kTile;
    int64_t batch = tile / across / down;
    E* y = static_cast<E*>(c.y) + batch * c.m * c.n;
    Slabs<E> a{static_cast<const E*>(c.a) + row * c.a_row, c.a_row, c.a_col, c.m - row};
    Slabs<E> b{static_cast<const E*>(c.b) + column * c.b_col, c.b_col, c.b_row, c.n - column};
#pragma unroll 1
    for (int x = c.axes - 1; x >= 0; --x) {
      const int64_t i = batch % c.extent[x];
      batch /= c.extent[x];
      a.first += i * c.a_step[x];
      b.first += i * c.b_step[x];
    }
    phase([&](int t) {
      Sums& s = sums[t];
#pragma unroll
      for (int i = 0; i < Each; ++i)
#pragma unroll
        for (int j = 0; j < Each; ++j) s.chain[i][j] = T(0);
      fetch<kTile>(a, t, 0, c.k, s.next_a);
      fetch<kTile>(b, t, 0, c.k, s.next_b);
      put<kTile>(a, t, s.next_a, a_slab[0]);
      put<kTile>(b, t, s.next_b, b_slab[0]);
    });
    int turn = 0;
    for (int64_t k0 = 0; k0 == 0 || k0 < c.k; k0 += kSlab, turn ^= 1) {
      phase([&](int t) {
        Sums& s = sums[t];
        const bool more = k0 + kSlab < c.k;
        if (more) {
          fetch<kTile>(a, t, k0 + kSlab, c.k, s.next_a);
          fetch<kTile>(b, t, k0 + kSlab, c.k, s.next_b);
        }
        // What a slab has beyond k is not added: fma(0, 0, -0) would be +0.
        const int64_t left = c.k - k0;
        const int steps = left < kSlab ? static_cast<int>(left) : kSlab;
#pragma unroll(Each == 8 ? 2 : 4)
        for (int k = 0; k < steps; ++k) {
          T of_a[Each], of_b[Each];
#pragma unroll
          for (int i = 0; i < Each; ++i) {
            of_a[i] = T::of(a_slab[turn][k][place_of<Each>(t / kSide, i)]);
            of_b[i] = T::of(b_slab[turn][k][place_of<Each>(t % kSide, i)]);
          }
#pragma unroll
          for (int i = 0; i < Each; ++i)
#pragma unroll
            for (int j = 0; j < Each; ++j) s.chain[i][j] = fma(of_a[i], of_b[j], s.chain[i][j]);
        }
        if (more) {
          put<kTile>(a, t, s.next_a, a_slab[turn ^ 1]);
          put<kTile>(b, t, s.next_b, b_slab[turn ^ 1]);
        }
        if ((k0 + kSlab) % kBlockOfK != 0 && more) return;
          // The end of a block of k; the first is stored, not added to 0.
#pragma unroll
        for (int i = 0; i < Each; ++i) {
          const int64_t at_i = row + place_of<Each>(t / kSide, i);
#pragma unroll
          for (int j = 0; j < Each; ++j) {
            const int64_t at_j = column + place_of<Each>(t % kSide, j);
            if (at_i < c.m && at_j < c.n) {
              E& result = y[at_i * c.n + at_j];
              result = (k0 < kBlockOfK ? s.chain[i][j] : T::of(result) + s.chain[i][j]).v;
            }
            s.chain[i][j] = T(0);
          }
        }
      });
    }
  }
}

void keep_matmul() {
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF32, 2);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF32, 4);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF32, 8);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF64, 2);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF64, 4);
}

}  // namespace duet::kernel
