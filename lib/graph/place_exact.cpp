// Exact placement: is there a way to put the buffers into an arena of this size?
//
// Every placement can be pushed down until each buffer rests on the floor or on another one, so only such placements
// are searched, their buffers in the order of their offsets (ties by a fixed order). A step puts one buffer on its
// lowest possible place. A branch ends when some moment in time cannot hold what is still to come: its floor, which is
// the highest of what lies there and the lowest place of what may still come, plus the sizes of all that must come.
// When nothing unplaced crosses a moment, the two sides are problems of their own.
// After MiniMalloc (Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning",
// 2023).
#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "duet/graph/place.h"

namespace duet::graph {
namespace {

constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();
// The search is as deep as there are buffers; beyond this greedy plans are near the bound anyway.
constexpr size_t kMostBuffers = 4096;

class Search {
 public:
  Search(std::span<const Extent> buffers, int64_t capacity, int64_t& budget)
      : capacity_(capacity), budget_(budget), count_(buffers.size()) {
    // Moments: the stretches of time between births and deaths.
    std::vector<int64_t> times;
    for (const Extent& b : buffers) times.insert(times.end(), {b.lower, b.upper});
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());
    auto moment = [&](int64_t t) {
      return static_cast<int>(std::lower_bound(times.begin(), times.end(), t) - times.begin());
    };
    moments_ = static_cast<int>(times.size()) - 1;
    for (const Extent& b : buffers) spans_.push_back({moment(b.lower), moment(b.upper), b.size, b.upper - b.lower});
    members_.resize(static_cast<size_t>(std::max(moments_, 0)));
    crossing_.assign(members_.size(), 0);
    floor_.assign(members_.size(), 0);
    waiting_.assign(members_.size(), 0);
    for (int i = 0; i < static_cast<int>(count_); ++i) {
      const Span& s = spans_[at(i)];
      for (int m = s.begin; m < s.end; ++m) members_[at(m)].push_back(i), waiting_[at(m)] += s.size;
      for (int m = s.begin; m + 1 < s.end; ++m) ++crossing_[at(m)];
    }
    neighbours_.resize(count_);
    std::vector<int> by_begin(count_);
    std::iota(by_begin.begin(), by_begin.end(), 0);
    std::sort(by_begin.begin(), by_begin.end(),
              [&](int a, int b) { return spans_[at(a)].begin < spans_[at(b)].begin; });
    for (size_t i = 0; i < count_; ++i)
      for (size_t j = i + 1; j < count_; ++j) {
        const int a = by_begin[i], b = by_begin[j];
        if (spans_[at(b)].begin >= spans_[at(a)].end) break;
        neighbours_[at(a)].push_back(b);
        neighbours_[at(b)].push_back(a);
      }
    lowest_.assign(count_, 0);
    offset_.assign(count_, -1);
    result_.assign(count_, 0);
    rank_.assign(count_, 0);
    raised_.assign(count_, 0);
    for (const auto& list : members_) low_at_.push_back(list.empty() ? -1 : list[0]);
  }

