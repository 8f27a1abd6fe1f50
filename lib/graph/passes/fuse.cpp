// fuse: groups nodes into kernels. A pointwise node joins the kernel that makes one of its operands when it works on
// the same elements in the same order, so that the value between them need not be written and read.
//
//   before   k0: %2 = matmul(%0, %1)    k1: %3 = add(%2, %b)    k2: %4 = relu(%3)
//   after    k0: %2 = matmul(%0, %1), %3 = add(%2, %b), %4 = relu(%3)
//
// Legal only if no path leaves the group and comes back: every other operand must be there before the group runs. Each
// candidate is recorded, taken or refused with the reason.
#include <fmt/format.h>

#include <algorithm>

#include "duet/graph/passes.h"
#include "duet/ops/movement.h"

namespace duet::graph {
namespace {

constexpr size_t kMaxNodes = 256;  // of a kernel: keeps its working set in the L1 cache

using Bits = std::vector<uint64_t>;
bool test(const Bits& b, int i) {
  auto word = static_cast<size_t>(i) / 64;
  return word < b.size() && ((b[word] >> (i % 64)) & 1u);
}
void set(Bits& b, int i) {
  auto word = static_cast<size_t>(i) / 64;
  if (b.size() <= word) b.resize(word + 1, 0);
  b[word] |= uint64_t{1} << (i % 64);
}
void merge(Bits& into, const Bits& from) {
  if (into.size() < from.size()) into.resize(from.size(), 0);
  for (size_t w = 0; w < from.size(); ++w) into[w] |= from[w];
}

struct Group {
  std::vector<int> nodes;
  Bits before;  // groups that must have run, directly or not
  int64_t numel = 0;
  bool open = false;  // takes pointwise nodes
  bool dead = false;  // merged into another
};

class Fuser {
 public:
  Fuser(Graph g, Report& report)
      : g_(std::move(g)), report_(report), layouts_(layouts(g_)), group_of_(g_.nodes.size(), -1) {}

  Graph run() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& n = g_.nodes[i];
      if (is_view(n) && layouts_[static_cast<size_t>(n.outputs[0])].root != n.outputs[0]) continue;  // no kernel
      if (n.op->kind != OpClass::pointwise || !join(static_cast<int>(i))) start(static_cast<int>(i));
    }
    order();
    return std::move(g_);
  }

 private:
  // The value whose elements v is, in the same row-major order: through reshapes.
  int same_elements(int v) const {
    for (int p = g_.producer(v);
         p >= 0 && g_.node(p).op == &op<Reshape>() && layouts_[static_cast<size_t>(v)].root != v; p = g_.producer(v))
      v = g_.node(p).inputs[0];
    return v;
  }
  // The group that must have run before v can be read; −1 for none.
  int group_making(int v) const {
    int p = g_.producer(layouts_[static_cast<size_t>(v)].root);
    return p < 0 ? -1 : group_of_[static_cast<size_t>(p)];
  }
  int64_t numel(int v) const { return g_.value(v).spec.shape.numel(); }
  int64_t bytes(int v) const { return numel(v) * static_cast<int64_t>(size_bytes(g_.value(v).spec.dtype)); }

  void start(int i) {
    Group group;
    const Node& n = g_.node(i);
    group.nodes = {i};
    group.numel = numel(n.outputs[0]);
    group.open = n.op->kind == OpClass::pointwise || n.op->kind == OpClass::matmul;
    for (int x : n.inputs) add_before(group, group_making(x));
    group_of_[static_cast<size_t>(i)] = static_cast<int>(groups_.size());
    groups_.push_back(std::move(group));
  }
  void add_before(Group& group, int other) {
    if (other < 0) return;
    set(group.before, other);
    merge(group.before, groups_[static_cast<size_t>(other)].before);
  }

