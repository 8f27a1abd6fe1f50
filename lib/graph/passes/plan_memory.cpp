// plan_memory: gives every buffer a place in one block of memory, buffers that are never live together the same one.
//
//   before   a: 256 bytes, kernels 0-1    b: 256 bytes, kernels 1-2    c: 256 bytes, kernels 2-3
//   after    a at 0                       b at 256                     c at 0        arena 512 = lower bound
//
// Greedily, and where that misses the lower bound by exact search (graph/place.h). The bound is the maximum of what is
// live at once, so an arena of that size is proven optimal.
#include <algorithm>

#include "duet/graph/passes.h"
#include "duet/graph/place.h"

namespace duet::graph {
namespace {

constexpr int64_t kPlanBudget = 1'000'000;  // about a millisecond

}  // namespace

MemoryPlan plan_memory(std::vector<Buffer> buffers, bool reuse) {
  MemoryPlan plan;
  // A buffer computed in place of another shares its storage: one of the longer life stands for both.
  std::vector<int> leader(buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    plan.naive_bytes += buffers[i].bytes;
    leader[i] = static_cast<int>(i);
    if (!reuse) buffers[i].shares = -1;
    if (buffers[i].shares >= 0) leader[i] = leader[static_cast<size_t>(buffers[i].shares)];
  }
  std::vector<Buffer> merged(buffers);
  for (size_t i = 0; i < buffers.size(); ++i) {
    Buffer& l = merged[static_cast<size_t>(leader[i])];
    l.first = std::min(l.first, buffers[i].first);
    l.last = std::max(l.last, buffers[i].last);
  }
  std::vector<int> leaders;
  for (size_t i = 0; i < buffers.size(); ++i)
    if (leader[i] == static_cast<int>(i)) leaders.push_back(static_cast<int>(i));
  std::vector<Extent> extents;
  for (int i : leaders) {
    const Buffer& b = merged[static_cast<size_t>(i)];
    extents.push_back({b.first, b.last + 1, b.bytes});
  }
  plan.lower_bound_bytes = lower_bound(extents);
  if (reuse) {
    Placement placed = place(extents, kPlanBudget);
    plan.arena_bytes = placed.arena;
    for (size_t k = 0; k < leaders.size(); ++k) merged[static_cast<size_t>(leaders[k])].offset = placed.offsets[k];
  } else {
    for (int i : leaders) {
      merged[static_cast<size_t>(i)].offset = plan.arena_bytes;
      plan.arena_bytes += merged[static_cast<size_t>(i)].bytes;
    }
  }
  for (size_t i = 0; i < buffers.size(); ++i)
    buffers[i].offset = leaders.empty() ? 0 : merged[static_cast<size_t>(leader[i])].offset;
  plan.buffers = std::move(buffers);
  return plan;
}

}  // namespace duet::graph
