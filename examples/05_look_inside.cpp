// You learn: what compiling saves, and how to look. explain() shows every kernel, every fusion that was refused and
// why, and where each value lies in memory.
#include <duet/duet.h>
#include <fmt/core.h>

#include <optional>

#include "lesson.h"

using namespace duet;

struct Mlp {
  std::vector<nn::Linear> layers;
};
std::optional<Tensor> kept;  // host code's own variable
bool keep_second = false;

Tensor run(const Mlp& m, Tensor x) {
  for (size_t i = 0; i < m.layers.size(); ++i) {
    x = tanh(m.layers[i](x));
    if (keep_second && i == 1) kept = x;
  }
  return x;
}

int main() {
  fmt::print("-- gelu(x + b): eagerly the sum is written to memory and read again; compiled it stays in the cache\n");
  auto f = [](const Tensor& x, const Tensor& b) { return gelu(x + b); };
  Tensor x = normal(Key(1), {256, 512}), b = normal(Key(2), {512});
  Tensor by_eager, by_plan;
  auto compiled = compile(f);
  Work eager = work_of([&] { by_eager = f(x, b); });
  Work planned = work_of([&] { by_plan = compiled(x, b); });
  fmt::print("eager    {} kernels, {} bytes\ncompiled {} kernel,  {} bytes\n", eager.kernels, with_commas(eager.bytes),
             planned.kernels, with_commas(planned.bytes));
  fmt::print("{}\n", explain(f, x, b));
  expect(eager.kernels == 2 && planned.kernels == 1 && planned.bytes < eager.bytes * 6 / 10,
         "one kernel, nearly half the bytes");
  expect(bits_hash(by_eager) == bits_hash(by_plan), "the same bits");

  fmt::print("-- without the fuse pass: as many kernels as eagerly, still the same bits\n");
  auto apart = compile(f, {.without = {"fuse"}});
  Work unfused = work_of([&] { by_plan = apart(x, b); });
  fmt::print("{} kernels, {} bytes\n", unfused.kernels, with_commas(unfused.bytes));
  expect(unfused.kernels == 2 && bits_hash(by_eager) == bits_hash(by_plan), "passes change speed alone");

  fmt::print("-- a fusion that cannot be: a sum over rows needs all of them before the difference can begin\n");
  auto shifted = [](const Tensor& x) {
    Tensor e = exp(x);
    return e - sum(e, {.axis = 0, .keepdims = true});
  };
  Explanation blocked = explain(shifted, x);
  for (const Explanation::Fusion& c : blocked.plans[0].fusions)
    fmt::print("{} into {}: {}\n", c.producer_op, c.consumer_op, c.fused ? "fused" : "not fused: " + c.reason);
  expect(blocked.plans[0].kernels.size() == 2, "exp and sum are one kernel, sub another");

  fmt::print("-- memory: values that are never needed at the same time lie in the same place\n");
  auto layer = [](int64_t in, int64_t out, uint64_t seed) { return nn::Linear::init(in, out, Key(seed)); };
  Mlp mlp{{layer(64, 256, 1), layer(256, 256, 2), layer(256, 64, 3), layer(64, 64, 4)}};
  Tensor batch = normal(Key(3), {32, 64});
  Explanation plain = explain(run, mlp, batch);
  keep_second = true;
  Explanation keeping = explain(run, mlp, batch);
  fmt::print("{}\n", plain);
  const Explanation::Plan &a = plain.plans[0], &k = keeping.plans[0];
  fmt::print("buffers {}, naive {} B, arena {} B, lower bound {} B\n", a.buffers.size(), with_commas(a.naive_bytes),
             with_commas(a.arena_bytes), with_commas(a.lower_bound_bytes));
  fmt::print("with one activation kept by host code, it is an output and leaves the arena:\n");
  fmt::print("buffers {}, naive {} B, arena {} B, lower bound {} B, outputs {}\n", k.buffers.size(),
             with_commas(k.naive_bytes), with_commas(k.arena_bytes), with_commas(k.lower_bound_bytes),
             k.outputs.size());
  expect(a.arena_bytes < a.naive_bytes && a.arena_bytes == a.lower_bound_bytes, "less than one place a buffer");
  expect(k.outputs.size() == a.outputs.size() + 1 && k.buffers.size() < a.buffers.size(),
         "what host code keeps has its own storage");
  expect(kept->shape() == Shape{32, 256}, "and its value is there");
}
