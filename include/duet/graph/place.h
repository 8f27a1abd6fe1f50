// Where buffers lie in one arena: the part of the memory plan that knows nothing of graphs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace duet::graph {

/// A buffer to place: live at times lower ≤ t < upper, of `size` bytes.
struct Extent {
  int64_t lower, upper, size;
};

/// Offsets, by buffer, and the arena that they need.
struct Placement {
  std::vector<int64_t> offsets;
  int64_t arena = 0;
};

/// The most that is live at once: no arena can be smaller.
int64_t lower_bound(std::span<const Extent> buffers);

/// Greedy: best fit in several orders, the smallest arena; stops at `enough`. Orders after Pisarchyk & Lee 2020,
/// TFLite.
Placement place_greedily(std::span<const Extent> buffers, int64_t enough);

/// What a search for a placement found.
enum class Verdict : uint8_t { placed, impossible, out_of_budget };
/// Offsets within an arena of `capacity`; or that there are none; or that the budget was spent before it was known. The
/// budget is reduced by what was used. It counts what the search looks at (about a nanosecond each), never time, so
/// that plans are the same everywhere. Branch and bound after MiniMalloc (Moffitt 2023).
Verdict place_within(std::span<const Extent> buffers, int64_t capacity, int64_t& budget, std::vector<int64_t>& offsets);

/// The smallest arena that the budget finds: greedily, then exactly at the lower bound, then between the two.
Placement place(std::span<const Extent> buffers, int64_t budget);

}  // namespace duet::graph
