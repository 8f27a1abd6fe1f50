#include "duet/graph/passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

#include "graph/check_passes.h"
#include "graph/groups.h"
#include "graph/hooks.h"
#include "graph/show.h"

namespace duet::graph {
namespace {

constexpr Pass kPasses[] = {
    {"fold", "computes what only numbers of the program decide", fold},
    {"simplify", "removes operations that change no bit", simplify},
    {"cse", "computes once what is computed twice", cse},
    {"dce", "removes what no output needs", dce},
    {"fuse", "groups operations into kernels", fuse},
    {"combine", "runs independent kernels as one", combine},
    {"schedule", "runs kernels in an order in which less is alive at once", schedule},
};
constexpr std::string_view kPlanMemory = "plan_memory";

// Names in DUET_PASSES=-fuse,-cse.
std::vector<std::string> left_out_by_environment() {
  std::vector<std::string> names;
  const char* text = std::getenv("DUET_PASSES");
  std::string_view rest = text != nullptr ? text : "";
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string_view name = rest.substr(0, comma);
    check<Error>(name.starts_with('-'), "DUET_PASSES: {} does not begin with a minus; write DUET_PASSES=-fuse",
                 std::string(name));
    names.emplace_back(name.substr(1));
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
  }
  return names;
}

}  // namespace

std::span<const Pass> passes() { return kPasses; }

void check_pass_names(const PassOptions& options) {
  std::vector<std::string_view> known;
  for (const Pass& p : kPasses) known.push_back(p.name);
  known.push_back(kPlanMemory);
  auto is_known = [&](std::string_view name) { return std::ranges::find(known, name) != known.end(); };
  for (const Pass& p : options.with) {
    check<Error>(!p.name.empty() && p.run != nullptr,
                 "passes: pass {} of the program's own has no name or no function; give it both",
                 known.size() - std::size(kPasses) - 1);
    check<Error>(!is_known(p.name), "passes: there is a pass {} already; choose another name", std::string(p.name));
    known.push_back(p.name);
  }
  for (const std::string& name : options.without) {
    std::string all;
    for (std::string_view k : known) all += (all.empty() ? "" : ", ") + std::string(k);
    check<Error>(is_known(name), "passes: there is no pass {}; the passes are {}", name, all);
  }
}

bool left_out(std::string_view name, const std::vector<std::string>& without) {
  for (const std::string& w : without)
    if (w == name) return true;
  for (const std::string& w : left_out_by_environment())
    if (w == name) return true;
  return false;
}

std::vector<Pass> pipeline(const PassOptions& options) {
  check_pass_names(options);
  check_pass_names({.without = left_out_by_environment()});
  std::vector<Pass> all(std::begin(kPasses), std::end(kPasses));
  // What a pass of the program's own leaves unused is dce's to remove.
  all.insert(std::ranges::find(all, std::string_view("dce"), &Pass::name), options.with.begin(), options.with.end());
  std::erase_if(all, [&](const Pass& p) { return left_out(p.name, options.without); });
  return all;
}

Graph run_pass(const Pass& pass, Graph g, Report& report) {
  if (std::ranges::find(kPasses, pass.name, &Pass::name) != std::end(kPasses)) return pass.run(std::move(g), report);
  const Interface before(g);
  return in_order(pass, before, pass.run(std::move(g), report));
}

Graph run_passes(Graph g, Report& report, const PassOptions& options) {
  std::vector<std::string> shown;
  show_graph("recorded", g, shown);
  for (const Pass& pass : pipeline(options)) {
    if (pass.run == schedule && g.kernels.empty()) Groups(g).write();  // without fuse, one a node that computes
    PassRecord record{std::string(pass.name), std::string(pass.purpose), static_cast<int>(g.nodes.size()), 0, 0};
    auto start = std::chrono::steady_clock::now();
    g = run_pass(pass, std::move(g), report);
    record.time_us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    record.nodes_after = static_cast<int>(g.nodes.size());
    report.passes.push_back(std::move(record));
    show_graph(fmt::format("after {}", pass.name), g, shown);
#ifdef DUET_VERIFY
    verify(g);
#endif
  }
  if (g.kernels.empty()) Groups(g).write();  // without fuse, one a node that computes
  reorder_kernels(g);
#ifdef DUET_VERIFY
  verify(g);
#endif
  return g;
}

void verify(const Graph& g) {
  std::vector<char> defined(g.values.size(), 0);
  for (size_t v = 0; v < g.values.size(); ++v) defined[v] = g.values[v].origin != Origin::node;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    for (int x : g.nodes[i].inputs) DUET_INTERNAL_CHECK(defined[static_cast<size_t>(x)]);
    for (int y : g.nodes[i].outputs) {
      DUET_INTERNAL_CHECK(g.value(y).origin == Origin::node && g.value(y).index == static_cast<int>(i));
      defined[static_cast<size_t>(y)] = 1;
    }
  }
  for (int o : g.outputs) DUET_INTERNAL_CHECK(defined[static_cast<size_t>(o)]);
  if (g.kernels.empty()) return;
  // Every kernel's operands are made by itself or by an earlier one.
  std::vector<Layout> l = layouts(g);
  for (size_t k = 0; k < g.kernels.size(); ++k)
    for (int n : g.kernels[k].nodes)
      for (int x : g.node(n).inputs) {
        int p = g.producer(l[static_cast<size_t>(x)].root);
        DUET_INTERNAL_CHECK(p < 0 || (g.node(p).kernel >= 0 && g.node(p).kernel <= static_cast<int>(k)));
        DUET_INTERNAL_CHECK(p < 0 || g.node(p).kernel != static_cast<int>(k) || p < n);
      }
}

std::vector<Layout> layouts(const Graph& g) {
  std::vector<Layout> all(g.values.size());
  for (size_t v = 0; v < all.size(); ++v) {
    const Value& value = g.values[v];
    Layout& l = all[v];
    l.root = static_cast<int>(v);
    if (value.origin == Origin::slot) {
      l.dense = value.dense;
      std::copy_n(value.strides, kMaxRank, l.strides);
    } else {
      dense_strides(value.spec.shape, l.strides);
    }
  }
  // A number's storage cannot be returned: a view of it that is, or that an output looks at, is copied.
  std::vector<char> returned(g.values.size(), 0);
  for (int o : g.outputs)
    for (int v = o; g.producer(v) >= 0 && is_view(g.node(g.producer(v))); v = g.node(g.producer(v)).inputs[0])
      returned[static_cast<size_t>(v)] = 1;
  for (const Node& n : g.nodes) {
    if (!is_view(n)) continue;
    const Layout& in = all[static_cast<size_t>(n.inputs[0])];
    const Value& x = g.value(n.inputs[0]);
    const Value& y = g.value(n.outputs[0]);
    const bool number = x.origin == Origin::number || x.origin == Origin::constant;
    if (number && returned[static_cast<size_t>(n.outputs[0])]) continue;
    Layout& out = all[static_cast<size_t>(n.outputs[0])];
    Strided operand{nullptr, x.spec.dtype, in.dense, x.spec.shape.numel(), &x.spec.shape, in.strides};
    int64_t strides[kMaxRank] = {}, offset = 0;
    if (!n.op->view(operand, n.attrs, y.spec.shape, strides, offset)) continue;
    out.root = in.root;
    out.offset = (planted("view_offset") ? 0 : in.offset) + offset;
    std::copy_n(strides, kMaxRank, out.strides);
    out.dense = is_dense(y.spec.shape, strides);
  }
  return all;
}

}  // namespace duet::graph
