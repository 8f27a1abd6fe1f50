#include "duet/graph/place.h"

#include <algorithm>
#include <numeric>

namespace duet::graph {
namespace {

bool live_together(const Extent& a, const Extent& b) { return a.lower < b.upper && b.lower < a.upper; }

// Places buffers in the given order, each in the smallest gap between what lives with it.
Placement best_fit(std::span<const Extent> all, const std::vector<int>& order) {
  Placement p{std::vector<int64_t>(all.size(), 0), 0};
  std::vector<int> placed;  // by offset
  auto offset = [&](int i) -> int64_t& { return p.offsets[static_cast<size_t>(i)]; };
  for (int i : order) {
    const Extent& b = all[static_cast<size_t>(i)];
    int64_t at = 0, best = -1, best_gap = 0;
    for (int k : placed) {
      const Extent& other = all[static_cast<size_t>(k)];
      if (!live_together(other, b)) continue;
      const int64_t gap = offset(k) - at;
      if (gap >= b.size && (best < 0 || gap < best_gap)) best = at, best_gap = gap;
      at = std::max(at, offset(k) + other.size);
    }
    offset(i) = best >= 0 ? best : at;
    p.arena = std::max(p.arena, offset(i) + b.size);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), i, [&](int x, int y) { return offset(x) < offset(y); }), i);
  }
  return p;
}

}  // namespace

int64_t lower_bound(std::span<const Extent> buffers) {
  std::vector<std::pair<int64_t, int64_t>> events;
  for (const Extent& b : buffers) {
    events.emplace_back(b.lower, b.size);
    events.emplace_back(b.upper, -b.size);
  }
  std::sort(events.begin(), events.end());  // at one time what dies goes first
  int64_t live = 0, most = 0;
  for (auto [time, change] : events) most = std::max(most, live += change);
  return most;
}

Placement place_greedily(std::span<const Extent> buffers, int64_t enough) {
  Placement best;
  for (int rule = 0; rule < 4 && (rule == 0 || best.arena > enough); ++rule) {
    // The larger, the earlier; as floating numbers, since areas may be huge.
    auto key = [&](int i) {
      const Extent& b = buffers[static_cast<size_t>(i)];
      const auto size = static_cast<double>(b.size), life = static_cast<double>(b.upper - b.lower);
      const std::pair<double, double> keys[] = {
          {size, life}, {size * life, 0}, {life, size}, {-static_cast<double>(b.lower), 0}};
      return keys[rule];
    };
    std::vector<int> order(buffers.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return key(a) > key(b); });
    Placement p = best_fit(buffers, order);
    if (rule == 0 || p.arena < best.arena) best = std::move(p);
  }
  return best;
}

}  // namespace duet::graph
