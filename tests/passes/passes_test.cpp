// What every pass has to be: idempotent, and near linear in the number of operations, without deep recursion.
#include <pthread.h>

#include "counted_new.h"
#include "ops/random_program.h"
#include "passes/recorded.h"

namespace duet {
namespace {

using expect::run_pass;
using expect::text;
using testing::Program;
using testing::Rng;

/// A random program over a few tensors.
testing::Tensors program(uint32_t seed, const testing::Tensors& x) {
  testing::Style style;
  style.steps = 8 + static_cast<int>(seed % 20);
  Program p(Rng(seed), style, 0.5f, 1.5f);
  for (const Tensor& t : x) p.add(t);
  p.add(x[0] * 2);
  p.add(exp(ones({3, 4})) * Operand::constant(1));
  p.run();
  return {p.pool().begin() + static_cast<std::ptrdiff_t>(p.pool().size() / 2), p.pool().end()};
}

// The second run of a pass changes nothing, whatever passes ran before it.
TEST(Passes, Idempotent) {
  const char* size = std::getenv("DUET_TEST_SIZE");
  const uint32_t programs = size != nullptr && std::string(size) == "small" ? 60 : 600;
  const testing::Tensors x = {expect::numbers({3, 4}), expect::numbers({4, 2}, 2), expect::numbers({4}, 3),
                              tensor({3, 1, 2})};
  for (uint32_t seed = 1; seed <= programs; ++seed) {
    graph::Graph g = expect::recorded([&](const testing::Tensors& all) { return program(seed, all); }, x);
    for (const graph::Pass& pass : graph::passes()) {
      const graph::Graph once = run_pass(pass.name, g);
      // fuse makes kernels anew; the same ones.
      const graph::Graph twice = run_pass(pass.name, pass.name == "fuse" ? expect::without_kernels(once) : once);
      ASSERT_EQ(text(twice), text(once)) << "program " << seed << ", pass " << std::string(pass.name);
      ASSERT_EQ(twice.values.size(), once.values.size()) << "program " << seed << ", pass " << std::string(pass.name);
      ASSERT_EQ(text(run_pass(pass.name, g)), text(once)) << "not deterministic: " << std::string(pass.name);
      if (seed % 2 == 0 || pass.name == "fold") g = once;  // alone, and after the others
    }
  }
}

// A chain of pointwise operations as a graph: n links, with a constant in each, so that every pass has work.
graph::Graph chain(int n) {
  graph::Graph g;
  graph::Value x;
  x.origin = graph::Origin::slot;
  x.spec = {f32, {8}};
  g.values.push_back(x);
  g.slots = 1;
  int last = 0;
  auto add = [&](const OpRecord& op, std::vector<int> inputs) {
    graph::Value y;
    y.spec = {f32, {8}};
    y.index = static_cast<int>(g.nodes.size());
    graph::Node node;
    node.op = &op;
    node.inputs = std::move(inputs);
    node.outputs = {static_cast<int>(g.values.size())};
    if (op.view != nullptr) node.attrs = {8};
    g.values.push_back(y);
    g.nodes.push_back(node);
    last = node.outputs[0];
  };
  for (int i = 0; static_cast<int>(g.nodes.size()) < n; ++i) {
    graph::Value c;
    c.origin = graph::Origin::constant;
    c.spec.dtype = f32;
    c.constant.bits = 0;
    c.constant.f32 = static_cast<float>(1 + i % 3);
    g.values.push_back(c);
    const int constant = static_cast<int>(g.values.size()) - 1;
    if (i % 4 == 0)
      add(op<Mul>(), {last, constant});
    else if (i % 4 == 1)
      add(op<Abs>(), {last});
    else if (i % 4 == 2)
      add(op<Reshape>(), {last});
    else
      add(op<Add>(), {last, last});
  }
  g.outputs = {last};
  return g;
}

// The same chain, written as a program.
Tensor run_eagerly(int n, const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < n; ++i) {
    if (i % 4 == 0)
      y = y * static_cast<float>(1 + i % 3);
    else if (i % 4 == 1)
      y = abs(y);
    else if (i % 4 == 3)
      y = y + y;
  }
  return y;
}

// What a pass allocates for n operations.
struct Allocated {
  int64_t blocks, bytes;
};
Allocated allocated_by(const graph::Pass& pass, int n) {
  graph::Graph g = chain(n);
  graph::Report report;
  const Allocated before{counted::blocks.load(), counted::bytes.load()};
  g = pass.run(std::move(g), report);
  return {counted::blocks.load() - before.blocks, counted::bytes.load() - before.bytes};
}

// Ten times the operations are about ten times the work, counted in what is allocated.
TEST(Passes, WorkIsNearLinear) {
  for (const graph::Pass& pass : graph::passes()) {
    const Allocated some = allocated_by(pass, 10000), many = allocated_by(pass, 100000);
    EXPECT_LE(many.blocks, 11 * some.blocks + 100) << std::string(pass.name);
    EXPECT_LE(many.bytes, 14 * some.bytes + 1000) << std::string(pass.name);  // tables grow by doubling
  }
}

// On the stack of a thread that has 1 MiB: nothing recurses into the graph.
void* compile_and_run(void*) {
  for (int n : {1000, 10000, 100000}) {
    const graph::Plan plan(chain(n), {}, {});
    std::string times;
    for (const graph::PassRecord& r : plan.report().passes)
      times += fmt::format(" {} {:.1f}", r.name, r.time_us / 1000);
    fmt::print("{:6} operations: {:.1f} ms, of these{}; {} kernels\n", n, plan.compile_us() / 1000, times,
               plan.cost().kernels);
    const Tensor x = expect::numbers({8});
    Block* in[] = {&x.block()};
    const uint8_t donated[] = {0};
    Block* out[] = {nullptr};
    plan.run({in, donated, {}, out});
    EXPECT_EQ(expect::bits(Tensor::adopt(out[0], 0)), expect::bits(run_eagerly(n, x)));
  }
  return nullptr;
}
TEST(Passes, HundredThousandOperations) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 1 << 20), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, compile_and_run, nullptr), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace
}  // namespace duet
