// dce: removes what no output needs and what cannot fail: a bad index is found as it is in eager mode.
//
//   before   %1 = exp(%0)    %2 = sin(%0)    output %1
//   after    %1 = exp(%0)                    output %1
#include "duet/graph/passes.h"
#include "planted.h"

namespace duet::graph {

Graph dce(Graph g, Report&) {
  std::vector<char> needed(g.values.size(), 0);
  for (int o : g.outputs) needed[static_cast<size_t>(o)] = 1;
  std::vector<char> keep(g.nodes.size(), 0);
  for (size_t i = g.nodes.size(); i-- > 0;) {
    const Node& n = g.nodes[i];
    keep[i] = n.op->may_throw && !planted("dce_throw");
    for (int o : n.outputs) keep[i] |= needed[static_cast<size_t>(o)];
    if (keep[i])
      for (int x : n.inputs) needed[static_cast<size_t>(x)] = 1;
  }
  std::vector<Node> kept;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    if (!keep[i]) continue;
    for (int o : g.nodes[i].outputs) g.values[static_cast<size_t>(o)].index = static_cast<int>(kept.size());
    kept.push_back(std::move(g.nodes[i]));
  }
  g.nodes = std::move(kept);
  return g;
}

}  // namespace duet::graph
