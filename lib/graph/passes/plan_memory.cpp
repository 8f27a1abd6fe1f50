// plan_memory: gives every buffer a place in one block of memory, buffers that are never live together the same one.
//
//   before   a: 256 bytes, kernels 0-1    b: 256 bytes, kernels 1-2    c: 256 bytes, kernels 2-3
//   after    a at 0                       b at 256                     c at 0        arena 512 = lower bound
//
// Greedily (graph/place.h), and where that misses the lower bound by exact search (graph/place_exact.h). The bound is
// the most that is live at once, so an arena of that size is proven optimal.
#include <algorithm>
#include <utility>

#include "duet/graph/passes.h"
#include "duet/graph/place_exact.h"

namespace duet::graph {

MemoryPlan plan_memory(std::vector<Buffer> buffers, bool reuse) {
  MemoryPlan plan;
  // A buffer computed in place of an earlier one shares its storage: one extent stands for both.
  std::vector<Extent> extents;
  std::vector<size_t> extent_of;
  for (Buffer& b : buffers) {
    plan.naive_bytes += b.bytes;
    if (!reuse) b.shares = -1;
    extent_of.push_back(b.shares < 0 ? extents.size() : extent_of[static_cast<size_t>(b.shares)]);
    if (b.shares < 0) extents.push_back({b.first, b.last + 1, b.bytes});
    Extent& e = extents[extent_of.back()];
    e.upper = std::max<int64_t>(e.upper, b.last + 1);
  }
  plan.lower_bound_bytes = lower_bound(extents);
  Placement placed = reuse ? place(extents, kVisitsPerMs) : Placement{std::vector<int64_t>(extents.size())};
  for (size_t i = 0; i < extents.size() && !reuse; ++i)
    placed.offsets[i] = std::exchange(placed.arena, placed.arena + extents[i].size);
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].offset = placed.offsets[extent_of[i]];
  plan.arena_bytes = placed.arena;
  plan.proven_optimal = placed.proven_optimal || placed.arena == plan.lower_bound_bytes;
  plan.buffers = std::move(buffers);
  return plan;
}

}  // namespace duet::graph