  Verdict run(std::vector<int64_t>& offsets) {
    for (int64_t w : waiting_)
      if (w > capacity_) return Verdict::impossible;
    std::vector<int> all(count_), parts;
    std::iota(all.begin(), all.end(), 0);
    for (int m = 0; m < moments_; ++m)
      if (crossing_[at(m)] == 0) parts.push_back(m + 1);
    // Which order of the ties suits an instance cannot be told beforehand: each has its turn, with growing allowances.
    const auto first = static_cast<int64_t>(count_) * static_cast<int64_t>(count_ + members_.size());
    for (int64_t allowance = std::max<int64_t>(first, 10'000);; allowance *= 2)
      for (order_ = 0; order_ < kOrders; ++order_) {
        left_ = std::min(allowance, budget_);
        const int64_t given = left_;
        const Verdict v = solve_parts(all, parts, 0);
        budget_ -= given - left_;
        if (v == Verdict::placed) offsets = result_;
        if (v != Verdict::out_of_budget || budget_ <= 0) return v;
      }
  }

 private:
  struct Span {
    int begin, end;  // moments
    int64_t size, life;
  };
  struct Candidate {
    int64_t lowest;
    int rank, buffer;
  };
  struct Change {
    int64_t* where;
    int64_t before;
  };
  static constexpr int kOrders = 3;
  static size_t at(int i) { return static_cast<size_t>(i); }

  // What is left of the buffers, in parts that end at the given moments.
  Verdict solve_parts(const std::vector<int>& buffers, const std::vector<int>& ends, int begin) {
    for (int end : ends) {
      std::vector<int> part;
      for (int b : buffers)
        if (offset_[at(b)] < 0 && spans_[at(b)].begin >= begin && spans_[at(b)].end <= end) part.push_back(b);
      if (const Verdict v = solve(std::move(part), begin, end); v != Verdict::placed) return v;
      begin = end;
    }
    return Verdict::placed;
  }

  // A problem of its own: buffers that live within moments [begin, end).
  Verdict solve(std::vector<int> buffers, int begin, int end) {
    if (buffers.empty()) return Verdict::placed;
    std::vector<int64_t> pressure(count_, 0);
    for (int b : buffers)
      for (int m = spans_[at(b)].begin; m < spans_[at(b)].end; ++m)
        pressure[at(b)] = std::max(pressure[at(b)], waiting_[at(m)]);
    auto key = [&](int b) -> std::array<int64_t, 3> {
      const Span& s = spans_[at(b)];
      const int64_t width = s.life, area = s.size * s.life, total = pressure[at(b)];
      if (order_ == 0) return {width, area, total};
      if (order_ == 1) return {total, area, width};
      return {total, width, area};
    };
    std::sort(buffers.begin(), buffers.end(), [&](int a, int b) {
      const auto x = key(a), y = key(b);
      return x != y ? x > y : a < b;
    });
    for (size_t r = 0; r < buffers.size(); ++r) rank_[at(buffers[r])] = static_cast<int>(r);
    return step(buffers, begin, end, 0, -1);
  }

  // Places one of the buffers that are left, and then the others.
  Verdict step(const std::vector<int>& buffers, int begin, int end, int64_t from, int from_rank) {
    if (left_ <= 0) return Verdict::out_of_budget;
    left_ -= static_cast<int64_t>(buffers.size());
    // Whatever leaves room for a whole buffer below itself could be lower.
    int64_t ceiling = kHighest;
    bool any = false;
    for (int b : buffers) {
      if (offset_[at(b)] >= 0) continue;
      any = true;
      ceiling = std::min(ceiling, lowest_[at(b)] + spans_[at(b)].size);
    }
    if (!any) {
      for (int b : buffers) result_[at(b)] = offset_[at(b)];
      return Verdict::placed;
    }
    const size_t first = candidates_.size();
    for (int b : buffers) {
      if (offset_[at(b)] >= 0) continue;
      const int64_t low = lowest_[at(b)];
      if (low < ceiling && (low > from || (low == from && rank_[at(b)] > from_rank)))
        candidates_.push_back({low, rank_[at(b)], b});
    }
    std::sort(
        candidates_.begin() + static_cast<std::ptrdiff_t>(first), candidates_.end(),
        [](const auto& a, const auto& b) { return a.lowest != b.lowest ? a.lowest < b.lowest : a.rank < b.rank; });
    const size_t last = candidates_.size();
    Verdict verdict = Verdict::impossible;
    for (size_t k = first; k < last && verdict == Verdict::impossible; ++k) {
      const Candidate c = candidates_[k];
      const size_t mark = changes_.size();
      const bool covered = put(c.buffer);
      left_ -= static_cast<int64_t>(neighbours_[at(c.buffer)].size()) + (end - begin);
      if (fits(begin, end, c.lowest)) verdict = go_on(buffers, begin, end, c);
      take(c.buffer, mark);
      if (!covered) break;  // nothing is left above it: another place for it changes nothing
    }
    candidates_.resize(first);
    return verdict;
  }

  // The rest, in parts where nothing that is left crosses from one to the other.
  Verdict go_on(const std::vector<int>& buffers, int begin, int end, const Candidate& c) {
    const Span& s = spans_[at(c.buffer)];
    result_[at(c.buffer)] = offset_[at(c.buffer)];
    std::vector<int> cuts;
    for (int m = s.begin; m + 1 < s.end; ++m)
      if (--crossing_[at(m)] == 0) cuts.push_back(m + 1);
    Verdict verdict = Verdict::placed;
    if (cuts.empty()) {
      verdict = step(buffers, begin, end, c.lowest, c.rank);
    } else {
      // Ranks are renewed in the parts, so the callers' are kept.
      std::vector<std::pair<int, int>> ranks;
      for (int b : buffers) ranks.emplace_back(b, rank_[at(b)]);
      cuts.push_back(end);
      verdict = solve_parts(buffers, cuts, begin);
      for (auto [b, r] : ranks) rank_[at(b)] = r;
      // Buffers placed before are part of the answer too.
      if (verdict == Verdict::placed)
        for (int b : buffers)
          if (offset_[at(b)] >= 0) result_[at(b)] = offset_[at(b)];
    }
    for (int m = s.begin; m + 1 < s.end; ++m) ++crossing_[at(m)];
    return verdict;
  }

  void change(int64_t& x, int64_t to) {
    changes_.push_back({&x, x});
    x = to;
  }

  // Puts b on its lowest place; whether anything unplaced now lies above it.
  bool put(int b) {
    const Span& s = spans_[at(b)];
    const int64_t low = lowest_[at(b)], top = low + s.size;
    offset_[at(b)] = low;
    for (int m = s.begin; m < s.end; ++m) {
      change(floor_[at(m)], top);
      waiting_[at(m)] -= s.size;
    }
    bool covered = false;
    int least = s.begin, most = s.end;
    raised_[at(b)] = 1;
    raised_list_.assign(1, b);
    for (int o : neighbours_[at(b)]) {
      if (offset_[at(o)] >= 0) continue;
      covered = true;
      if (lowest_[at(o)] >= top) continue;
      least = std::min(least, spans_[at(o)].begin);
      most = std::max(most, spans_[at(o)].end);
      change(lowest_[at(o)], top);
      raised_[at(o)] = 1;
      raised_list_.push_back(o);
    }
    // A moment's floor can rise where the buffer that could lie lowest there was raised or placed.
    for (int m = least; m < most; ++m) {
      if (low_at_[at(m)] < 0 || !raised_[at(static_cast<int>(low_at_[at(m)]))]) continue;
      int64_t low_here = kHighest;
      int who = -1;
      for (int o : members_[at(m)])
        if (offset_[at(o)] < 0 && lowest_[at(o)] < low_here) low_here = lowest_[at(o)], who = o;
      left_ -= static_cast<int64_t>(members_[at(m)].size());
      change(low_at_[at(m)], who);
      if (who >= 0 && low_here > floor_[at(m)]) change(floor_[at(m)], low_here);
    }
    for (int o : raised_list_) raised_[at(o)] = 0;
    return covered;
  }

  void take(int b, size_t mark) {
    const Span& s = spans_[at(b)];
    for (; changes_.size() > mark; changes_.pop_back()) *changes_.back().where = changes_.back().before;
    for (int m = s.begin; m < s.end; ++m) waiting_[at(m)] += s.size;
    offset_[at(b)] = -1;
  }

  bool fits(int begin, int end, int64_t from) const {
    for (int m = begin; m < end; ++m)
      if (waiting_[at(m)] > 0 ? std::max(from, floor_[at(m)]) + waiting_[at(m)] > capacity_ : floor_[at(m)] > capacity_)
        return false;
    return true;
  }

  const int64_t capacity_;
  int64_t& budget_;
  int64_t left_ = 0;  // of this turn's allowance
  size_t count_;
  int moments_ = 0, order_ = 0;
  std::vector<Span> spans_;
  std::vector<std::vector<int>> members_;     // of a moment
  std::vector<std::vector<int>> neighbours_;  // live with a buffer at some moment
  std::vector<int> crossing_;                 // unplaced buffers that live in a moment and the next
  std::vector<int64_t> floor_, waiting_;      // of a moment: see the top; bytes unplaced
  std::vector<int64_t> lowest_, offset_;      // of a buffer: lowest possible place; its place, −1 while it has none
  std::vector<int64_t> result_;
  std::vector<int> rank_;        // of a buffer among those of its problem
  std::vector<int64_t> low_at_;  // of a moment: the unplaced buffer that could lie lowest
  std::vector<uint8_t> raised_;
  std::vector<int> raised_list_;
  std::vector<Candidate> candidates_;
  std::vector<Change> changes_;
};

}  // namespace

Verdict place_within(std::span<const Extent> buffers, int64_t capacity, int64_t& budget,
                     std::vector<int64_t>& offsets) {
  offsets.assign(buffers.size(), 0);
  // What has no bytes or no life lies anywhere.
  std::vector<Extent> solid;
  std::vector<size_t> which;
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].size > 0 && buffers[i].lower < buffers[i].upper) solid.push_back(buffers[i]), which.push_back(i);
  if (solid.empty()) return Verdict::placed;
  if (solid.size() > kMostBuffers) return Verdict::out_of_budget;
  std::vector<int64_t> found;
  const Verdict v = Search(solid, capacity, budget).run(found);
  if (v == Verdict::placed)
    for (size_t k = 0; k < which.size(); ++k) offsets[which[k]] = found[k];
  return v;
}

Placement place(std::span<const Extent> buffers, int64_t budget) {
  const int64_t bound = lower_bound(buffers);
  Placement best = place_greedily(buffers, bound);
  std::vector<int64_t> offsets;
  auto try_capacity = [&](int64_t capacity, int64_t& allowance) {
    const Verdict v = place_within(buffers, capacity, allowance, offsets);
    if (v != Verdict::placed) return v;
    best = {offsets, 0};
    for (size_t i = 0; i < offsets.size(); ++i) best.arena = std::max(best.arena, offsets[i] + buffers[i].size);
    return v;
  };
  if (best.arena == bound || budget <= 0) return best;
  // Half of it for the bound itself, which is nearly always reached; then by halves of what lies between.
  int64_t half = budget / 2, low = bound;
  budget -= half;
  if (try_capacity(bound, half) == Verdict::placed) return best;
  budget += half;
  for (int tries = 8; tries > 0 && best.arena - low > 1 && budget > 0; --tries) {
    const int64_t middle = low + (best.arena - low) / 2;
    int64_t allowance = budget / tries;
    budget -= allowance;
    if (try_capacity(middle, allowance) != Verdict::placed) low = middle;
    budget += allowance;
  }
  return best;
}

}  // namespace duet::graph