  // Why node i cannot join group G; empty if it can.
  std::string refusal(int i, int to, int through) const {
    const Group& group = groups_[static_cast<size_t>(to)];
    const Node& n = g_.node(i);
    if (!group.open) return fmt::format("{} is a kernel of its own", g_.node(group.nodes[0]).op->name);
    if (numel(n.outputs[0]) != group.numel)
      return fmt::format("{} is repeated to {}: another number of elements",
                         g_.value(layouts_[static_cast<size_t>(through)].root).spec, g_.value(n.outputs[0]).spec);
    if (group.nodes.size() >= kMaxNodes) return fmt::format("the kernel has {} operations already", kMaxNodes);
    for (int x : n.inputs) {
      int made_in = group_making(x);
      if (made_in < 0) continue;
      if (made_in == to) {
        int same = same_elements(x);
        int p = g_.producer(same);
        if (p < 0 || group_of_[static_cast<size_t>(p)] != to || numel(same) != group.numel)
          return fmt::format("{} is read in another order", g_.value(x).spec);
      } else if (test(groups_[static_cast<size_t>(made_in)].before, to)) {
        return "a path leaves the kernel and comes back";
      }
    }
    return "";
  }

  bool join(int i) {
    const Node& n = g_.node(i);
    int best = -1;
    int64_t best_bytes = -1;
    std::vector<int> seen;
    for (int x : n.inputs) {
      int to = group_making(x);
      if (to < 0 || std::find(seen.begin(), seen.end(), to) != seen.end()) continue;
      seen.push_back(to);
      std::string why = refusal(i, to, x);
      if (!why.empty()) {
        record_refusals(i, to, why);
      } else if (bytes(x) > best_bytes) {  // ties: the earlier operand
        best = to;
        best_bytes = bytes(x);
      }
    }
    if (best < 0) return false;
    Group& group = groups_[static_cast<size_t>(best)];
    group.nodes.push_back(i);
    group_of_[static_cast<size_t>(i)] = best;
    Bits grown;
    for (int x : n.inputs) {
      int made_in = group_making(x);
      if (made_in == best) {
        report_.fusions.push_back({g_.producer(same_elements(x)), i, true, "", 2 * bytes(x)});
      } else if (made_in >= 0) {
        set(grown, made_in);
        merge(grown, groups_[static_cast<size_t>(made_in)].before);
      }
    }
    grow_before(best, grown);
    for (int other : seen) {
      if (other == best) continue;
      std::string why = merge_refusal(best, other, i);
      if (why.empty())
        merge_groups(best, other, i);
      else
        record_refusals(i, other, why);
    }
    return true;
  }

  // What `to` now waits for, everything that waits for `to` waits for too.
  void grow_before(int to, const Bits& grown) {
    merge(groups_[static_cast<size_t>(to)].before, grown);
    for (Group& other : groups_)
      if (test(other.before, to)) merge(other.before, grown);
  }

  // Every operand of node i that kernel `from` makes is refused, once.
  void record_refusals(int i, int from, const std::string& why) {
    for (int x : g_.node(i).inputs) {
      if (group_making(x) != from) continue;
      int producer = g_.producer(layouts_[static_cast<size_t>(x)].root);
      auto r = report_.fusions.rbegin();
      while (r != report_.fusions.rend() && r->consumer == i && r->producer != producer) ++r;
      if (r == report_.fusions.rend() || r->consumer != i) report_.fusions.push_back({producer, i, false, why, 0});
    }
  }

  // Why two kernels that node i brought together stay apart; empty if they become one.
  std::string merge_refusal(int to, int from, int i) const {
    const Group& a = groups_[static_cast<size_t>(to)];
    const Group& b = groups_[static_cast<size_t>(from)];
    if (!b.open) return fmt::format("{} is a kernel of its own", g_.node(b.nodes[0]).op->name);
    if (b.numel != a.numel) return "the kernels have other numbers of elements";
    if (a.nodes.size() + b.nodes.size() > kMaxNodes)
      return fmt::format("together the kernels have more than {} operations", kMaxNodes);
    if ((test(a.before, from) && !reaches_only_directly(to, from)) || test(b.before, to))
      return "a path leaves the kernel and comes back";
    if (g_.node(a.nodes[0]).op->kind == OpClass::matmul || g_.node(b.nodes[0]).op->kind == OpClass::matmul)
      return "a kernel with a matmul takes in operations, not kernels";
    for (int x : g_.node(i).inputs)
      if (group_making(x) == from && same_elements(x) != x && g_.producer(same_elements(x)) < 0)
        return "it is read in another order";
    return "";
  }

