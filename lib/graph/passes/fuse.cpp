// fuse: groups nodes into kernels, so that what passes between them need not be written and read.
//
//   before   k0: %2 = matmul(%0, %1)    k1: %3 = add(%2, %b)    k2: %4 = relu(%3)
//   after    k0: %2 = matmul(%0, %1), %3 = add(%2, %b), %4 = relu(%3)
//
//   before   k0: %1 = max(%0)   k1: %2 = sub(%0, %1)   k2: %3 = exp(%2)   k3: %4 = sum(%3)   k4: %5 = div(%3, %4)
//   after    k0: all of them, row by row
//
// Pairs of a node and a reader of its result are taken in the order of the bytes that need not move, ties in trace
// order; then pairs that read the same operand. A pair becomes one kernel when their elements are the same in the same
// order, or one side works once a row of the other (groups.h), and no path leaves the kernel and comes back. Each pair
// is recorded, taken or refused with the reason.
#include <fmt/format.h>

#include <algorithm>

#include "duet/graph/passes.h"
#include "graph/bytes.h"
#include "graph/groups.h"

namespace duet::graph {
namespace {

struct Pair {
  int producer, consumer;  // nodes
  int64_t bytes;           // that need not move when they are one kernel
  const char* refused = nullptr;
  size_t tried = 0;  // how many nodes both kernels had when it was refused
};

class Fuser {
 public:
  Fuser(Graph g, Report& report) : g_(std::move(g)), report_(report), groups_(g_) {}

  Graph run() {
    collect();
    static constexpr Join kAll[] = {Join::same, Join::second_rows, Join::first_rows, Join::second_after};
    static constexpr Join kSame[] = {Join::same};
    take_all(pairs_, kAll);
    take_all(siblings_, kSame);
    take_all(pairs_, kAll);  // what the siblings made possible
    groups_.write();
    record();
    return std::move(g_);
  }

 private:
  void collect() {
    std::vector<char> returned(g_.values.size(), 0);
    for (int o : g_.outputs) returned[static_cast<size_t>(groups_.layout(o).root)] = 1;
    for (size_t v = 0; v < g_.values.size(); ++v) {
      const int value = static_cast<int>(v), producer = g_.producer(value);
      const std::vector<int>& readers = groups_.readers(value);
      // What nobody else reads need not be written either.
      const int64_t moves = readers.size() == 1 && !returned[v] ? 2 : 1;
      if (producer >= 0)
        for (int reader : readers) pairs_.push_back({producer, reader, moves * value_bytes(g_, value)});
      if (g_.value(value).origin == Origin::number || g_.value(value).origin == Origin::constant) continue;
      for (size_t i = 1; i < readers.size(); ++i)
        siblings_.push_back({readers[i - 1], readers[i], value_bytes(g_, value)});
    }
    auto before = [](const Pair& a, const Pair& b) {
      if (a.bytes != b.bytes) return a.bytes > b.bytes;
      return a.consumer != b.consumer ? a.consumer < b.consumer : a.producer < b.producer;
    };
    std::sort(pairs_.begin(), pairs_.end(), before);
    std::sort(siblings_.begin(), siblings_.end(), before);
  }

  // Until a turn joins nothing: a kernel that grew may fit what was refused.
  void take_all(std::vector<Pair>& pairs, std::span<const Join> ways) {
    constexpr int kTurns = 4;
    bool again = true;
    for (int turn = 0; again && turn < kTurns; ++turn) {
      again = false;
      for (Pair& p : pairs) {
        const int a = groups_.group_of(p.producer), b = groups_.group_of(p.consumer);
        const size_t nodes = groups_.nodes(a).size() + groups_.nodes(b).size();
        if (a == b || p.tried == nodes) continue;
        p.tried = nodes;
        again |= take(p, a, b, ways);
      }
    }
  }

  bool take(Pair& p, int a, int b, std::span<const Join> ways) {
    if (!groups_.is_first(a, b)) std::swap(a, b);
    p.refused = nullptr;
    for (Join how : ways) {
      const char* why = groups_.refusal(a, b, how);
      if (why == nullptr) {
        groups_.join(a, b, how);
        return true;
      }
      if (p.refused == nullptr || p.refused == Groups::kOtherSize) p.refused = why;
    }
    return false;
  }

  std::string reason(const Pair& p) const {
    if (p.refused != Groups::kAlone) return p.refused;
    const bool producer = !groups_.is_fused(groups_.group_of(p.producer));
    return fmt::format("{} is a kernel of its own", g_.node(producer ? p.producer : p.consumer).op->name);
  }

  void record() {
    for (const Pair& p : pairs_) {
      const bool fused = groups_.group_of(p.producer) == groups_.group_of(p.consumer);
      report_.fusions.push_back({p.producer, p.consumer, fused, fused ? "" : reason(p), fused ? p.bytes : 0});
    }
    std::stable_sort(report_.fusions.begin(), report_.fusions.end(),
                     [](const FusionRecord& a, const FusionRecord& b) { return a.consumer < b.consumer; });
  }

  Graph g_;
  Report& report_;
  Groups groups_;
  std::vector<Pair> pairs_, siblings_;
};

}  // namespace

Graph fuse(Graph g, Report& report) { return Fuser(std::move(g), report).run(); }

}  // namespace duet::graph
