// Graphs as they were recorded, and as text, for tests that look at passes one by one.
#pragma once

#include "expect.h"

namespace duet::expect {

inline const std::vector<std::string>& all_passes() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const graph::Pass& p : graph::passes()) names.emplace_back(p.name);
    names.emplace_back("plan_memory");
    return names;
  }();
  return all;
}

/// The graph without the kernels that were made of it.
inline graph::Graph without_kernels(graph::Graph g) {
  g.kernels.clear();
  for (graph::Node& n : g.nodes) n.kernel = -1;
  return g;
}

/// What f(args…) records, before any pass: of its only segment.
template <class F, class... A>
graph::Graph recorded(const F& f, const A&... args) {
  auto compiled = compile(f, {all_passes()});
  compiled(args...);
  return without_kernels(compiled.cache().plans().at(0)->graph());
}

/// A line a node: "%1 = add(x0, %0)", with results numbered in order and constants written out; then the outputs.
inline std::string text(const graph::Graph& g) {
  std::vector<int> made(g.values.size(), -1);
  int count = 0;
  for (const graph::Node& n : g.nodes)
    for (int y : n.outputs) made[static_cast<size_t>(y)] = count++;
  auto value = [&](int v) {
    const graph::Value& x = g.value(v);
    if (x.origin == graph::Origin::node) return fmt::format("%{}", made[static_cast<size_t>(v)]);
    if (x.origin == graph::Origin::slot) return fmt::format("x{}", x.index);
    if (x.origin == graph::Origin::number) return fmt::format("n{}", x.index);
    if (x.spec.dtype == f32) return fmt::format("c{}", x.constant.f32);
    return x.spec.dtype == f64 ? fmt::format("c{}", x.constant.f64) : fmt::format("c{}", x.constant.i32);
  };
  auto list = [&](const std::vector<int>& values) {
    std::string s;
    for (int v : values) s += (s.empty() ? "" : ", ") + value(v);
    return s;
  };
  std::string s;
  for (const graph::Node& n : g.nodes) {
    s += fmt::format("{} = {}({})", list(n.outputs), std::string(n.op->name), list(n.inputs));
    for (int64_t a : n.attrs) s += fmt::format(" {}", a);
    s += n.region != 0 ? fmt::format(" region {}\n", n.region) : "\n";
  }
  for (const graph::Kernel& k : g.kernels) {
    s += "kernel";
    for (int n : k.nodes) s += fmt::format(" {}", n);
    s += "\n";
  }
  return s + "-> " + list(g.outputs);
}

/// Runs one of the passes.
inline graph::Graph run_pass(std::string_view name, graph::Graph g) {
  graph::Report report;
  for (const graph::Pass& p : graph::passes())
    if (p.name == name) return p.run(std::move(g), report);
  ADD_FAILURE() << "no pass " << name;
  return g;
}

}  // namespace duet::expect