  void merge_groups(int to, int from, int i) {
    Group& a = groups_[static_cast<size_t>(to)];
    Group& b = groups_[static_cast<size_t>(from)];
    int64_t saved = 0;
    for (int x : g_.node(i).inputs)
      if (group_making(x) == from) saved += 2 * bytes(x);
    for (int n : b.nodes) group_of_[static_cast<size_t>(n)] = to;
    a.nodes.insert(a.nodes.end(), b.nodes.begin(), b.nodes.end());
    std::sort(a.nodes.begin(), a.nodes.end());
    Bits grown = b.before;
    b.nodes.clear();
    b.dead = true;
    for (Group& other : groups_)
      if (test(other.before, from)) set(other.before, to);
    a.before[static_cast<size_t>(from) / 64] &= ~(uint64_t{1} << (from % 64));
    for (FusionRecord& r : report_.fusions)  // what was refused when the second kernel still stood apart
      if (r.consumer == i && !r.fused && group_of_[static_cast<size_t>(r.producer)] == to)
        r = {r.producer, i, true, "", saved};
    merge(grown, a.before);  // what waited for the second kernel waits for all that the first one waits for
    grow_before(to, grown);
  }
  // Group `to` waits for `from` only because node i, now inside, reads from it.
  bool reaches_only_directly(int to, int from) const {
    for (int n : groups_[static_cast<size_t>(to)].nodes)
      for (int x : g_.node(n).inputs) {
        int made_in = group_making(x);
        if (made_in < 0 || made_in == to) continue;
        if (made_in == from) {
          int p = g_.producer(same_elements(x));
          if (p < 0 || group_of_[static_cast<size_t>(p)] != from) return false;  // in another order
        } else if (test(groups_[static_cast<size_t>(made_in)].before, from)) {
          return false;
        }
      }
    return true;
  }

  // Kernels in an order in which they can run: each as early as its last operand allows, ties by trace order.
  void order() {
    std::vector<int> waiting(groups_.size(), 0);
    std::vector<char> done(groups_.size(), 0);
    std::vector<std::vector<int>> after(groups_.size());
    for (size_t k = 0; k < groups_.size(); ++k) {
      std::vector<int> needs;
      for (int n : groups_[k].nodes)
        for (int x : g_.node(n).inputs)
          if (int m = group_making(x); m >= 0 && m != static_cast<int>(k)) needs.push_back(m);
      std::sort(needs.begin(), needs.end());
      needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
      waiting[k] = static_cast<int>(needs.size());
      for (int m : needs) after[static_cast<size_t>(m)].push_back(static_cast<int>(k));
    }
    // A heap by the last node: the kernel's place in the program.
    auto later = [&](int a, int b) {
      return groups_[static_cast<size_t>(a)].nodes.back() > groups_[static_cast<size_t>(b)].nodes.back();
    };
    std::vector<int> ready;
    for (size_t k = 0; k < groups_.size(); ++k)
      if (!groups_[k].dead && waiting[k] == 0) ready.push_back(static_cast<int>(k));
    std::make_heap(ready.begin(), ready.end(), later);
    const auto live =
        static_cast<size_t>(std::count_if(groups_.begin(), groups_.end(), [](const Group& x) { return !x.dead; }));
    while (!ready.empty()) {
      std::pop_heap(ready.begin(), ready.end(), later);
      int k = ready.back();
      ready.pop_back();
      for (int n : groups_[static_cast<size_t>(k)].nodes)
        g_.nodes[static_cast<size_t>(n)].kernel = static_cast<int>(g_.kernels.size());
      g_.kernels.push_back({groups_[static_cast<size_t>(k)].nodes});
      for (int next : after[static_cast<size_t>(k)])
        if (--waiting[static_cast<size_t>(next)] == 0) {
          ready.push_back(next);
          std::push_heap(ready.begin(), ready.end(), later);
        }
    }
    DUET_INTERNAL_CHECK(g_.kernels.size() == live);  // else kernels wait for each other
  }

  Graph g_;
  Report& report_;
  std::vector<Layout> layouts_;
  std::vector<Group> groups_;
  std::vector<int> group_of_;  // by node
};

}  // namespace

Graph fuse(Graph g, Report& report) { return Fuser(std::move(g), report).run(); }

}  // namespace duet::graph
