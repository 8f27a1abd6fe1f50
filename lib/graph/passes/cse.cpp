// cse: computes once what is computed twice from the same operands, within a region.
//
//   before   %2 = exp(%0)    %3 = exp(%0)    %4 = add(%2, %3)
//   after    %2 = exp(%0)                    %4 = add(%2, %2)
//
// Numbers given at run time are never the same: only slots, node outputs and equal constants are.
#include <unordered_map>

#include "duet/graph/passes.h"
#include "planted.h"

namespace duet::graph {

Graph cse(Graph g, Report&) {
  std::vector<int> now(g.values.size());
  for (size_t v = 0; v < now.size(); ++v) now[v] = static_cast<int>(v);
  std::unordered_map<std::string, int> constants, nodes;  // by their bytes
  auto append = [](std::string& key, auto x) { key.append(reinterpret_cast<const char*>(&x), sizeof x); };
  std::string key;
  for (size_t v = 0; v < g.values.size(); ++v) {
    const Value& x = g.values[v];
    if (x.origin != Origin::constant && !(planted("cse_numbers") && x.origin == Origin::number)) continue;
    key.clear();
    append(key, x.spec.dtype);
    append(key, x.constant.bits);
    now[v] = constants.try_emplace(key, static_cast<int>(v)).first->second;
  }
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    Node& n = g.nodes[i];
    key.clear();
    append(key, n.op);
    append(key, n.region);
    append(key, n.attrs.size());
    for (int64_t a : n.attrs) append(key, planted("cse_attributes") ? 0 : a);
    for (int& x : n.inputs) append(key, x = now[static_cast<size_t>(x)]);
    auto [it, fresh] = nodes.try_emplace(key, static_cast<int>(i));
    if (fresh) continue;
    const Node& first = g.node(it->second);
    for (size_t k = 0; k < n.outputs.size(); ++k) now[static_cast<size_t>(n.outputs[k])] = first.outputs[k];
  }
  for (int& o : g.outputs) o = now[static_cast<size_t>(o)];
  return g;
}

}  // namespace duet::graph
