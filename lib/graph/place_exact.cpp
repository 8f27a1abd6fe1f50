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

#include "duet/graph/place_exact.h"

namespace duet::graph {
namespace {

constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();
constexpr size_t kMostBuffers = 2048;
constexpr int kMostNesting = 64;  // of parts in parts, each a call

size_t at(int i) { return static_cast<size_t>(i); }

// Time cut into moments, the stretches between births and deaths.
struct Span {
  int begin, end;  // moments
  int64_t size;
  double life;  // in the caller's time
};
std::vector<Span> spans(std::span<const Extent> buffers) {
  std::vector<int64_t> times;
  for (const Extent& b : buffers) times.insert(times.end(), {b.lower, b.upper});
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  auto moment = [&](int64_t t) {
    return static_cast<int>(std::lower_bound(times.begin(), times.end(), t) - times.begin());
  };
  std::vector<Span> all;
  for (const Extent& b : buffers)
    all.push_back(
        {moment(b.lower), moment(b.upper), b.size, static_cast<double>(b.upper) - static_cast<double>(b.lower)});
  return all;
}

// What the tables of a search hold in all: entries by moment and by pair that lives together.
int64_t table_size(const std::vector<Span>& all) {
  std::vector<int> begins, ends;
  int64_t size = 0;
  for (const Span& s : all) {
    begins.push_back(s.begin);
    ends.push_back(s.end);
    size += s.end - s.begin;
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  size_t born = 0, dead = 0;
  for (int begin : begins) {
    while (ends[dead] <= begin) ++dead;
    size += static_cast<int64_t>(born++ - dead);
  }
  return size;
}

class Search {
 public:
  Search(std::vector<Span> spans, int64_t capacity, int64_t& budget)
      : capacity_(capacity), budget_(budget), count_(spans.size()), spans_(std::move(spans)) {
    for (const Span& s : spans_) moments_ = std::max(moments_, s.end);
    members_.resize(at(moments_));
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
    keys_.resize(count_);
    raised_.assign(count_, 0);
    for (const auto& list : members_) low_at_.push_back(list.empty() ? -1 : list[0]);
  }

  Verdict run(std::vector<int64_t>& offsets) {
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
  struct Candidate {
    int64_t lowest;
    int rank, buffer;
  };
  struct Frame {
    size_t first, next, last;  // candidates; the next one to try
    size_t mark = 0;           // of the one being tried: changes before it,
    bool covered = false;      // whether anything that is left lies above it
    bool tried = false;        // there is one
  };
  struct Change {
    int64_t* where;
    int64_t before;
  };
  static constexpr int kOrders = 3;

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
    auto pressure = [&](const Span& s) {
      int64_t most = 0;
      for (int m = s.begin; m < s.end; ++m) most = std::max(most, waiting_[at(m)]);
      left_ -= s.end - s.begin;
      return static_cast<double>(most);
    };
    for (int b : buffers) {
      const Span& s = spans_[at(b)];
      const double width = s.life, area = static_cast<double>(s.size) * s.life, total = pressure(s);
      if (order_ == 0)
        keys_[at(b)] = {width, area, total};
      else if (order_ == 1)
        keys_[at(b)] = {total, area, width};
      else
        keys_[at(b)] = {total, width, area};
    }
    left_ -= static_cast<int64_t>(buffers.size());
    std::sort(buffers.begin(), buffers.end(),
              [&](int a, int b) { return keys_[at(a)] != keys_[at(b)] ? keys_[at(a)] > keys_[at(b)] : a < b; });
    for (size_t r = 0; r < buffers.size(); ++r) rank_[at(buffers[r])] = static_cast<int>(r);
    return search(buffers, begin, end);
  }

  // Depth first, with a stack of its own: a search is as deep as there are buffers.
  Verdict search(const std::vector<int>& buffers, int begin, int end) {
    const size_t base = frames_.size();
    Verdict verdict = open(buffers, 0, -1);
    while (verdict == Verdict::impossible && frames_.size() > base) {
      Frame& f = frames_.back();
      if (f.tried) withdraw(f);
      if (f.next == f.last) {
        candidates_.resize(f.first);
        frames_.pop_back();
        continue;
      }
      const Candidate c = candidates_[f.next++];
      f.tried = true;
      f.mark = changes_.size();
      f.covered = put(c.buffer);
      result_[at(c.buffer)] = offset_[at(c.buffer)];
      const Span& s = spans_[at(c.buffer)];
      std::vector<int> cuts;
      for (int m = s.begin; m + 1 < s.end; ++m)
        if (--crossing_[at(m)] == 0) cuts.push_back(m + 1);
      left_ -= static_cast<int64_t>(neighbours_[at(c.buffer)].size()) + (end - begin);
      if (!fits(begin, end, c.lowest)) continue;
      if (cuts.empty() || nesting_ == kMostNesting)
        verdict = open(buffers, c.lowest, c.rank);
      else
        verdict = search_parts(buffers, cuts, begin, end);
    }
    for (; frames_.size() > base; frames_.pop_back()) {
      if (frames_.back().tried) withdraw(frames_.back());
      candidates_.resize(frames_.back().first);
    }
    return verdict;
  }

  // Looks for places of one of the buffers that are left: a frame of candidates. Impossible until they were tried.
  Verdict open(const std::vector<int>& buffers, int64_t from, int from_rank) {
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
    if (!any) return Verdict::placed;
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
    frames_.push_back({first, first, candidates_.size()});
    return Verdict::impossible;
  }

  // Takes the candidate that is being tried back.
  void withdraw(Frame& f) {
    const int b = candidates_[f.next - 1].buffer;
    for (int m = spans_[at(b)].begin; m + 1 < spans_[at(b)].end; ++m) ++crossing_[at(m)];
    take(b, f.mark);
    f.tried = false;
    if (!f.covered) f.next = f.last;  // nothing is left above it: another place for it changes nothing
  }

  // The rest, in parts where nothing that is left crosses from one to the other.
  Verdict search_parts(const std::vector<int>& buffers, std::vector<int>& cuts, int begin, int end) {
    // Ranks are renewed in the parts, so the callers' are kept.
    std::vector<std::pair<int, int>> ranks;
    for (int b : buffers) ranks.emplace_back(b, rank_[at(b)]);
    cuts.push_back(end);
    ++nesting_;
    const Verdict verdict = solve_parts(buffers, cuts, begin);
    --nesting_;
    for (auto [b, r] : ranks) rank_[at(b)] = r;
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
  int moments_ = 0, order_ = 0, nesting_ = 0;
  std::vector<Span> spans_;
  std::vector<std::vector<int>> members_;     // of a moment
  std::vector<std::vector<int>> neighbours_;  // live with a buffer at some moment
  std::vector<int> crossing_;                 // unplaced buffers that live in a moment and the next
  std::vector<int64_t> floor_, waiting_;      // of a moment: see the top; bytes unplaced
  std::vector<int64_t> lowest_, offset_;      // of a buffer: lowest possible place; its place, −1 while it has none
  std::vector<int64_t> result_;
  std::vector<std::array<double, 3>> keys_;  // of a buffer, by which ranks are made; floating, since areas may be huge
  std::vector<int> rank_;                    // of a buffer among those of its problem
  std::vector<int64_t> low_at_;              // of a moment: the unplaced buffer that could lie lowest
  std::vector<uint8_t> raised_;
  std::vector<int> raised_list_;
  std::vector<Candidate> candidates_;
  std::vector<Frame> frames_;
  std::vector<Change> changes_;
};

}  // namespace

Verdict place_within(std::span<const Extent> buffers, int64_t capacity, int64_t& budget,
                     std::vector<int64_t>& offsets) {
  offsets.assign(buffers.size(), 0);
  std::vector<Extent> solid;  // what has no bytes lies anywhere
  std::vector<size_t> which;
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].size > 0) solid.push_back(buffers[i]), which.push_back(i);
  if (solid.empty()) return Verdict::placed;
  if (lower_bound(solid) > capacity) return Verdict::impossible;
  if (solid.size() > kMostBuffers) return Verdict::out_of_budget;
  std::vector<Span> all = spans(solid);
  if (const int64_t cost = table_size(all); cost < budget)
    budget -= cost;
  else
    return Verdict::out_of_budget;
  std::vector<int64_t> found;
  const Verdict v = Search(std::move(all), capacity, budget).run(found);
  if (v == Verdict::placed)
    for (size_t k = 0; k < which.size(); ++k) offsets[which[k]] = found[k];
  return v;
}

}  // namespace duet::graph
