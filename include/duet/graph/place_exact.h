// Exact search for the smallest arena. It stands outside of the inner core: without it plans are greedy ones.
#pragma once

#include "duet/graph/place.h"

namespace duet::graph {

/// What a search looks at in about a millisecond. Budgets count that, never time, so that plans are the same
/// everywhere.
inline constexpr int64_t kVisitsPerMs = 1'000'000;

/// What a search for a placement found.
enum class Verdict : uint8_t { placed, impossible, out_of_budget };
/// Offsets within an arena of `capacity`; or that there are none; or that the budget was spent before it was known. The
/// budget is reduced by what was used. Branch and bound after MiniMalloc (Moffitt 2023).
Verdict place_within(std::span<const Extent> buffers, int64_t capacity, int64_t& budget, std::vector<int64_t>& offsets);

/// The smallest arena that the budget finds, or one of `enough`: greedily; where that misses the lower bound, greedily
/// again with what ended highest placed earlier; then by exact search, first at the bound, then between the two.
Placement place(std::span<const Extent> buffers, int64_t budget, int64_t enough = 0);

}  // namespace duet::graph
