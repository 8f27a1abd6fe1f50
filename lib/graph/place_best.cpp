// The smallest arena within a budget: greedily, better, exactly.
#include <algorithm>
#include <numeric>

#include "duet/graph/place_exact.h"

namespace duet::graph {
namespace {

size_t at(int i) { return static_cast<size_t>(i); }

constexpr int kRaises = 64;

// Best fit again and again, what ended highest moved to the front of the order, beginning with what lives longest; for
// at most half of the budget, which is reduced by what was used.
void raise(std::span<const Extent> buffers, int64_t goal, int64_t& budget, Placement& best) {
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  auto life = [&](int i) {
    return static_cast<double>(buffers[at(i)].upper) - static_cast<double>(buffers[at(i)].lower);
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return life(a) > life(b); });
  const auto n = static_cast<int64_t>(buffers.size());
  const int64_t cost = n * n / 2 + 1, tries = std::min<int64_t>(kRaises, budget / 2 / cost);
  for (int64_t k = 0; k < tries && best.arena > goal; ++k) {
    budget -= cost;
    Placement p = best_fit(buffers, order);
    const auto highest = std::find_if(order.begin(), order.end(),
                                      [&](int i) { return p.offsets[at(i)] + buffers[at(i)].size == p.arena; });
    std::rotate(order.begin(), highest, highest + 1);
    if (p.arena < best.arena) best = std::move(p);
  }
}

}  // namespace

Placement place(std::span<const Extent> buffers, int64_t budget, int64_t enough) {
  const int64_t bound = lower_bound(buffers), goal = std::max(bound, enough);
  Placement best = place_greedily(buffers, goal);
  if (best.arena <= goal) return best;
  // Pushed down, every buffer ends at a sum of sizes: arenas are multiples of what divides all of them.
  int64_t unit = 0;
  for (const Extent& b : buffers) unit = std::gcd(unit, b.size);
  int64_t impossible = bound - unit;  // proven to be too small
  int64_t given_up = impossible;      // that, or too expensive to tell
  auto attempt = [&](int64_t capacity, int64_t allowance) {
    std::vector<int64_t> offsets;
    budget -= allowance;
    const Verdict verdict = place_within(buffers, capacity, allowance, offsets);
    budget += allowance;
    if (verdict != Verdict::placed) {
      given_up = capacity;
      if (verdict == Verdict::impossible) impossible = capacity;
      return;
    }
    best = {std::move(offsets)};
    for (size_t i = 0; i < buffers.size(); ++i) best.arena = std::max(best.arena, best.offsets[i] + buffers[i].size);
  };
  // First a better start, then the goal itself, which is nearly always reached, then by halves of what lies between.
  raise(buffers, goal, budget, best);
  if (best.arena > goal) attempt(goal, budget - budget / 4);
  while (best.arena > goal && best.arena - given_up > unit && budget > 0)
    attempt(given_up + std::max<int64_t>(1, (best.arena - given_up) / unit / 2) * unit, budget / 4);
  best.proven_optimal = best.arena - impossible <= unit;
  return best;
}

}  // namespace duet::graph
