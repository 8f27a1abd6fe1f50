// schedule: puts kernels in an order in which fewer bytes are alive at once.
//
//   before   k0: %a = exp(%x)   k1: %b = exp(%y)   k2: %c = sum(%a)   k3: %d = sum(%b)     %a and %b live together
//   after    k0: %a = exp(%x)   k2: %c = sum(%a)   k1: %b = exp(%y)   k3: %d = sum(%b)     %b lies where %a was
//
// A few orders are tried, each near linear in the number of operands, and the smallest peak is kept; trace order where
// it is as good. Kernels that can find a bad index stay in program order. What in trace order could be computed in a
// donated input still can (it stays behind the input's other readers, and behind the kernels that can find a bad
// index), unless new storage for it costs less than the order saves: a weight's gradient before that of the layer's
// input.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <queue>

#include "duet/graph/passes.h"
#include "graph/bytes.h"

namespace duet::graph {
namespace {

size_t at(int i) { return static_cast<size_t>(i); }

enum class Rule { free_most, depth_first };
struct Order {
  const char* name;
  Rule rule;
  bool reversed;
};
constexpr Order kOrders[] = {
    {"free most next", Rule::free_most, false},
    {"depth first", Rule::depth_first, false},
    {"add least next, from the end", Rule::free_most, true},
    {"depth first, from the end", Rule::depth_first, true},
};

class Scheduler {
 public:
  Scheduler(const Graph& g, bool keep_donations) : g_(g), layouts_(layouts(g)), work_(g.kernels.size()) {
    find_values();
    for (const Between& v : values_)
      for (int k : v.readers) wait(k, v.maker);
    keep_order_of_errors();
    find_donations();
    if (keep_donations)
      for (const Donation& d : donations_)
        for (int k : d.after) wait(d.maker, k);
    for (Work& w : work_) {
      std::sort(w.before.begin(), w.before.end());
      w.before.erase(std::unique(w.before.begin(), w.before.end()), w.before.end());
    }
    for (int k = 0; k < count(); ++k)
      for (int b : work_[at(k)].before) work_[at(b)].after.push_back(k);
  }

  bool donates() const { return !donations_.empty(); }

  // The most bytes that live at once.
  int64_t peak(const std::vector<int>& order) const {
    std::vector<size_t> left;
    for (const Between& v : values_) left.push_back(v.readers.size());
    int64_t live = 0, most = 0;
    std::vector<int64_t> made, free;
    for (int k : order) {
      const Work& w = work_[at(k)];
      made.clear();
      free.clear();
      int64_t dying = 0;
      for (int v : w.makes) {
        made.push_back(values_[at(v)].bytes);
        live += values_[at(v)].bytes;
        if (left[at(v)] == 0) dying += values_[at(v)].bytes;
      }
      for (size_t i = 0; i < w.reads.size(); ++i) {
        const auto v = at(w.reads[i]);
        if (--left[v] > 0) continue;
        dying += values_[v].bytes;
        if (w.may_be_taken[i]) free.push_back(values_[v].bytes);
      }
      most = std::max(most, live - shared(made, free));
      live -= dying;
    }
    return most;
  }

  // Bytes of donations that an order cannot use, those among them that could not be used anyway.
  int64_t given_up(const std::vector<int>& order) const {
    if (donations_.empty()) return 0;
    std::vector<int> when(order.size());
    for (size_t i = 0; i < order.size(); ++i) when[at(order[i])] = static_cast<int>(i);
    int64_t bytes = 0;
    for (const Donation& d : donations_)
      if (std::ranges::any_of(d.after, [&](int k) { return when[at(k)] > when[at(d.maker)]; })) bytes += d.bytes;
    return bytes;
  }

