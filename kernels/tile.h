// The product in the one order of lib/cpu/gemm.h: k in blocks of 256, each a chain of fma over ascending k that starts
// from +0, the results of the blocks added in ascending order; whatever the tiles. A thread computes Each x Each
// results, a block of 256 threads a tile of 16 Each x 16 Each. While it works on one slab of k the next is on its way
// to registers. What the eager kernel and the generated ones have in common: it is written in the words that
// kernels/device.h and kernels/fused.h both have.
#pragma once

namespace duet {
namespace DUET_LANGUAGE {

constexpr int kSide = 16, kSlab = 16, kBlockOfK = 256, kTileThreads = kSide * kSide;

/// Which row (or column) of the tile result i of a thread's is: groups of four side by side, so that a warp reads
/// neighbouring words of shared memory.
template <int Each>
DUET_DEVICE int place_of(int thread, int i) {
  constexpr int kGroup = Each < 4 ? Each : 4;
  return i / kGroup * (kSide * kGroup) + thread * kGroup + i % kGroup;
}

/// Shared memory: two slabs of each factor, or, of a tile with up to 4 x 4 results a thread, those.
template <class E, int Each>
struct alignas(16) TileRoom {
  E row[4 * kSlab][kSide * Each + 4];
};

/// One factor's part of a tile: element (k, i) of it lies at first[i * by_i + k * by_k].
template <class E, class I>
struct Factor {
  const E* first;
  I by_i, by_k;
};

/// Neighbouring threads read neighbours in memory, whichever way the factor lies.
template <int Side, class E, class I>
DUET_DEVICE void slab_place(const Factor<E, I>& f, int e, int& k, int& i) {
  if (f.by_k == 1)
    k = e % kSlab, i = e / kSlab;
  else
    i = e % Side, k = e / Side;
}
template <int Side, class E, class I, int N>
DUET_DEVICE void fetch(const Factor<E, I>& f, I count, int t, I k0, I depth, E (&next)[N]) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
    int k, i;
    slab_place<Side>(f, t + n * kTileThreads, k, i);
    next[n] = k0 + k < depth && i < count ? f.first[i * f.by_i + (k0 + k) * f.by_k] : E(0);
  }
}
template <int Side, class E, class I, int N, int Row>
DUET_DEVICE void put(const Factor<E, I>& f, int t, const E (&next)[N], E (*slab)[Row]) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
    int k, i;
    slab_place<Side>(f, t + n * kTileThreads, k, i);
    slab[k][i] = next[n];
  }
}

template <class E, int Each>
struct Sums {
  E chain[Each][Each];
  E next_a[Each], next_b[Each];
};

/// One tile of a · b, of `rows` and `columns` at most; I counts elements. Its results are stored, element (i, j) at
/// y[i * n + j], or else they stay in the room, element (i, j) at row[i][j], and k is one chain.
template <int Each, bool kStored, class E, class I>
DUET_DEVICE void compute_tile(const Factor<E, I>& a, const Factor<E, I>& b, I rows, I columns, I depth,
                              [[maybe_unused]] E* y, [[maybe_unused]] I n, TileRoom<E, Each>& room) {
  constexpr int kTile = kSide * Each;
  PerThread<Sums<E, Each>, kTileThreads> sums;
  auto a_slab = [&](int turn) { return room.row + turn * kSlab; };
  auto b_slab = [&](int turn) { return room.row + (2 + turn) * kSlab; };
  phase<kTileThreads>([&](int t) {
#pragma unroll
    for (int i = 0; i < Each; ++i)
#pragma unroll
      for (int j = 0; j < Each; ++j) sums[t].chain[i][j] = E(0);
  });
  int turn = 1;
  for (I k0 = -kSlab; k0 <= 0 || k0 < depth; k0 += kSlab, turn ^= 1) {
    phase<kTileThreads>([&](int t) {
      Sums<E, Each>& s = sums[t];
      const bool more = k0 + kSlab < depth;
      if (more) {
        fetch<kTile>(a, rows, t, k0 + kSlab, depth, s.next_a);
        fetch<kTile>(b, columns, t, k0 + kSlab, depth, s.next_b);
      }
      // What a slab has beyond k is not added: fma(0, 0, -0) would be +0.
      const I left = k0 < 0 ? 0 : depth - k0;
      const int steps = left < kSlab ? static_cast<int>(left) : kSlab;
#pragma unroll(Each == 8 || !kStored ? 2 : 4)
      for (int k = 0; k < steps; ++k) {
        E of_a[Each], of_b[Each];
#pragma unroll
        for (int i = 0; i < Each; ++i) {
          of_a[i] = a_slab(turn)[k][place_of<Each>(t / kSide, i)];
          of_b[i] = b_slab(turn)[k][place_of<Each>(t % kSide, i)];
        }
#pragma unroll
        for (int i = 0; i < Each; ++i)
#pragma unroll
          for (int j = 0; j < Each; ++j) s.chain[i][j] = fma_of(of_a[i], of_b[j], s.chain[i][j]);
      }
      if (more) {
        put<kTile>(a, t, s.next_a, a_slab(turn ^ 1));
        put<kTile>(b, t, s.next_b, b_slab(turn ^ 1));
      }
      if constexpr (kStored) {
        if (k0 < 0 || ((k0 + kSlab) % kBlockOfK != 0 && more)) return;
          // The end of a block of k; the first is stored, not added to 0.
#pragma unroll
        for (int i = 0; i < Each; ++i) {
          const int at_i = place_of<Each>(t / kSide, i);
#pragma unroll
          for (int j = 0; j < Each; ++j) {
            const int at_j = place_of<Each>(t % kSide, j);
            if (at_i < rows && at_j < columns) {
              E& result = y[at_i * n + at_j];
              result = k0 < kBlockOfK ? s.chain[i][j] : result + s.chain[i][j];
            }
            s.chain[i][j] = E(0);
          }
        }
      }
    });
  }
  if constexpr (!kStored)
    phase<kTileThreads>([&](int t) {
#pragma unroll
      for (int i = 0; i < Each; ++i)
#pragma unroll
        for (int j = 0; j < Each; ++j)
          room.row[place_of<Each>(t / kSide, i)][place_of<Each>(t % kSide, j)] = sums[t].chain[i][j];
    });
}

}  // namespace DUET_LANGUAGE
}  // namespace duet
