// fold: what numbers of the program decide is computed when a plan is made, to the eager bits, and nothing else is.
#include "modes.h"
#include "passes/recorded.h"

namespace duet {
namespace {

using expect::bits;
using expect::recorded;
using expect::run_pass;
using expect::text;

std::string folded(const graph::Graph& g) { return text(run_pass("dce", run_pass("fold", g))); }
Operand one() { return Operand::constant(1); }

// The seed of a gradient, the division of a mean and their broadcasts are one number beside the data.
TEST(Fold, GradientOfAMean) {
  auto f = grad([](const Tensor& x) { return mean(square(x)); });
  const graph::Graph g = recorded(f, ones({4, 8}));
  EXPECT_EQ(text(g),
            "%0 = square(x0)\n%1 = sum(%0) 3 0\n%2 = div(%1, c32)\n%3 = full(c1) 0\n%4 = div_vjp(%3, c32)\n"
            "%5 = broadcast_to(%4) 4 8\n%6 = square_vjp(%5, x0)\n-> %6");
  EXPECT_EQ(folded(g), "%0 = square_vjp(c0.03125, x0)\n-> %0");
  expect::in_every_mode(f, expect::numbers({4, 8}));
}

// A tensor of one number is a view of it, which no kernel makes; where other operands say the shape it is the number.
TEST(Fold, UniformTensors) {
  auto f = [](const Tensor& x) {
    Tensor y = x * exp(ones({3}) + ones({2, 1}));
    return y + reshape(zeros({6}), {2, 3});
  };
  const graph::Graph g = recorded(f, ones({2, 3}));
  const float e = exp(tensor({2.0})).item();
  EXPECT_EQ(folded(g), fmt::format("%0 = mul(x0, c{})\n%1 = add(%0, c0)\n-> %1", e));
  EXPECT_EQ(expect::in_every_mode(f, expect::numbers({2, 3})), expect::tree_bits(f(expect::numbers({2, 3}))));
  // No operand says the shape: the view stays.
  auto wide = [](const Tensor& x) { return x + ones({5, 2}); };
  EXPECT_EQ(folded(recorded(wide, ones({2}))), "%0 = broadcast_to(c1) 5 2\n%1 = add(x0, %0)\n-> %1");
  EXPECT_EQ(compile(wide)(ones({2})).shape(), (Shape{5, 2}));
}

// Each type and several kinds of kernels; the eager kernel's bits.
TEST(Fold, TypesAndKernels) {
  auto f = [](const Tensor& x) {
    const Tensor half = full({4}, one()) / 3.0;  // a run-time number: not folded
    return std::tuple{x * sum(ones({3, 5})),
                      x.to(f64) * log(full({2}, Operand::constant(3), f64)),
                      x.to(i32) + sum(ones({7}, i32)),
                      where(eq(ones({2}), one()), x, -x),
                      x * max(cumsum(zeros({9}), 0)),
                      matmul(reshape(x, {1, 2}), ones({2, 2})),
                      half};
  };
  expect::in_every_mode(f, expect::numbers({2}));
  const graph::Graph g = run_pass("dce", run_pass("fold", recorded(f, ones({2}))));
  std::string left;
  for (const graph::Node& n : g.nodes) left += std::string(n.op->name) + " ";
  EXPECT_EQ(left.find("sum"), std::string::npos) << left;
  EXPECT_EQ(left.find("log"), std::string::npos) << left;
  EXPECT_EQ(left.find("eq"), std::string::npos) << left;
  EXPECT_EQ(left.find("full"), left.rfind("full")) << left;  // the one that is divided by a run-time number
}

// What is tried has at most 4,096 elements, operands and result together.
TEST(Fold, AsFarAsItIsCheap) {
  auto nodes = [](int64_t n) {
    return run_pass("dce", run_pass("fold", recorded([n](const Tensor& x) { return x + sum(ones({n})); }, ones({3}))))
        .nodes.size();
  };
  EXPECT_EQ(nodes(4095), 1u);
  EXPECT_EQ(nodes(4096), 3u);
}

// Numbers that a call gives are never read: the plan is right for the next ones.
TEST(Fold, RunTimeNumbersStay) {
  auto f = [](const Tensor& x, float s) { return x + full({2}, s) * exp(full({2}, s)); };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  const Tensor x = expect::numbers({2});
  for (float s : {1.f, 0.f, -2.5f, INFINITY}) {
    EXPECT_EQ(bits(compiled(x, s)), bits(f(x, s))) << s;
    EXPECT_EQ(bits(frozen(x, s)), bits(f(x, s))) << s;
  }
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  const graph::Graph g = recorded(f, x, 1.f);
  EXPECT_EQ(text(run_pass("fold", g)), text(g));
}

// What has different elements, is too large to try, or may fail, is left to the plan; empty tensors too.
TEST(Fold, WhatIsLeftAlone) {
  auto differs = [](const Tensor& x) {
    Tensor range = arange(3), sums = cumsum(ones({3}), 0);
    return maximum(maximum(x, range), sums);
  };
  EXPECT_EQ(folded(recorded(differs, ones({3}))),
            "%0 = arange(c0, c1) 0 3\n%1 = broadcast_to(c1) 3\n%2 = cumsum(%1) 0 0\n%3 = maximum(x0, %0)\n"
            "%4 = maximum(%3, %2)\n-> %4");
  auto large = [](const Tensor& x) { return x + sum(ones({5000})); };
  EXPECT_EQ(run_pass("dce", run_pass("fold", recorded(large, ones({3})))).nodes.size(), 3u);
  auto fails = [](const Tensor& x) { return x + gather(ones({3}), full({1}, Operand::constant(7), i32)); };
  EXPECT_ERROR(IndexError, compile(fails)(ones({1})),
               "gather: index 7 is out of range: element 0 of i32[1]; it must be in -3 to 2");
  auto empty = [](const Tensor& x) { return std::pair{x + sum(exp(zeros({0, 2}))), exp(zeros({0})) * 2}; };
  expect::in_every_mode(empty, ones({3}));
  expect::in_every_mode(large, ones({3}));
  expect::in_every_mode(differs, ones({3}));
}

// A returned tensor has storage of its own, made by one kernel, and views of it share that storage.
TEST(Fold, ReturnedTensors) {
  auto f = [](const Tensor& x) {
    Tensor z = zeros({2, 3}), s = sum(ones({4}));
    return std::tuple{z, transpose(z), z[0], s, exp(z) + x};
  };
  const Tensor x = expect::numbers({2, 3});
  expect::in_every_mode(f, x);
  auto compiled = compile(f);
  uint64_t before = thread_state.launches;
  f(x);
  const uint64_t eager = thread_state.launches - before;
  compiled(x);
  before = thread_state.launches;
  auto r = compiled(x);
  EXPECT_LE(thread_state.launches - before, eager);
  EXPECT_EQ(std::get<0>(r).data(), std::get<2>(r).data());
}

// Regions of recomputation read the number like everybody else.
TEST(Fold, Checkpoints) {
  auto f = grad(checkpoint([](const Tensor& x) { return mean(exp(x * ones({3}))); }));
  expect::in_every_mode(f, expect::numbers({3}));
}

}  // namespace
}  // namespace duet