  // An order in which kernels can run: the next one is that of the least cost, ties by trace order.
  std::vector<int> order(const Order& o) const {
    std::vector<int64_t> cost(work_.size(), 0);
    std::vector<size_t> waiting(work_.size()), left;
    for (const Between& v : values_) left.push_back(v.readers.size());
    for (size_t k = 0; k < work_.size(); ++k) {
      waiting[k] = (o.reversed ? work_[k].after : work_[k].before).size();
      if (o.rule == Rule::free_most) cost[k] = first_cost(work_[k], o.reversed);
    }
    using Entry = std::pair<int64_t, int>;  // cost, place in the trace
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    auto queue = [&](int k) { ready.emplace(cost[at(k)], o.reversed ? -k : k); };
    for (int k = 0; k < count(); ++k)
      if (waiting[at(k)] == 0) queue(k);
    std::vector<char> done(work_.size(), 0);
    std::vector<int> order;
    while (!ready.empty()) {
      const auto [old_cost, place] = ready.top();
      ready.pop();
      const int k = std::abs(place);
      if (done[at(k)] || old_cost != cost[at(k)]) continue;  // a cheaper entry of it was there
      done[at(k)] = 1;
      order.push_back(k);
      for (int v : work_[at(k)].reads) {
        // Forward the last reader of a value frees it; backward all readers but the first find it alive.
        const size_t readers = values_[at(v)].readers.size();
        --left[at(v)];
        if (o.rule != Rule::free_most || left[at(v)] != (o.reversed ? readers - 1 : 1)) continue;
        for (int r : values_[at(v)].readers) {
          if (done[at(r)]) continue;
          cost[at(r)] -= values_[at(v)].bytes;
          if (waiting[at(r)] == 0) queue(r);
        }
      }
      for (int next : o.reversed ? work_[at(k)].before : work_[at(k)].after) {
        if (--waiting[at(next)] > 0) continue;
        if (o.rule == Rule::depth_first) cost[at(next)] = -static_cast<int64_t>(order.size());
        queue(next);
      }
    }
    DUET_INTERNAL_CHECK(order.size() == work_.size());  // else kernels wait for each other
    if (o.reversed) std::reverse(order.begin(), order.end());
    return order;
  }

 private:
  struct Between {
    int64_t bytes = 0;  // 0 for outputs, which have storage of their own
    int maker = -1;
    std::vector<int> readers;  // kernels
  };
  struct Work {
    std::vector<int> reads, makes;   // values between kernels
    std::vector<char> may_be_taken;  // by reads: whether a result may take the storage, as it seems
    std::vector<int> before, after;  // kernels that must have run, and that wait for this one
  };

  struct Donation {
    int64_t bytes = 0;
    int maker = -1;          // of what may be computed in the input
    std::vector<int> after;  // kernels that must have run by then
  };

  int count() const { return static_cast<int>(work_.size()); }
  int root(int v) const { return layouts_[at(v)].root; }
  int maker(int root) const {
    const int p = g_.producer(root);
    return p < 0 ? -1 : g_.node(p).kernel;
  }
  void wait(int k, int other) {
    if (other >= 0 && other != k) work_[at(k)].before.push_back(other);
  }

  void find_values() {
    std::vector<int> place(g_.values.size(), -1);  // among values_
    std::vector<char> is_output(g_.values.size(), 0);
    for (int o : g_.outputs) is_output[at(root(o))] = 1;
    for (int k = 0; k < count(); ++k)
      for (int n : g_.kernels[at(k)].nodes)
        for (int x : g_.node(n).inputs) {
          const int r = root(x), made_in = maker(r);
          if (made_in < 0 || made_in == k) continue;
          if (place[at(r)] < 0) {
            place[at(r)] = static_cast<int>(values_.size());
            values_.push_back({is_output[at(r)] ? 0 : aligned(value_bytes(g_, r)), made_in, {}});
            work_[at(made_in)].makes.push_back(place[at(r)]);
          }
          Between& v = values_[at(place[at(r)])];
          Work& w = work_[at(k)];
          if (v.readers.empty() || v.readers.back() != k) {
            v.readers.push_back(k);
            w.reads.push_back(place[at(r)]);
            w.may_be_taken.push_back(1);
          }
          const Layout& l = layouts_[at(x)];
          if (g_.node(n).op->kind == OpClass::pointwise && l.dense && l.offset == 0) continue;
          w.may_be_taken[at(static_cast<int>(std::ranges::find(w.reads, place[at(r)]) - w.reads.begin()))] = 0;
        }
  }

