#include "graph/hooks.h"

#ifdef DUET_VERIFY
#include <algorithm>
#include <random>

#include "duet/ops/create.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/reduce.h"
#include "graph/execute.h"

namespace duet::graph {
namespace {

thread_local unsigned schedule_seed = 0;

// relu of f32 that gives 0 for NaN.
void relu_without_nan(const cpu::TileCall& call) {
  const auto* x = static_cast<const float*>(call.in[0]);
  auto* y = static_cast<float*>(call.out[0]);
  for (int64_t i = 0; i < call.n; ++i) {
    const float v = x[(call.scalars & 1u) != 0 ? 0 : i];
    y[i] = v < 0 || v != v ? 0 : v;
  }
}

}  // namespace

void set_schedule(unsigned seed) { schedule_seed = seed; }

void reorder_kernels(Graph& g) {
  if (schedule_seed == 0) return;
  const std::vector<Layout> l = layouts(g);
  const size_t n = g.kernels.size();
  std::vector<std::vector<size_t>> after(n);
  std::vector<size_t> waiting(n, 0), ready;
  for (size_t k = 0; k < n; ++k) {
    std::vector<int> needs;
    for (int i : g.kernels[k].nodes)
      for (int x : g.node(i).inputs)
        if (int p = g.producer(l[static_cast<size_t>(x)].root); p >= 0 && g.node(p).kernel != static_cast<int>(k))
          needs.push_back(g.node(p).kernel);
    std::sort(needs.begin(), needs.end());
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
    for (int m : needs) after[static_cast<size_t>(m)].push_back(k);
    if ((waiting[k] = needs.size()) == 0) ready.push_back(k);
  }
  std::mt19937 rng(schedule_seed);
  std::vector<Kernel> kernels;
  while (!ready.empty()) {
    const size_t at = rng() % ready.size(), k = ready[at];
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(at));
    for (int i : g.kernels[k].nodes) g.nodes[static_cast<size_t>(i)].kernel = static_cast<int>(kernels.size());
    kernels.push_back(std::move(g.kernels[k]));
    for (size_t m : after[k])
      if (--waiting[m] == 0) ready.push_back(m);
  }
  g.kernels = std::move(kernels);
}

void plant_in_node(const Graph& g, Node& n) {
  if (planted("reduce_axis") && n.op == &op<Sum>()) {  // a square's rows for its columns
    const Shape& x = g.value(n.inputs[0]).spec.shape;
    if (x.rank() == 2 && x[0] == x[1] && (n.attrs[0] == 1 || n.attrs[0] == 2)) n.attrs[0] = 3 - n.attrs[0];
  }
  if (!planted("mul_zero") || n.op != &op<Mul>()) return;
  for (int x : n.inputs) {
    const Value& v = g.value(x);
    if (v.origin != Origin::constant || (v.spec.dtype == DType::f32 ? v.constant.f32 != 0 : v.constant.f64 != 0))
      continue;
    const Spec& y = g.value(n.outputs[0]).spec;
    n.op = &op<Full>();
    n.inputs = {x};
    n.attrs.assign(y.shape.begin(), y.shape.end());
    n.attrs.insert(n.attrs.begin(), static_cast<int64_t>(y.dtype));
    return;
  }
}

void plant_in_program(cpu::TileProgram& program, const Node& n, DType dtype) {
  if (planted("relu_nan") && n.op == &op<Relu>() && dtype == DType::f32) program.steps.back().fn = relu_without_nan;
}

// The last value of the arena moves down to the first one's place.
void plant_in_storage(Executable& e) {
  if (!planted("arena_overlap")) return;
  const auto last = std::max_element(e.arena_offset.begin(), e.arena_offset.end());
  if (last != e.arena_offset.end() && *last > 0) *last = 0;
}

}  // namespace duet::graph
#endif
