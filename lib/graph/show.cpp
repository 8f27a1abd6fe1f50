#include "graph/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cuda/device.h"
#include "duet/dispatch.h"
#include "duet/ops/convert.h"

namespace duet::graph {
namespace {

constexpr int64_t kShownElements = 4;

// "f32[2,3] = 0.5, 0.25, 1, 2, …"
std::string first_elements(DType dtype, const Shape& shape, const void* data) {
  std::string text = fmt::format("{}{} =", dtype, shape);
  const int64_t n = std::min(shape.numel(), kShownElements);
  visit_stored(dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* x = static_cast<const T*>(data);
    for (int64_t i = 0; i < n; ++i) text += fmt::format("{} {}", i > 0 ? "," : "", readable(x[i]));
  });
  return text + (n < shape.numel() ? ", …" : "");
}

// Elements as they are, or a copy of what lies on a device.
class OnHost {
 public:
  OnHost(Device device, const void* data, const Spec& spec) : data_(data) {
    if (!device.is_cuda()) return;
    copy_.resize(static_cast<size_t>(spec.shape.numel()) * size_bytes(spec.dtype));
    cuda::copy_to_host(device, copy_.data(), data, copy_.size());
    data_ = copy_.data();
  }
  const void* data() const { return data_; }

 private:
  const void* data_;
  std::vector<char> copy_;
};

std::string kernel_name(const Graph& g, const std::vector<int>& nodes) {
  std::string ops;
  for (int n : nodes) ops += (ops.empty() ? "" : "+") + std::string(g.node(n).op->name);
  return ops;
}

}  // namespace

std::vector<std::string> value_names(const Graph& g) {
  std::vector<std::string> names;
  int made = 0;
  for (const Value& v : g.values) {
    if (v.origin == Origin::node) names.push_back(fmt::format("%{}", made++));
    if (v.origin == Origin::number) names.push_back(fmt::format("number{}", v.index));
    if (v.origin == Origin::constant) names.push_back(number_text(v.constant, v.spec.dtype));
    if (v.origin == Origin::slot) names.push_back(slot_name(v));
  }
  return names;
}

std::string number_text(const Number8& n, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return fmt::format("{}", n.f32);
    case DType::f64:
      return fmt::format("{}", n.f64);
    case DType::i32:
      return fmt::format("{}", n.i32);
    case DType::i64:
      return fmt::format("{}", n.i64);
    case DType::f16:
    case DType::bf16:  // what casts of constants are folded to
      return fmt::format("{}", dtype == DType::f16 ? to_float(n.f16) : to_float(n.bf16));
    default:
      return fmt::format("{}", n.u8);
  }
}

std::string node_text(const Graph& g, const Node& n, const std::vector<std::string>& names) {
  std::string made, read;
  for (int v : n.outputs)
    made += fmt::format("{}{}: {}", made.empty() ? "" : ", ", names[static_cast<size_t>(v)], g.value(v).spec);
  for (int v : n.inputs) read += (read.empty() ? "" : ", ") + names[static_cast<size_t>(v)];
  return fmt::format("{} = {}({})", made, std::string(n.op->name), read);
}

void show_graph(std::string_view title, const Graph& g, std::vector<std::string>& shown) {
  if (debug_level() < 3) [[likely]]
    return;
  const std::vector<std::string> names = value_names(g);
  std::vector<std::string> lines;
  for (const Node& n : g.nodes)
    lines.push_back(fmt::format("  {}{} {}", n.kernel < 0 ? "" : fmt::format("k{} ", n.kernel), node_text(g, n, names),
                                to_string(n.line)));
  std::string outputs;
  for (int v : g.outputs) outputs += (outputs.empty() ? "  outputs " : ", ") + names[static_cast<size_t>(v)];
  lines.push_back(outputs);
  if (lines == shown) return;
  debug_line(fmt::format("{}: {} operation{}", std::string(title), g.nodes.size(), g.nodes.size() == 1 ? "" : "s"));
  for (const std::string& line : lines) debug_line(line);
  shown = std::move(lines);
}

void show_plan(const Plan& plan, uint64_t number, const std::string& why) {
  debug_line(fmt::format("plan {}: {}", number, why));
  if (debug_level() < 4) return;
  const Graph& g = plan.graph();
  const std::vector<std::string> names = value_names(g);
  for (size_t k = 0; k < g.kernels.size(); ++k) {
    debug_line(fmt::format("formula k{} {}", k, kernel_name(g, g.kernels[k].nodes)));
    for (const std::string& line : formula_texts(g, g.kernels[k], names)) debug_line("  " + line);
  }
}

void ShownLaunch::begin() {
  exceptions_ = std::uncaught_exceptions();
  const Node& last = graph_.node(launch_.nodes.back());
  debug_line(fmt::format("launch k{} {} {} {}", last.kernel, kernel_name(graph_, launch_.nodes),
                         graph_.value(last.outputs[0]).spec, to_string(launch_.line)));
}

void ShownLaunch::end() const {
  if (std::uncaught_exceptions() != exceptions_) return;
  const std::vector<std::string> names = value_names(graph_);
  // What stays in registers has no storage; of values that were computed in each other's place the last one stands.
  std::vector<int> made;
  for (int n : launch_.nodes)
    for (int v : graph_.node(n).outputs) {
      const char* data = base_[static_cast<size_t>(v)];
      if (data == nullptr || layouts_[static_cast<size_t>(v)].root != v) continue;
      std::erase_if(made, [&](int other) { return base_[static_cast<size_t>(other)] == data; });
      made.push_back(v);
    }
  for (int v : made) {
    const Spec& spec = graph_.value(v).spec;
    const OnHost elements(graph_.device, base_[static_cast<size_t>(v)], spec);
    debug_line(fmt::format("  {}: {}", names[static_cast<size_t>(v)],
                           first_elements(spec.dtype, spec.shape, elements.data())));
  }
}

}  // namespace duet::graph

namespace duet {

void run_shown(const KernelCall& call) {
  debug_line(
      fmt::format("run {} {}{} {}", call.op.name, call.out[0].dtype, *call.out[0].shape, to_string(thread_state.line)));
  run_on_device(call);
  if (debug_level() < 5) return;
  for (const Strided& y : call.out) {
    const graph::OnHost elements(call.device, y.data, {y.dtype, *y.shape});
    debug_line("  " + graph::first_elements(y.dtype, *y.shape, elements.data()));
  }
}

}  // namespace duet
