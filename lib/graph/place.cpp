#include "duet/graph/place.h"

#include <algorithm>
#include <numeric>

namespace duet::graph {

Placement best_fit(std::span<const Extent> all, const std::vector<int>& order, bool by_birth) {
  Placement p{std::vector<int64_t>(all.size(), 0)};
  auto buffer = [&](int i) -> const Extent& { return all[static_cast<size_t>(i)]; };
  auto offset = [&](int i) -> int64_t& { return p.offsets[static_cast<size_t>(i)]; };
  std::vector<int> placed;  // by offset
  for (int i : order) {
    const Extent& b = buffer(i);
    if (by_birth) std::erase_if(placed, [&](int k) { return buffer(k).upper <= b.lower; });
    int64_t at = 0, best = -1, best_gap = 0;
    for (int k : placed) {
      if (buffer(k).lower >= b.upper || b.lower >= buffer(k).upper) continue;
      const int64_t gap = offset(k) - at;
      if (gap >= b.size && (best < 0 || gap < best_gap)) best = at, best_gap = gap;
      at = std::max(at, offset(k) + buffer(k).size);
    }
    offset(i) = best >= 0 ? best : at;
    p.arena = std::max(p.arena, offset(i) + b.size);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), i, [&](int x, int y) { return offset(x) < offset(y); }), i);
  }
  return p;
}

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
  const int rules = buffers.size() > 2048 ? 1 : 5;  // every order but the first looks at all pairs of buffers
  for (int rule = 0; rule < rules && (rule == 0 || best.arena > enough); ++rule) {
    auto buffer = [&](int i) -> const Extent& { return buffers[static_cast<size_t>(i)]; };
    // The larger, the earlier; as floating numbers, since areas may be huge.
    auto key = [&](int i) {
      const auto size = static_cast<double>(buffer(i).size), death = static_cast<double>(buffer(i).upper);
      const double life = death - static_cast<double>(buffer(i).lower);
      const std::pair<double, double> keys[] = {{size, life}, {size * life, 0}, {life, size}, {death, size}};
      return keys[rule - 1];
    };
    std::vector<int> order(buffers.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return rule == 0 ? buffer(a).lower < buffer(b).lower : key(a) > key(b); });
    Placement p = best_fit(buffers, order, rule == 0);
    if (rule == 0 || p.arena < best.arena) best = std::move(p);
  }
  best.proven_optimal = best.arena == lower_bound(buffers);
  return best;
}

}  // namespace duet::graph
