// cse: computes once what is computed twice from the same operands, within a region.
//
//   before   %2 = exp(%0)    %3 = exp(%0)    %4 = add(%2, %3)
//   after    %2 = exp(%0)                    %4 = add(%2, %2)
//
// Numbers given at run time are never the same: only slots, node outputs and equal constants are.
#include <unordered_set>

#include "duet/graph/passes.h"
#include "planted.h"

namespace duet::graph {
namespace {

uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 29;
}

uint64_t region(const Node& n) { return planted("recompute_merged") ? 0 : static_cast<uint64_t>(n.region); }

// Nodes, by index, are equal when they compute the same.
struct NodeHash {
  const Graph& g;
  size_t operator()(int i) const {
    const Node& n = g.node(i);
    uint64_t h = mix(reinterpret_cast<uintptr_t>(n.op), region(n));
    for (int64_t a : n.attrs) h = planted("cse_attributes") ? h : mix(h, static_cast<uint64_t>(a));
    for (int x : n.inputs) h = mix(h, static_cast<uint64_t>(x));
    return h;
  }
};
struct NodeEqual {
  const Graph& g;
  bool operator()(int i, int k) const {
    const Node &a = g.node(i), &b = g.node(k);
    return a.op == b.op && region(a) == region(b) && a.inputs == b.inputs &&
           (a.attrs == b.attrs || planted("cse_attributes"));
  }
};
struct ConstantHash {
  const Graph& g;
  size_t operator()(int v) const { return mix(g.value(v).constant.bits, static_cast<uint64_t>(g.value(v).spec.dtype)); }
};
struct ConstantEqual {
  const Graph& g;
  bool operator()(int v, int w) const {
    return g.value(v).spec.dtype == g.value(w).spec.dtype && g.value(v).constant.bits == g.value(w).constant.bits;
  }
};

}  // namespace

Graph cse(Graph g, Report&) {
  std::vector<int> now(g.values.size());
  std::unordered_set<int, ConstantHash, ConstantEqual> constants(16, ConstantHash{g}, ConstantEqual{g});
  for (size_t v = 0; v < now.size(); ++v) {
    now[v] = static_cast<int>(v);
    if (g.values[v].origin == Origin::constant || (planted("cse_numbers") && g.values[v].origin == Origin::number))
      now[v] = *constants.insert(now[v]).first;
  }
  std::unordered_set<int, NodeHash, NodeEqual> nodes(g.nodes.size(), NodeHash{g}, NodeEqual{g});
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    Node& n = g.nodes[i];
    for (int& x : n.inputs) x = now[static_cast<size_t>(x)];
    const Node& first = g.node(*nodes.insert(static_cast<int>(i)).first);  // n itself when it is new
    for (size_t k = 0; k < n.outputs.size(); ++k) now[static_cast<size_t>(n.outputs[k])] = first.outputs[k];
  }
  for (int& o : g.outputs) o = now[static_cast<size_t>(o)];
  return g;
}

}  // namespace duet::graph
