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
  DUET_SHARED TileRoom<E, Each> room;
  multiply<Each, Tiles::stored>(
      c.m, c.n, c.k, c.batches, static_cast<E*>(c.y), room,
      [&](int64_t batch, int64_t row, int64_t column, Factor<E>& a, Factor<E>& b) {
        a = {static_cast<const E*>(c.a) + row * c.a_row, c.a_row, c.a_col};
        b = {static_cast<const E*>(c.b) + column * c.b_col, c.b_col, c.b_row};
#pragma unroll 1
        for (int x = c.axes - 1; x >= 0; --x) {
          const int64_t i = batch % c.extent[x];
          batch /= c.extent[x];
          a.first += i * c.a_step[x];
          b.first += i * c.b_step[x];
        }
      },
      [](E, int64_t) {});
}

void keep_matmul() {
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF32, 2);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF32, 4);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF32, 8);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF64, 2);
  DUET_KEEP(kMatmul, MatmulCall, matmul, kF64, 4);
}

}  // namespace duet::kernel