  void keep_order_of_errors() {
    for (int k = 0; k < count(); ++k) {
      const auto& nodes = g_.kernels[at(k)].nodes;
      if (std::none_of(nodes.begin(), nodes.end(), [&](int n) { return g_.node(n).op->may_throw; })) continue;
      wait(k, last_throw_);
      last_throw_ = k;
    }
  }

  void find_donations() {
    std::vector<char> makes_output(work_.size(), 0);
    for (int o : g_.outputs)
      if (const int k = maker(root(o)); k >= 0) makes_output[at(k)] = 1;
    std::vector<Donation> of_value(g_.values.size());  // of slots
    for (int k = 0; k < count(); ++k)
      for (int n : g_.kernels[at(k)].nodes)
        for (int x : g_.node(n).inputs)
          if (const int r = root(x); g_.value(r).origin == Origin::slot) {
            Donation& d = of_value[at(r)];
            d.bytes = aligned(value_bytes(g_, r));
            if (d.maker >= 0 && d.maker != k) d.after.push_back(d.maker);
            d.maker = k;
          }
    for (Donation& d : of_value) {
      if (d.maker < 0 || !makes_output[at(d.maker)] || last_throw_ >= d.maker) continue;
      if (last_throw_ >= 0) d.after.push_back(last_throw_);
      if (!d.after.empty()) donations_.push_back(std::move(d));
    }
  }

  // What the kernel adds to what is alive, going forward or backward, when nothing has run yet.
  int64_t first_cost(const Work& w, bool reversed) const {
    int64_t cost = 0;
    for (int v : w.makes) cost += values_[at(v)].bytes;
    for (int v : w.reads)
      if (reversed || values_[at(v)].readers.size() == 1) cost -= values_[at(v)].bytes;
    return reversed ? -cost : cost;
  }

  // Bytes of results that take the storage of an operand of their size.
  static int64_t shared(std::vector<int64_t>& made, std::vector<int64_t>& free) {
    std::sort(made.begin(), made.end());
    std::sort(free.begin(), free.end());
    int64_t bytes = 0;
    for (size_t i = 0, k = 0; i < made.size() && k < free.size();) {
      if (made[i] == free[k])
        bytes += made[i], ++i, ++k;
      else
        made[i] < free[k] ? ++i : ++k;
    }
    return bytes;
  }

  const Graph& g_;
  std::vector<Layout> layouts_;
  std::vector<Between> values_;
  std::vector<Work> work_;
  std::vector<Donation> donations_;
  int last_throw_ = -1;
};

}  // namespace

Graph schedule(Graph g, Report& report) {
  report.schedule = {};
  // The orders break ties by the order that there is, so a better one may lead to a better one still.
  int64_t given_up = 0, least = 0;  // bytes of new storage in place of donated; of that and the peak
  for (bool better = true; better;) {
    std::vector<int> best(g.kernels.size());
    for (size_t k = 0; k < best.size(); ++k) best[k] = static_cast<int>(k);
    better = false;
    int64_t best_given_up = 0;
    bool donates = true;
    for (bool keep_donations : {true, false}) {
      if (!donates) break;  // the same orders
      const Scheduler scheduler(g, keep_donations);
      donates = scheduler.donates();
      if (report.schedule.order.empty()) {
        least = scheduler.peak(best);
        report.schedule = {"trace order", least, least};
      }
      for (const Order& o : kOrders) {
        std::vector<int> order = scheduler.order(o);
        const int64_t peak = scheduler.peak(order), more = scheduler.given_up(order);
        if (peak + given_up + more >= least) continue;
        least = peak + given_up + more;
        report.schedule.order = o.name;
        report.schedule.peak_bytes = peak;
        best = std::move(order);
        best_given_up = more;
        better = true;
      }
    }
    given_up += best_given_up;
    if (!better) break;
    std::vector<Kernel> kernels;
    for (int k : best) {
      for (int n : g.kernels[at(k)].nodes) g.nodes[at(n)].kernel = static_cast<int>(kernels.size());
      kernels.push_back(std::move(g.kernels[at(k)]));
    }
    g.kernels = std::move(kernels);
  }
  return g;
}

}  // namespace duet::graph
