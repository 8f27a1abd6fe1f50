#include <algorithm>

#include "graph/execute.h"
#include "graph/hooks.h"

namespace duet::graph {
namespace {

// Builds the tile program of a kernel's pointwise nodes.
class ProgramBuilder {
 public:
  ProgramBuilder(const Graph& g, const std::vector<Layout>& layouts, Launch& launch, const std::vector<char>& outside)
      : g_(g), layouts_(layouts), launch_(launch), outside_(outside), register_of_(g.values.size(), kNone) {}

  /// A value that the kernel's matmul leaves in memory: read there.
  void add_product(int value) { register_of_[static_cast<size_t>(value)] = source(value, g_.value(value).spec.shape); }

  void add(const Node& n) {
    cpu::Register in[cpu::kMaxTileInputs], out[cpu::kMaxTileOutputs];
    const Shape& space = g_.value(n.outputs[0]).spec.shape;
    DType dtype = g_.value(n.outputs[0]).spec.dtype;
    bool typed = false;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      in[i] = operand(n.inputs[i], space);
      if (!typed && !((n.op->bool_in >> i) & 1u)) dtype = g_.value(n.inputs[i]).spec.dtype, typed = true;
    }
    for (size_t k = 0; k < n.outputs.size(); ++k) {
      const auto v = static_cast<size_t>(n.outputs[k]);
      if (outside_[v]) {
        out[k] = launch_.program.add_output(g_.values[v].spec.dtype);
        launch_.results.push_back(n.outputs[k]);
      } else {
        out[k] = launch_.program.add_temporary();
      }
      register_of_[v] = out[k];
    }
    launch_.program.add_op(*n.op, dtype, in, out);
    plant_in_launch(launch_, n, dtype);
    launch_.sources.resize(launch_.program.sources.size(), -1);  // constants of a user's formula
  }

 private:
  static constexpr cpu::Register kNone = -1;

  // Values of the kernel itself are registers, also seen through reshapes: the order of elements is the same.
  cpu::Register operand(int v, const Shape& space) {
    int same = v;
    while (register_of_[static_cast<size_t>(same)] == kNone) {
      int p = g_.producer(same);
      if (p < 0 || g_.node(p).op->view == nullptr || layouts_[static_cast<size_t>(same)].root == same) break;
      if (g_.value(g_.node(p).inputs[0]).spec.shape.numel() != g_.value(same).spec.shape.numel() ||
          !layouts_[static_cast<size_t>(same)].dense || !layouts_[static_cast<size_t>(g_.node(p).inputs[0])].dense)
        break;
      same = g_.node(p).inputs[0];
    }
    cpu::Register r = register_of_[static_cast<size_t>(same)];
    if (r != kNone && g_.value(v).spec.shape.numel() == space.numel()) return r;
    return source(v, space);
  }

  cpu::Register source(int v, const Shape& space) {
    const Value& value = g_.value(v);
    const Layout& l = layouts_[static_cast<size_t>(v)];
    cpu::Source s = cpu::make_source(value.spec.dtype, value.spec.shape, l.strides, space);
    if (planted("broadcast_stride") && s.axes > 1) s.stride[0] = 0;
    for (size_t k = 0; k < launch_.sources.size(); ++k) {  // the same value seen the same way
      const cpu::Source& t = launch_.program.sources[k];
      if (launch_.sources[k] == v && t.axes == s.axes && std::equal(t.extent, t.extent + t.axes, s.extent) &&
          std::equal(t.stride, t.stride + t.axes, s.stride))
        return static_cast<cpu::Register>(k);
    }
    launch_.sources.push_back(v);
    return launch_.program.add_source(s);
  }

  const Graph& g_;
  const std::vector<Layout>& layouts_;
  Launch& launch_;
  const std::vector<char>& outside_;
  std::vector<cpu::Register> register_of_;  // by value
};

// Values that are read outside of the kernel that makes them, or are outputs of the plan.
std::vector<char> used_outside(const Graph& g, const std::vector<Layout>& layouts) {
  std::vector<char> outside(g.values.size(), 0);
  auto root = [&](int v) { return layouts[static_cast<size_t>(v)].root; };
  for (int o : g.outputs) outside[static_cast<size_t>(root(o))] = 1;
  for (const Node& n : g.nodes) {
    if (n.kernel < 0) continue;  // a view reads nothing itself
    for (int x : n.inputs) {
      int p = g.producer(root(x));
      if (p >= 0 && g.node(p).kernel != n.kernel) outside[static_cast<size_t>(root(x))] = 1;
    }
  }
  return outside;
}

}  // namespace

