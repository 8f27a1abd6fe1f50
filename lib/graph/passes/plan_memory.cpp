// plan_memory: gives every buffer a place in one block of memory, buffers that are never live together the same one.
//
//   before   a: 256 bytes, kernels 0-1    b: 256 bytes, kernels 1-2    c: 256 bytes, kernels 2-3
//   after    a at 0                       b at 256                     c at 0        arena 512 = lower bound
//
// Greedy in several orders, best fit each time, the smallest arena wins; deterministic. The lower bound is the maximum
// of what is live at once, so an arena of that size is proven optimal. Orders after Pisarchyk & Lee 2020 and TFLite.
#include <algorithm>
#include <numeric>

#include "duet/graph/passes.h"

namespace duet::graph {
namespace {

bool live_together(const Buffer& a, const Buffer& b) { return a.first <= b.last && b.first <= a.last; }

// Places buffers in the given order, each in the smallest gap between what lives with it; returns the arena's size.
int64_t place(std::vector<Buffer>& all, const std::vector<int>& order) {
  std::vector<const Buffer*> placed;  // by offset
  int64_t arena = 0;
  for (int i : order) {
    Buffer& b = all[static_cast<size_t>(i)];
    int64_t at = 0, best = -1, best_gap = 0;
    for (const Buffer* p : placed) {
      if (!live_together(*p, b)) continue;
      int64_t gap = p->offset - at;
      if (gap >= b.bytes && (best < 0 || gap < best_gap)) best = at, best_gap = gap;
      at = std::max(at, p->offset + p->bytes);
    }
    b.offset = best >= 0 ? best : at;
    arena = std::max(arena, b.offset + b.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &b,
                                   [](const Buffer* x, const Buffer* y) { return x->offset < y->offset; }),
                  &b);
  }
  return arena;
}

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
  int kernels = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (leader[i] == static_cast<int>(i)) leaders.push_back(static_cast<int>(i));
    kernels = std::max(kernels, buffers[i].last + 1);
  }
  std::vector<int64_t> change(static_cast<size_t>(kernels) + 1, 0);
  for (int i : leaders) {
    change[static_cast<size_t>(merged[static_cast<size_t>(i)].first)] += merged[static_cast<size_t>(i)].bytes;
    change[static_cast<size_t>(merged[static_cast<size_t>(i)].last) + 1] -= merged[static_cast<size_t>(i)].bytes;
  }
  int64_t live = 0;
  for (int64_t c : change) plan.lower_bound_bytes = std::max(plan.lower_bound_bytes, live += c);

  auto at = [&](int i) -> const Buffer& { return merged[static_cast<size_t>(i)]; };
  auto duration = [&](int i) { return at(i).last - at(i).first + 1; };
  if (!reuse) {
    for (int i : leaders) {
      merged[static_cast<size_t>(i)].offset = plan.arena_bytes;
      plan.arena_bytes += at(i).bytes;
    }
  } else {
    std::vector<Buffer> best;
    auto attempt = [&](auto before) {
      if (!best.empty() && plan.arena_bytes == plan.lower_bound_bytes) return;
      std::vector<int> order = leaders;
      std::stable_sort(order.begin(), order.end(), before);
      std::vector<Buffer> trial = merged;
      int64_t arena = place(trial, order);
      if (best.empty() || arena < plan.arena_bytes) {
        plan.arena_bytes = arena;
        best = std::move(trial);
      }
    };
    attempt([&](int a, int b) {
      return at(a).bytes != at(b).bytes ? at(a).bytes > at(b).bytes : duration(a) > duration(b);
    });
    attempt([&](int a, int b) { return at(a).bytes * duration(a) > at(b).bytes * duration(b); });
    attempt([&](int a, int b) {
      return duration(a) != duration(b) ? duration(a) > duration(b) : at(a).bytes > at(b).bytes;
    });
    attempt([&](int a, int b) { return at(a).first < at(b).first; });
    merged = std::move(best);
  }
  for (size_t i = 0; i < buffers.size(); ++i)
    buffers[i].offset = leaders.empty() ? 0 : merged[static_cast<size_t>(leader[i])].offset;
  plan.buffers = std::move(buffers);
  return plan;
}

}  // namespace duet::graph
