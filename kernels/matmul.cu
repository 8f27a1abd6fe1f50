// The product in the one order of lib/cpu/gemm.h: k in blocks of 256, each a chain of fma over ascending k that starts
// from +0, the results of the blocks added in ascending order. Tiles of 64 x 64, a thread computes 4 x 4.
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

inline constexpr int kTile = 64, kSlab = 16, kSide = 16, kEach = 4, kBlockOfK = 256;

template <int Type>
DUET_KERNEL matmul(const MatmulCall c) {
  using E = Element<Type>;
  using T = NumberOf<Type>;
  DUET_SHARED E a_slab[kSlab][kTile], b_slab[kSlab][kTile];
  struct Sums {
    T chain[kEach][kEach], total[kEach][kEach];
  };
  PerThread<Sums> sums;
  const int64_t across = (c.n + kTile - 1) / kTile, down = (c.m + kTile - 1) / kTile;
  for (int64_t tile = block(); tile < across * down * c.batches; tile += blocks()) {
    const int64_t column = tile % across * kTile, row = tile / across % down * kTile;
    int64_t batch = tile / across / down;
    E* y = static_cast<E*>(c.y) + batch * c.m * c.n;
    const E *a = static_cast<const E*>(c.a), *b = static_cast<const E*>(c.b);
    for (int x = c.axes - 1; x >= 0; --x) {
      const int64_t i = batch % c.extent[x];
      batch /= c.extent[x];
      a += i * c.a_step[x];
      b += i * c.b_step[x];
    }
    phase([&](int t) {
      for (int i = 0; i < kEach; ++i)
        for (int j = 0; j < kEach; ++j) sums[t].total[i][j] = T(0);
    });
    for (int64_t k0 = 0; k0 < c.k; k0 += kSlab) {
      phase([&](int t) {
        for (int e = t; e < kSlab * kTile; e += kThreads) {
          const int k = e / kTile, i = e % kTile;
          const bool inside = k0 + k < c.k;
          a_slab[k][i] = inside && row + i < c.m ? a[(row + i) * c.a_row + (k0 + k) * c.a_col] : E(0);
          b_slab[k][i] = inside && column + i < c.n ? b[(k0 + k) * c.b_row + (column + i) * c.b_col] : E(0);
        }
      });
      phase([&](int t) {
        Sums& s = sums[t];
        const int i0 = t / kSide * kEach, j0 = t % kSide * kEach;
        const int64_t left = c.k - k0;
        const int steps = left < kSlab ? static_cast<int>(left) : kSlab;
        const bool first = k0 % kBlockOfK == 0;
#pragma unroll
        for (int i = 0; i < kEach; ++i)
#pragma unroll
          for (int j = 0; j < kEach; ++j) s.chain[i][j] = first ? T(0) : s.chain[i][j];
        for (int k = 0; k < steps; ++k) {
#pragma unroll
          for (int i = 0; i < kEach; ++i)
#pragma unroll
            for (int j = 0; j < kEach; ++j)
              s.chain[i][j] = fma(T::of(a_slab[k][i0 + i]), T::of(b_slab[k][j0 + j]), s.chain[i][j]);
        }
        if ((k0 + kSlab) % kBlockOfK != 0 && k0 + kSlab < c.k) return;
        // The end of a block; the first is stored, not added to 0.
        const bool only = k0 < kBlockOfK;
#pragma unroll
        for (int i = 0; i < kEach; ++i)
#pragma unroll
          for (int j = 0; j < kEach; ++j) s.total[i][j] = only ? s.chain[i][j] : s.total[i][j] + s.chain[i][j];
      });
    }
    phase([&](int t) {
      const int64_t i0 = row + t / kSide * kEach, j0 = column + t % kSide * kEach;
#pragma unroll
      for (int i = 0; i < kEach; ++i)
#pragma unroll
        for (int j = 0; j < kEach; ++j)
          if (i0 + i < c.m && j0 + j < c.n) y[(i0 + i) * c.n + j0 + j] = sums[t].total[i][j].v;
    });
  }
}

void keep_matmul() {
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF32);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF64);
}

}  // namespace duet::kernel
