// Products of matrices, in tiles: kernels/tile.h.
#include "kernels/device.h"
#include "kernels/list.h"

// The words that kernels/device.h lacks.
#define DUET_LANGUAGE kernel
namespace duet::kernel {
template <class E>
DUET_DEVICE E fma_of(E a, E b, E c) {
  using T = math::Scalar<E>;
  return fma(T::of(a), T::of(b), T::of(c)).v;
}
}  // namespace duet::kernel

#include "kernels/tile.h"

namespace duet::kernel {

template <int Type, int Each>
DUET_KERNEL matmul(const MatmulCall c) {
  using E = Element<Type>;
  constexpr int kTile = kSide * Each;
  DUET_SHARED TileRoom<E, Each> room;
  const int64_t across = (c.n + kTile - 1) / kTile, down = (c.m + kTile - 1) / kTile;
  for (int64_t tile = block(); tile < across * down * c.batches; tile += blocks()) {
    const int64_t column = tile % across * kTile, row = tile / across % down * kTile;
    int64_t batch = tile / across / down;
    E* y = static_cast<E*>(c.y) + (batch * c.m + row) * c.n + column;
    Factor<E, int64_t> a{static_cast<const E*>(c.a) + row * c.a_row, c.a_row, c.a_col};
    Factor<E, int64_t> b{static_cast<const E*>(c.b) + column * c.b_col, c.b_col, c.b_row};
#pragma unroll 1
    for (int x = c.axes - 1; x >= 0; --x) {
      const int64_t i = batch % c.extent[x];
      batch /= c.extent[x];
      a.first += i * c.a_step[x];
      b.first += i * c.b_step[x];
    }
    compute_tile<Each, true>(a, b, c.m - row, c.n - column, c.k, y, c.n, room);
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
