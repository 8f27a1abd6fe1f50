// Where buffers lie in one arena: the part of the memory plan that knows nothing of graphs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace duet::graph {

/// A buffer to place: live at times lower ≤ t < upper, lower < upper, of `size` ≥ 0 bytes. All sizes together stay
/// below 2^62.
struct Extent {
  int64_t lower, upper, size;
};

/// Offsets, by buffer, and the arena that they need.
struct Placement {
  std::vector<int64_t> offsets;
  int64_t arena = 0;
  bool proven_optimal = false;  // no arena can be smaller
};

/// The most that is live at once: no arena can be smaller.
int64_t lower_bound(std::span<const Extent> buffers);

/// Places buffers in the given order, each in the smallest gap between what lives with it. `by_birth`: the order is
/// that of `lower`, so that what is dead need not be looked at.
Placement best_fit(std::span<const Extent> buffers, const std::vector<int>& order, bool by_birth = false);

/// Best fit in several orders, the smallest arena of these; stops at one of `enough`. Orders after Pisarchyk & Lee 2020
/// ("Efficient Memory Management for Deep Neural Net Inference"), as in TFLite.
Placement place_greedily(std::span<const Extent> buffers, int64_t enough);

}  // namespace duet::graph
