// You learn: to write a pass of the compiler in your own program, and how a pass that changes a bit is found out.
#include <duet/duet.h>
#include <fmt/core.h>

#include <numeric>

#include "lesson.h"

using namespace duet;

// once: what changes nothing the second time is done once.
//
//   before   %0 = relu(x)    %1 = relu(%0)    %2 = maximum(%1, %1)    %3 = exp(%2)
//   after    %0 = relu(x)                                             %3 = exp(%0)    (dce removes the rest)
//
// Bit-safe: the value read in place of another has its bits, also where those are −0 or NaN.
graph::Graph once(graph::Graph g, graph::Report&) {
  std::vector<int> now(g.values.size());  // what is read in place of each value
  std::iota(now.begin(), now.end(), 0);
  for (graph::Node& n : g.nodes) {
    for (int& x : n.inputs) x = now[static_cast<size_t>(x)];
    if (n.op != &op<Relu>() && n.op != &op<Maximum>() && n.op != &op<Minimum>()) continue;
    const int x = n.inputs[0], maker = g.producer(x);
    const bool same = n.op == &op<Relu>() ? maker >= 0 && g.node(maker).op == n.op : x == n.inputs[1];
    const graph::Origin origin = g.value(x).origin;  // a number has no storage that could be returned
    if (same && (origin == graph::Origin::node || origin == graph::Origin::slot))
      now[static_cast<size_t>(n.outputs[0])] = x;
  }
  for (int& o : g.outputs) o = now[static_cast<size_t>(o)];
  return g;
}

// no_zeros: x · 0 is 0. Tempting and wrong: NaN · 0 and inf · 0 are NaN, and −1 · 0 is −0.
graph::Graph no_zeros(graph::Graph g, graph::Report&) {
  for (graph::Node& n : g.nodes) {
    if (n.op != &op<Mul>()) continue;
    const int zero = n.inputs[1];
    const graph::Value& v = g.value(zero);
    if (v.origin != graph::Origin::constant || v.spec.dtype != f32 || v.constant.f32 != 0) continue;
    const Shape shape = g.value(n.outputs[0]).spec.shape;
    n.op = &op<BroadcastTo>();
    n.inputs = {zero};
    n.attrs.assign(shape.begin(), shape.end());
  }
  return g;
}

Tensor program(const Tensor& x) {
  Tensor y = relu(relu(x));
  return exp(maximum(y, y));
}

// A number of the program itself, which passes may read; a C++ number is given at each call, and none reads it.
Tensor masked(const Tensor& x, const Tensor& y) {
  Tensor z = x * Operand::constant(0);
  return z + y;
}

int main() {
  const Tensor x = tensor({{-1.0, 0.5}, {2.0, -3.0}});
  auto plain = compile(program);
  auto shorter = compile(program, {.with = {{"once", "does once what changes nothing twice", once}}});
  Tensor a = plain(x), b = shorter(x);
  fmt::print("-- as it is\n{}\n", explain(plain));
  fmt::print("-- with the pass once: a row in the list, two operations fewer\n{}\n", explain(shorter));
  expect(bits_hash(a) == bits_hash(program(x)) && bits_hash(b) == bits_hash(a), "the same bits");
  expect(explain(plain).plans[0].kernels[0].operations.size() == 4, "four operations");
  expect(explain(shorter).plans[0].kernels[0].operations.size() == 2, "two operations");

  fmt::print("-- a pass that changes a bit is found out at the first run of a plan, on that call's own inputs\n");
  const Tensor bad = tensor({1.0, 2.0, std::numeric_limits<double>::quiet_NaN(), 3.0});
  auto wrong = compile(masked, {.with = {{"no_zeros", "x · 0 is 0", no_zeros}}, .check_passes = true});
  std::string message;
  try {
    wrong(bad, ones({4}));
  } catch (const Error& e) {
    message = e.what();
  }
  fmt::print("{}\n", message);
  expect(message.find("pass no_zeros: changes the result of mul: %0 f32[4] at [2]: nan became 0") == 0,
         "the pass, the operation and the first element that differs are named");
}
