// combine: kernels that do not need each other become segments of one kernel, and a small kernel becomes the beginning
// of the only one that reads it.
//
//   before   k0: %2 = sum(%0, axis 0)    k1: %3 = sum(%1, axis 0)    k2: %5 = exp(%4)    k3: %7 = mul(%6, %5)
//   after    k0: %2 = sum(%0, axis 0) beside %3 = sum(%1, axis 0)    k1: %5 = exp(%4) before %7 = mul(%6, %5)
//
// The earlier kernel then runs where the later one did, so what it reads lives longer. Refused where that takes more
// than a twentieth of the memory that is live at once, unless it is little.
#include <algorithm>

#include "duet/graph/passes.h"
#include "graph/bytes.h"
#include "graph/groups.h"

namespace duet::graph {
namespace {

constexpr int64_t kLittle = int64_t{256} * 1024;  // bytes
constexpr int kMaxChecks = 64;                    // of the whole memory, in one graph

class Combiner {
 public:
  Combiner(Graph g, Report& report) : g_(std::move(g)), report_(report), groups_(g_) {}

  Graph run() {
    put_before();
    put_beside();
    put_before();  // what several kernels read that are one now
    groups_.write();
    for (FusionRecord& r : report_.fusions)  // what is one kernel now
      if (!r.fused && groups_.group_of(r.producer) >= 0 && groups_.group_of(r.producer) == groups_.group_of(r.consumer))
        r.fused = true, r.reason.clear();
    return std::move(g_);
  }

 private:
  bool reduces(int group) const {
    return std::ranges::any_of(groups_.nodes(group), [&](int n) { return g_.node(n).op->kind == OpClass::reduction; });
  }

  bool reads(int group, int earlier) const {
    return std::ranges::any_of(groups_.nodes(group), [&](int n) {
      return std::ranges::any_of(g_.node(n).inputs, [&](int x) {
        const int p = g_.producer(groups_.layout(x).root);
        return p >= 0 && groups_.group_of(p) == earlier;
      });
    });
  }

  struct Open {
    int group;
    int64_t extra;  // bytes that its segments hold longer
  };

  void put_beside() {
    constexpr size_t kOpen = 4;      // kernels that a later one is tried with, the last ones first
    std::vector<Open> open_ones[2];  // with reductions and without
    for (int b : groups_.in_order()) {
      if (!groups_.is_fused(b) || groups_.is_product(b)) continue;
      std::vector<Open>& open = open_ones[reduces(b)];
      Open now{b, 0};
      for (size_t k = open.size(); k-- > 0;) {
        const Open a = open[k];
        if (!groups_.is_first(a.group, b)) continue;
        auto record = [&](const char* why) {
          report_.fusions.push_back(
              {groups_.nodes(a.group).front(), groups_.nodes(b).front(), why == nullptr, why ? why : "", 0, true});
        };
        if (const char* why = groups_.refusal(a.group, b, Join::beside)) {
          if (!reads(b, a.group)) record(why);  // else fuse has told why they stay two
          continue;
        }
        const int64_t extra = a.extra + held_by(a.group, b);
        if (extra > kLittle && !fits(a.group, b)) {
          record(checks_ > kMaxChecks ? "too many kernels were weighed already"
                                      : "as one kernel they would take more memory");
          continue;
        }
        record(nullptr);
        // Small ones stay one space, so that they can still go before a kernel.
        int64_t small = 0;
        const bool same = groups_.is_pointwise(a.group, small) && small <= Groups::kSmall &&
                          groups_.refusal(a.group, b, Join::same) == nullptr;
        groups_.join(a.group, b, same ? Join::same : Join::beside);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(k));
        now.extra = extra;
        break;
      }
      if (open.size() == kOpen) open.erase(open.begin());
      open.push_back(now);
    }
  }

  // Bytes of other kernels' results that nobody reads after the group, which would have to wait for the later one.
  int64_t held_by(int group, int later) const {
    int64_t held = 0;
    std::vector<int> seen;
    for (int n : groups_.nodes(group))
      for (int x : g_.node(n).inputs) {
        const int r = groups_.layout(x).root;
        if (g_.producer(r) < 0 || groups_.group_of(g_.producer(r)) == group ||
            std::find(seen.begin(), seen.end(), r) != seen.end())
          continue;
        seen.push_back(r);
        const bool read_later = std::ranges::any_of(
            groups_.readers(r), [&](int reader) { return !groups_.is_first(groups_.group_of(reader), later); });
        if (!read_later) held += value_bytes(g_, r);
      }
    return held;
  }

  // Whether the memory live at once grows by no more than a twentieth when a runs where b does.
  bool fits(int a, int b) {
    if (++checks_ > kMaxChecks) return false;
    std::vector<int> order = groups_.in_order();
    const int64_t now = peak(order);
    order.erase(std::find(order.begin(), order.end(), a));
    order.insert(std::find(order.begin(), order.end(), b), a);
    return static_cast<double>(peak(order)) <= 1.05 * static_cast<double>(now);
  }

  int64_t peak(const std::vector<int>& order) const {
    std::vector<int> place(g_.nodes.size(), 0);
    for (size_t k = 0; k < order.size(); ++k)
      for (int n : groups_.nodes(order[k])) place[static_cast<size_t>(n)] = static_cast<int>(k);
    std::vector<int64_t> change(order.size() + 1, 0);
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (groups_.group_of(static_cast<int>(i)) < 0) continue;
      for (int v : g_.nodes[i].outputs) {
        int dies = place[i];
        for (int reader : groups_.readers(v)) dies = std::max(dies, place[static_cast<size_t>(reader)]);
        change[static_cast<size_t>(place[i])] += value_bytes(g_, v);
        change[static_cast<size_t>(dies) + 1] -= value_bytes(g_, v);
      }
    }
    int64_t live = 0, most = 0;
    for (int64_t c : change) most = std::max(most, live += c);
    return most;
  }

  void put_before() {
    std::vector<int> order = groups_.in_order();
    for (auto a = order.rbegin(); a != order.rend(); ++a) {
      int64_t numel = 0;
      if (!groups_.is_pointwise(*a, numel)) continue;
      int reader = -1;
      bool one = true;
      for (int n : groups_.nodes(*a))
        for (int v : g_.node(n).outputs)
          for (int r : groups_.readers(v)) {
            const int b = groups_.group_of(r);
            if (b == *a) continue;
            one &= reader < 0 || reader == b;
            reader = b;
          }
      if (reader < 0 || !one || groups_.refusal(*a, reader, Join::first_before) != nullptr) continue;
      groups_.join(*a, reader, Join::first_before);
    }
  }

  Graph g_;
  Report& report_;
  Groups groups_;
  int checks_ = 0;
};

}  // namespace

Graph combine(Graph g, Report& report) {
  if (g.kernels.empty()) return g;  // without fuse
  return Combiner(std::move(g), report).run();
}

}  // namespace duet::graph
