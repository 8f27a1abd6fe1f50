#include "graph/check_passes.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "duet/dispatch.h"
#include "duet/graph/plan.h"
#include "duet/ops/convert.h"
#include "duet/ops/saved.h"

namespace duet::graph {
namespace {

using Values = std::vector<Tensor>;  // by value of a graph; empty where nothing made it

// Looking at a call leaves no trace in what the thread counts.
class Uncounted {
 public:
  ~Uncounted() { thread_state.launches = launches_, thread_state.bytes = bytes_; }

 private:
  uint64_t launches_ = thread_state.launches, bytes_ = thread_state.bytes;
};

Tensor number_tensor(const Number8& n, DType dtype) {
  Block* b = block::make(dtype, {}, true);
  std::memcpy(b->data, &n, size_bytes(dtype));
  return Tensor::adopt(b, 0);
}

// Every node as eager mode runs it.
Values run_eagerly(const Graph& g, const Trace& call) {
  Uncounted uncounted;
  Values all(g.values.size());
  for (size_t v = 0; v < all.size(); ++v) {
    const Value& x = g.values[v];
    if (x.origin == Origin::slot) {
      Block* b = call.slots()[static_cast<size_t>(x.index)];
      block::retain(b);
      all[v] = Tensor::adopt(b, 0);
    } else if (x.origin == Origin::number) {
      all[v] = number_tensor(call.numbers()[static_cast<size_t>(x.index)].value, x.spec.dtype);
    } else if (x.origin == Origin::constant) {
      all[v] = number_tensor(x.constant, x.spec.dtype);
    }
  }
  for (const Node& n : g.nodes) {
    LineOverride line(n.line);
    OperandList list;
    for (int x : n.inputs) list.add(all[static_cast<size_t>(x)]);
    Spec specs[kMaxOutputs];
    for (size_t k = 0; k < n.outputs.size(); ++k) specs[k] = g.value(n.outputs[k]).spec;
    Outputs y = run_now(*n.op, Args(*n.op, list.inputs(), n.attrs), n.attrs, specs);
    for (size_t k = 0; k < n.outputs.size(); ++k) all[static_cast<size_t>(n.outputs[k])] = std::move(y.values[k]);
  }
  return all;
}

// The outputs of a plan for the graph.
Values run_plan(const Graph& g, const Trace& call, const PassOptions& options) {
  Uncounted uncounted;
  const Plan plan(g, options, {});
  const std::vector<uint8_t> donated(call.slots().size(), 0);
  std::vector<Number8> numbers;
  for (const TracedNumber& n : call.numbers()) numbers.push_back(n.value);
  std::vector<Block*> outputs(g.outputs.size(), nullptr);
  plan.run({call.slots(), donated, numbers, outputs});
  Values all;
  for (Block* b : outputs) all.push_back(Tensor::adopt(b, 0));
  return all;
}

// The first element whose bits differ, as "[2]: nan became 0"; NaNs are equal. A number stands for all elements.
std::optional<std::string> difference(const Tensor& was, const Tensor& is) {
  Shape common;
  if (was.dtype() != is.dtype() || !broadcast_shapes(was.shape(), is.shape(), common) || common != was.shape())
    return fmt::format("[]: {} became {}", was.spec(), is.spec());
  return visit_stored(was.dtype(), [&](auto zero) -> std::optional<std::string> {
    using T = decltype(zero);
    const std::vector<T> a = was.to_vector<T>(), b = is.to_vector<T>();
    const bool repeated = is.shape() != was.shape();
    if (repeated && b.size() != 1) return std::nullopt;  // looked at in the operation that reads it
    for (size_t i = 0; i < a.size(); ++i) {
      const T as = a[i], bs = b[repeated ? 0 : i];
      if (std::memcmp(static_cast<const void*>(&as), static_cast<const void*>(&bs), sizeof(T)) == 0) continue;
      const auto x = readable(as), y = readable(bs);
      if constexpr (is_float(dtype_of<T>))
        if (std::isnan(x) && std::isnan(y)) continue;
      std::string place;
      auto rest = static_cast<int64_t>(i);
      for (int axis = was.rank() - 1; axis >= 0; rest /= was.shape()[axis--])
        place.insert(0, fmt::format("{}{}", rest % was.shape()[axis], place.empty() ? "" : ","));
      return fmt::format("[{}]: {} became {}", place, +x, +y);
    }
    return std::nullopt;
  });
}

// A place where two runs part.
struct Parting {
  int was, is;           // values of the graphs before and after
  int reader;            // the node before the pass that reads `was`, −1 for none
  std::string elements;  // the first that differs
};

// From an output that differs up to the operation whose own result was changed.
Parting trace_back(const Graph& before, const Values& a, const Graph& after, const Values& b, Parting at) {
  for (;;) {
    const int p = before.producer(at.was), q = after.producer(at.is);
    if (p < 0 || q < 0) return at;
    const Node &m = before.node(p), &n = after.node(q);
    if (m.op != n.op || m.attrs != n.attrs || m.inputs.size() != n.inputs.size()) return at;
    bool higher = false;
    for (size_t i = 0; i < m.inputs.size() && !higher; ++i) {
      const int x = m.inputs[i], y = n.inputs[i];
      std::optional<std::string> d = difference(a[static_cast<size_t>(x)], b[static_cast<size_t>(y)]);
      if (!d) continue;
      at = {x, y, p, std::move(*d)};
      higher = true;
    }
    if (!higher) return at;
  }
}

[[noreturn]] void reject(std::string_view pass, const Graph& g, const Parting& at) {
  const int p = g.producer(at.was);
  LineOverride line(p >= 0 ? g.node(p).line : at.reader >= 0 ? g.node(at.reader).line : Line());
  const std::string value = fmt::format("{} {} at {}", value_name(g, at.was), g.value(at.was).spec, at.elements);
  const std::string name(pass);
  if (p >= 0)
    fail<Error>("pass {}: changes the result of {}: {}; a pass keeps every bit", name, std::string(g.node(p).op->name),
                value);
  if (at.reader >= 0)
    fail<Error>("pass {}: changes an operand of {}: {}; a pass keeps every bit", name,
                std::string(g.node(at.reader).op->name), value);
  fail<Error>("pass {}: changes an output: {}; a pass keeps every bit", name, value);
}

// Graphs of operations before and after a pass.
void compare_graphs(std::string_view pass, const Graph& before, const Values& a, const Graph& after, const Values& b) {
  for (size_t k = 0; k < before.outputs.size(); ++k) {
    const int x = before.outputs[k], y = after.outputs[k];
    if (std::optional<std::string> d = difference(a[static_cast<size_t>(x)], b[static_cast<size_t>(y)]))
      reject(pass, before, trace_back(before, a, after, b, {x, y, -1, std::move(*d)}));
  }
}

// What makes kernels of the operations and places their results: plans, with ever more of it.
void compare_plans(const Graph& recorded, const Graph& g, const Values& expected, const Trace& call,
                   const PassOptions& options) {
  for (std::string_view pass : {"lower", "fuse", "plan_memory"}) {
    PassOptions some = options;
    if (pass == "lower") some.without.emplace_back("fuse");
    if (pass != "plan_memory") some.without.emplace_back("plan_memory");
    if (left_out(pass, options.without)) continue;
    const Values outputs = run_plan(recorded, call, some);
    for (size_t k = 0; k < outputs.size(); ++k)
      if (auto d = difference(expected[static_cast<size_t>(g.outputs[k])], outputs[k]))
        reject(pass, g, {g.outputs[k], -1, -1, std::move(*d)});
  }
}

bool all_are_checked(const PassOptions& options) {
  const char* text = std::getenv("DUET_CHECK_PASSES");
  return options.check_passes || (text != nullptr && std::string_view(text) != "0");
}

}  // namespace

bool passes_are_checked(const PassOptions& options) {
#ifdef DUET_VERIFY
  if (!options.with.empty()) return true;
#endif
  return all_are_checked(options);
}

void check_by_values(const Graph& recorded, const Trace& call, const PassOptions& options) {
  const bool all = all_are_checked(options);
  auto is_own = [&](const Pass& p) {
    for (const Pass& own : options.with)
      if (own.name == p.name) return true;
    return false;
  };
  Report report;
  Graph before = recorded;
  std::optional<Values> values;  // of `before`
  for (const Pass& pass : pipeline(options)) {
    if (pass.run == fuse) break;  // the operations stay the same
    if (!all && !is_own(pass)) {
      before = run_pass(pass, std::move(before), report);
      values.reset();
      continue;
    }
    if (!values) values = run_eagerly(before, call);
    Graph after = run_pass(pass, before, report);
    Values now;
    try {
      now = run_eagerly(after, call);
    } catch (const Error& e) {
      fail<Error>("pass {}: fails where the program does not: {}", std::string(pass.name), e.what());
    }
    compare_graphs(pass.name, before, *values, after, now);
    before = std::move(after);
    values = std::move(now);
  }
  if (!all) return;
  if (!values) values = run_eagerly(before, call);
  compare_plans(recorded, before, *values, call, options);
}

}  // namespace duet::graph