std::vector<Launch> lower(const Graph& g, const std::vector<Layout>& layouts) {
  std::vector<char> outside = used_outside(g, layouts);
  std::vector<Launch> launches;
  for (const Kernel& kernel : g.kernels) {
    Launch l;
    l.nodes = kernel.nodes;
    const Node& first = g.node(kernel.nodes[0]);
    l.line = first.line;
    l.op = first.op;
    l.attrs = first.attrs;
    if (first.op->kind == OpClass::pointwise) {
      l.kind = LaunchKind::tiles;
      l.program.clear(g.value(first.outputs[0]).spec.shape.numel());
      ProgramBuilder builder(g, layouts, l, outside);
      for (int n : kernel.nodes) builder.add(g.node(n));
      l.program.pack_temporaries();
    } else {
      l.kind = first.op->kind == OpClass::matmul ? LaunchKind::matmul : LaunchKind::kernel;
      l.inputs = first.inputs;
      l.outputs = first.outputs;
      l.may_throw = first.op->may_throw;
      if (kernel.nodes.size() > 1) {
        l.program.clear(g.value(first.outputs[0]).spec.shape.numel());
        ProgramBuilder builder(g, layouts, l, outside);
        builder.add_product(first.outputs[0]);
        for (size_t i = 1; i < kernel.nodes.size(); ++i) builder.add(g.node(kernel.nodes[i]));
        l.program.pack_temporaries();
      }
    }
    auto count = [&](int v) {
      l.bytes += g.value(v).spec.shape.numel() * static_cast<int64_t>(size_bytes(g.value(v).spec.dtype));
    };
    std::vector<int> read(l.inputs);
    for (int v : l.sources)
      if (v >= 0 && !(l.kind == LaunchKind::matmul && v == l.outputs[0])) read.push_back(v);
    std::sort(read.begin(), read.end());
    read.erase(std::unique(read.begin(), read.end()), read.end());
    for (int v : read) count(v);
    for (int v : l.results) count(v);
    if (l.kind != LaunchKind::tiles)
      for (int v : l.outputs)
        if (outside[static_cast<size_t>(v)] || l.results.empty()) count(v);
    launches.push_back(std::move(l));
  }
  return launches;
}

bool can_compute_in_place(const Launch& launch, const Graph& g, const std::vector<Layout>& layouts, int operand,
                          int result) {
  // Operands of a matmul or another kernel are read as a whole.
  auto root = [&](int v) { return v < 0 ? -1 : layouts[static_cast<size_t>(v)].root; };
  if (launch.kind == LaunchKind::kernel) return false;
  if (launch.kind == LaunchKind::matmul)
    for (int v : launch.inputs)
      if (root(v) == operand) return false;
  const Spec &a = g.value(operand).spec, &b = g.value(result).spec;
  if (size_bytes(a.dtype) != size_bytes(b.dtype) || a.shape.numel() != b.shape.numel()) return false;
  cpu::Register out = -1;
  for (size_t k = 0; k < launch.results.size(); ++k)
    if (launch.results[k] == result) out = static_cast<cpu::Register>(cpu::kOutput + static_cast<cpu::Register>(k));
  if (out < 0) return false;
  std::vector<char> reads(launch.program.sources.size(), 0);
  for (size_t k = 0; k < launch.sources.size(); ++k) {
    if (root(launch.sources[k]) != operand) continue;
    if ((!launch.program.sources[k].dense && !planted("in_place")) ||
        layouts[static_cast<size_t>(launch.sources[k])].offset != 0)
      return false;
    reads[k] = 1;
  }
  bool written = false;
  for (const cpu::Step& s : launch.program.steps) {
    for (int i = 0; i < s.inputs; ++i)
      if (written && s.in[i] < cpu::kTemporary && reads[static_cast<size_t>(s.in[i])]) return false;
    for (int k = 0; k < s.outputs; ++k) written |= s.out[k] == out;
  }
  return true;
}

}  // namespace duet::graph
