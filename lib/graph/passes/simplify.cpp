// simplify: removes operations that change no bit, judged by shapes and by numbers of the program itself alone.
//
//   before   %1 = reshape(%0, [6])      %2 = reshape(%1, [2,3])    %3 = mul(%2, constant 1)
//   after    %2 = reshape(%0, [2,3])    (every use of %3 is one of %2; %1 is left to dce)
//
//   before   %1 = full(number, [2,3])
//   after    %1 = broadcast_to(number, [2,3])       (a number seen in another shape needs no storage)
//
// Never x·0 → 0 (NaN), x + 0 → x (−0), x − x → 0 (inf), a / c → a·(1/c) (rounding).
#include <cmath>

#include "duet/graph/passes.h"
#include "duet/ops/create.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "graph/hooks.h"

namespace duet::graph {
namespace {

bool is_constant(const Graph& g, int v, double wanted) {
  const Value& x = g.value(v);
  if (x.origin != Origin::constant || !contains(kFloats, x.spec.dtype)) return false;
  double c = x.spec.dtype == DType::f32 ? static_cast<double>(x.constant.f32) : x.constant.f64;
  return c == wanted && !(wanted == 0 && std::signbit(c));
}

// What the only output of n is the same as, bit for bit; −1 when n computes.
int same_as(const Graph& g, const Node& n) {
  const Spec& y = g.value(n.outputs[0]).spec;
  auto keeps_shape = [&](int i) { return g.value(n.inputs[static_cast<size_t>(i)]).spec == y; };
  if (n.op == &op<Mul>()) {
    if (is_constant(g, n.inputs[1], 1) && keeps_shape(0)) return n.inputs[0];
    if (is_constant(g, n.inputs[0], 1) && keeps_shape(1)) return n.inputs[1];
  }
  if (n.op == &op<Add>() && planted("add_zero") && is_constant(g, n.inputs[1], 0) && keeps_shape(0)) return n.inputs[0];
  if (n.op == &op<Div>() && is_constant(g, n.inputs[1], 1) && keeps_shape(0)) return n.inputs[0];
  if (n.op == &op<Sub>() && is_constant(g, n.inputs[1], 0) && keeps_shape(0)) return n.inputs[0];
  if (n.op == &op<Cast>() && keeps_shape(0)) return n.inputs[0];
  if ((n.op == &op<Reshape>() || n.op == &op<BroadcastTo>() || n.op == &op<Slice>()) && keeps_shape(0))
    return n.inputs[0];
  if (n.op == &op<Transpose>()) {
    bool identity = true;
    for (size_t i = 0; i < n.attrs.size(); ++i) identity = identity && n.attrs[i] == static_cast<int64_t>(i);
    if (identity) return n.inputs[0];
  }
  int p = g.producer(n.inputs[0]);
  if (p < 0) return -1;
  const Node& before = g.node(p);
  if (n.op == &op<Neg>() && before.op == &op<Neg>()) return before.inputs[0];
  if (n.op == &op<Cast>() && before.op == &op<Cast>() && planted("casts") && g.value(before.inputs[0]).spec == y)
    return before.inputs[0];
  if (n.op == &op<Transpose>() && before.op == &op<Transpose>()) {
    bool identity = true;
    for (size_t i = 0; i < n.attrs.size(); ++i)
      identity = identity && (before.attrs[static_cast<size_t>(n.attrs[i])] == static_cast<int64_t>(i) ||
                              (planted("transposes") && g.value(before.inputs[0]).spec == y));
    if (identity) return before.inputs[0];
  }
  return -1;
}

}  // namespace

Graph simplify(Graph g, Report&) {
  std::vector<int> now(g.values.size());
  for (size_t v = 0; v < now.size(); ++v) now[v] = static_cast<int>(v);
  for (Node& n : g.nodes) {
    for (int& i : n.inputs) i = now[static_cast<size_t>(i)];
    if (n.outputs.size() != 1) continue;
    plant_in_node(g, n);
    // A reshape of a reshape reads what the first one read.
    while (n.op == &op<Reshape>()) {
      int p = g.producer(n.inputs[0]);
      if (p < 0 || g.node(p).op != &op<Reshape>()) break;
      n.inputs[0] = g.node(p).inputs[0];
    }
    if (n.op == &op<Full>() && g.value(n.inputs[0]).spec.dtype == g.value(n.outputs[0]).spec.dtype) {
      n.op = &op<BroadcastTo>();
      n.attrs.erase(n.attrs.begin());
    }
    // A number has no storage that could be returned.
    int same = same_as(g, n);
    if (same >= 0 && (g.value(same).origin == Origin::slot || g.value(same).origin == Origin::node))
      now[static_cast<size_t>(n.outputs[0])] = same;
  }
  for (int& o : g.outputs) o = now[static_cast<size_t>(o)];
  return g;
}

}  // namespace duet::graph
