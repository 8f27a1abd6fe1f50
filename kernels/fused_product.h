// Products of generated kernels: a tile, and what each element of it goes through.
#pragma once

#include "kernels/tile.h"

namespace duet {
namespace fused {

/// A tile waits here for its epilogue.
template <class E, int Each>
DUET_FUSED_FN TileRoom<E, Each>& tile_room() {
  DUET_FUSED_SHARED TileRoom<E, Each> room;
  return room;
}

/// The products of a kernel share this code, which is most of theirs.
template <int Each, bool kStored, class E, class I>
DUET_FUSED_CALL void tile_of(const E* a, I a_row, I a_column, const E* b, I b_row, I b_column, I rows, I columns,
                             I depth, E* y, I n) {
  compute_tile<Each, kStored>(Factor<E, I>{a, a_row, a_column}, Factor<E, I>{b, b_column, b_row}, rows, columns, depth,
                              y, n, tile_room<E, Each>());
}

/// f(element, i, j) for each element of a tile, neighbours in neighbouring threads; those of `y`, else of the room.
template <int Each, class E, class I, class F>
DUET_FUSED_FN void each_element(I rows, I columns, const E* y, I n, F f) {
  constexpr int kTile = kSide * Each;
  each_thread<kTileThreads>([&](int t) {
    DUET_ROLLED
    for (int e = t; e < kTile * kTile; e += kTileThreads) {
      const int i = e / kTile, j = e % kTile;
      if (i < rows && j < columns) f(y != nullptr ? y[i * n + j] : tile_room<E, Each>().row[i][j], i, j);
    }
  });
}

}  // namespace fused
}  // namespace duet
