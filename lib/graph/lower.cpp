#include <algorithm>

#include "graph/bytes.h"
#include "graph/lower_segments.h"

namespace duet::graph {
namespace {

// Values that are read outside of the kernel that makes them, or are outputs of the plan and read nowhere else.
std::vector<Outside> used_outside(const Graph& g, const std::vector<Layout>& layouts) {
  std::vector<Outside> outside(g.values.size(), Outside::no);
  auto root = [&](int v) { return layouts[static_cast<size_t>(v)].root; };
  for (int o : g.outputs) outside[static_cast<size_t>(root(o))] = Outside::output;
  for (const Node& n : g.nodes) {
    if (n.kernel < 0) continue;  // a view reads nothing itself
    for (int x : n.inputs) {
      int p = g.producer(root(x));
      if (p >= 0 && g.node(p).kernel != n.kernel) outside[static_cast<size_t>(root(x))] = Outside::read;
    }
  }
  return outside;
}

}  // namespace

std::vector<Launch> lower(const Graph& g, const std::vector<Layout>& layouts) {
  const std::vector<Outside> outside = used_outside(g, layouts);
  SegmentLowering segments(g, layouts, outside);
  std::vector<Launch> launches;
  for (const Kernel& kernel : g.kernels) {
    Launch l;
    l.nodes = kernel.nodes;
    l.line = g.node(kernel.nodes[0]).line;
    l.kind = LaunchKind::fused;
    for (int i : kernel.nodes) {
      const Node& n = g.node(i);
      l.may_throw |= n.op->may_throw;
      if (n.space != Space::whole) continue;
      l.kind = n.op->kind == OpClass::matmul ? LaunchKind::matmul : LaunchKind::kernel;
      l.line = n.line;
      l.op = n.op;
      l.attrs = n.attrs;
      l.inputs = n.inputs;
      l.outputs = n.outputs;
    }
    if (!kernel.segments.empty()) segments.run(kernel, l);
    find_accesses(l, layouts);
    for (int v : l.sources) {
      if (v < 0) {
        l.source_at.emplace_back(v, 0);
        continue;
      }
      const Layout& layout = layouts[static_cast<size_t>(v)];
      l.source_at.emplace_back(layout.root, layout.offset * static_cast<int64_t>(size_bytes(g.value(v).spec.dtype)));
    }

    // Bytes: what is read, each value once, and what is written.
    const int product = l.kind == LaunchKind::matmul ? l.outputs[0] : -1;
    auto root = [&](int v) { return layouts[static_cast<size_t>(v)].root; };
    auto count = [&](int v) { l.bytes += value_bytes(g, v); };
    std::vector<int> read(l.inputs);
    for (int v : l.sources)
      if (v >= 0 && (product < 0 || root(v) != product)) read.push_back(v);
    std::sort(read.begin(), read.end());
    read.erase(std::unique(read.begin(), read.end()), read.end());
    for (int v : read) count(v);
    for (int v : l.results) count(v);
    for (int v : l.outputs)
      if (outside[static_cast<size_t>(v)] != Outside::no || l.results.empty()) count(v);
    launches.push_back(std::move(l));
  }
  return launches;
}

}  // namespace duet::graph
