// Passes of the program's own: where they run, what they may do, and how one that changes a bit is found out.
#include <cstdlib>
#include <numeric>

#include "modes.h"
#include "passes/recorded.h"
#include "planted.h"

namespace duet {
namespace {

using expect::bits;
using expect::text;
using graph::Graph;
using graph::Node;
using graph::Origin;
using graph::Pass;
using graph::Report;
using graph::Value;

size_t at(int i) { return static_cast<size_t>(i); }

// abs(abs(x)) is abs(x), over any number of them; the nodes are left to dce.
Graph no_double_abs(Graph g, Report&) {
  std::vector<int> now(g.values.size());
  std::iota(now.begin(), now.end(), 0);
  for (Node& n : g.nodes) {
    for (int& x : n.inputs) x = now[at(x)];
    const int p = n.inputs.empty() ? -1 : g.producer(n.inputs[0]);
    if (p >= 0 && n.op == &op<Abs>() && g.node(p).op == &op<Abs>()) now[at(n.outputs[0])] = n.inputs[0];
  }
  for (int& o : g.outputs) o = now[at(o)];
  return g;
}
constexpr Pass kNoDoubleAbs{"no_double_abs", "abs(abs(x)) is abs(x)", no_double_abs};

// x · 0 is a view of 0: wrong for NaN, infinity and negative numbers.
Graph no_zeros(Graph g, Report&) {
  for (Node& n : g.nodes) {
    if (n.op != &op<Mul>() || g.value(n.inputs[1]).origin != Origin::constant) continue;
    const Shape shape = g.value(n.outputs[0]).spec.shape;
    n.op = &op<BroadcastTo>();
    n.inputs = {n.inputs[1]};
    n.attrs.assign(shape.begin(), shape.end());
  }
  return g;
}
constexpr Pass kNoZeros{"no_zeros", "x · 0 is 0", no_zeros};
constexpr graph::PassOptions checked(const Pass& pass) { return {.with = {pass}, .check_passes = true}; }

Tensor zero_times(const Tensor& x) { return exp(x * Operand::constant(0)); }
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(UserPasses, RunAfterCseAndBeforeDce) {
  auto f = [](const Tensor& x) { return abs(abs(abs(x))) + 1; };
  auto compiled = compile(f, {.with = {kNoDoubleAbs}});
  auto frozen = freeze(f, {.with = {kNoDoubleAbs}});
  const Tensor x = expect::numbers({7});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bits(compiled(x)), bits(f(x)));
    EXPECT_EQ(bits(frozen(x)), bits(f(x)));
  }
  for (const auto* cache : {&compiled.cache(), &frozen.cache()}) {
    const auto plan = cache->plans().at(0);
    EXPECT_EQ(plan->graph().nodes.size(), 2u);
    std::string order;
    for (const graph::PassRecord& r : plan->report().passes) order += r.name + " ";
    EXPECT_EQ(order, "fold simplify cse no_double_abs dce fuse combine schedule ");
    EXPECT_EQ(plan->report().passes[3].purpose, "abs(abs(x)) is abs(x)");
  }
  // Each function has plans of its own: the same one without the pass is not served by a plan made with it.
  auto plain = compile(f);
  plain(x);
  EXPECT_EQ(plain.cache().plans().at(0)->graph().nodes.size(), 4u);
  // Its name is a switch, like any pass's.
  auto off = compile(f, {.without = {"no_double_abs"}, .with = {kNoDoubleAbs}});
  off(x);
  EXPECT_EQ(off.cache().plans().at(0)->graph().nodes.size(), 4u);
}

TEST(UserPasses, GradientsSplitsAndNesting) {
  auto f = grad([](const Tensor& x) {
    Tensor y = abs(abs(x));
    return sum(y * y);
  });
  const Tensor x = expect::numbers({9});
  EXPECT_EQ(bits(compile(f, checked(kNoDoubleAbs))(x)), bits(f(x)));
  auto splits = [](const Tensor& t) {
    Tensor y = abs(abs(t));
    return y * sum(y).item() + abs(abs(y));
  };
  EXPECT_EQ(bits(compile(splits, checked(kNoDoubleAbs))(x)), bits(splits(x)));
  // One graph: the passes are those of the outer function.
  auto inner = compile(zero_times, {.with = {kNoZeros}});
  auto outer = compile([&](const Tensor& t) { return inner(t) + 1; });
  const Tensor nan = tensor({kNan});
  EXPECT_EQ(bits(outer(nan)), bits(zero_times(nan) + 1));
}

TEST(UserPasses, Names) {
  auto f = [](const Tensor& x) { return x + 1; };
  EXPECT_ERROR(Error, compile(f, {.with = {{"fuse", "", no_zeros}}}),
               "passes: there is a pass fuse already; choose another name");
  EXPECT_ERROR(Error, freeze(f, {.with = {kNoZeros, kNoZeros}}),
               "passes: there is a pass no_zeros already; choose another name");
  EXPECT_ERROR(Error, compile(f, {.with = {kNoZeros, {"", "", no_zeros}}}),
               "passes: pass 1 of the program's own has no name or no function; give it both");
  EXPECT_ERROR(Error, compile(f, {.with = {{"nothing", "", nullptr}}}),
               "passes: pass 0 of the program's own has no name or no function; give it both");
  EXPECT_ERROR(Error, compile(f, {.without = {"no_zero"}, .with = {kNoZeros}}),
               "passes: there is no pass no_zero; the passes are fold, simplify, cse, dce, fuse, combine, schedule, "
               "plan_memory, no_zeros");
}

// The first bit that changes names the pass, the operation, its line and the element; nothing else happens.
TEST(UserPasses, ChangedBitsAreFound) {
  const Tensor x = from_vector<float>({1, 2, kNan, kNan, 3, 4}, {2, 3});
  const std::string message =
      "pass no_zeros: changes the result of mul: %0 f32[2,3] at [0,2]: nan became 0; a pass keeps every bit";
  auto compiled = compile(zero_times, checked(kNoZeros));
  for (int i = 0; i < 2; ++i) EXPECT_ERROR(Error, compiled(x), message);
  EXPECT_EQ(compiled.cache().plans().size(), 0u);
  EXPECT_ERROR(Error, freeze(zero_times, {.with = {kNoZeros}, .check_passes = true})(x), message);
  // −0 became 0, in f64 and under a gradient; the line is that of the operation.
  auto wide = grad([](const Tensor& t) { return sum(square(t.to(f32) * Operand::constant(0))); });
  EXPECT_ERROR(Error, compile(wide, checked(kNoZeros))(tensor({-1.0}).to(f64)),
               "pass no_zeros: changes the result of mul: %1 f32[1] at [0]: -0 became 0; a pass keeps every bit");
  // Inputs on which the pass is right do not find it out; and arguments of a failed call are as they were.
  auto fine = compile(zero_times, checked(kNoZeros));
  EXPECT_EQ(bits(fine(ones({3}))), bits(ones({3})));
  Tensor w = x;
  auto step = compile([](Tensor& t) { t = zero_times(t) + 1; }, checked(kNoZeros));
  EXPECT_ERROR(Error, step(w), message);
  EXPECT_EQ(bits(w), bits(x));
}

// What a pass reads in place of an input, and what it does to an output that no operation makes.
TEST(UserPasses, ChangedOperandsAndOutputs) {
  auto f = [](const Tensor& x, const Tensor& y) { return std::pair{x - y, y}; };
  const Pass swaps{"swaps", "", [](Graph g, Report&) {
                     for (Node& n : g.nodes)
                       if (n.op == &op<Sub>()) std::swap(n.inputs[0], n.inputs[1]);
                     return g;
                   }};
  EXPECT_ERROR(Error, compile(f, checked(swaps))(tensor({1.0, 5.0}), tensor({1.0, 4.0})),
               "pass swaps: changes an operand of sub: arg0 f32[2] at [1]: 5 became 4; a pass keeps every bit");
  const Pass first{"first", "", [](Graph g, Report&) {
                     g.outputs.assign(g.outputs.size(), g.node(0).inputs[0]);
                     return g;
                   }};
  auto h = [](const Tensor& x) { return std::pair{x + 1, x.reshape({2})}; };
  EXPECT_ERROR(Error, compile(h, checked(first))(tensor({1.0, 2.0})),
               "pass first: changes the result of add: %0 f32[2] at [0]: 2 became 1; a pass keeps every bit");
  // No operation is named where the output is an argument itself.
  const Pass other_slot{"other_slot", "", [](Graph g, Report&) {
                          for (size_t v = 0; v < g.values.size(); ++v)
                            if (g.values[v].origin == Origin::slot && g.values[v].index == 1)
                              g.outputs[0] = static_cast<int>(v);
                          return g;
                        }};
  auto same = [](const Tensor& x, const Tensor& y) { return std::pair{x * Operand::constant(1), x + y}; };
  std::string message;
  try {
    compile(same, checked(other_slot))(tensor({1.0, 2.0}), tensor({1.0, 3.0}));
  } catch (const Error& e) {
    message = e.what();
  }
  EXPECT_EQ(message, "pass other_slot: changes an output: arg0 f32[2] at [1]: 2 became 3; a pass keeps every bit");
  const Pass other_axis{"other_axis", "", [](Graph g, Report&) {
                          for (Node& n : g.nodes)
                            if (n.op == &op<Cumsum>()) n.attrs[0] = 1 - n.attrs[0];
                          return g;
                        }};
  auto sums = [](const Tensor& x) { return cumsum(x.to(i32), 0) * 2; };
  EXPECT_ERROR(
      Error, compile(sums, checked(other_axis))(ones({2, 2})),
      "pass other_axis: changes the result of cumsum: %1 i64[2,2] at [0,1]: 1 became 2; a pass keeps every bit");
  // An operand of another shape, where the results have one.
  const Pass other_sum{"other_sum", "", [](Graph g, Report&) {
                         std::swap(g.nodes[0].inputs, g.nodes[1].inputs);
                         return g;
                       }};
  auto two_sums = [](const Tensor& x, const Tensor& y) { return sum(x) * 2 - sum(y); };
  EXPECT_ERROR(Error, compile(two_sums, checked(other_sum))(ones({2}), ones({3})),
               "pass other_sum: changes an operand of sum: arg0 f32[2] at []: f32[2] became f32[3]; a pass keeps "
               "every bit");
}

// A call that fails by itself fails with its own words; a pass that makes one fail is named.
TEST(UserPasses, FailingCalls) {
  auto f = [](const Tensor& x, const Tensor& index) { return gather(x, index) * Operand::constant(0); };
  EXPECT_ERROR(IndexError, compile(f, checked(kNoDoubleAbs))(ones({2}), tensor({0, 5})),
               "gather: index 5 is out of range: element 1 of i32[2]; it must be in -2 to 1");
  const Pass shrinks{"shrinks", "", [](Graph g, Report&) {
                       for (Node& n : g.nodes)
                         for (size_t v = 0; n.op == &op<Gather>() && v < g.values.size(); ++v)
                           if (g.values[v].origin == Origin::slot && g.values[v].index == 0)
                             n.inputs[0] = static_cast<int>(v);
                       return g;
                     }};
  auto two = [](const Tensor& x, const Tensor& index, const Tensor& y) {
    Tensor s = sum(y);
    return gather(x, index) + s;
  };
  std::string message;
  try {
    compile(two, checked(shrinks))(ones({9}), tensor({8}), ones({2}));
  } catch (const Error& e) {
    message = e.what();
  }
  EXPECT_EQ(
      message.find("pass shrinks: fails where the program does not: gather: index 8 is out of range: element 0 of "
                   "i32[1]; it must be in -2 to 1 [user_passes_test.cpp:"),
      0u)
      << message;
}

// DUET_CHECK_PASSES=1 does what the option does, for all passes of all functions; duet's own keep their word.
TEST(UserPasses, EveryPassChecked) {
  auto f = [](const Tensor& w, const Tensor& x) {
    return grad([&](const Tensor& v) { return mean(square(softmax(matmul(x, v)) * 1 - relu(x) / 1)); })(w);
  };
  const Tensor w = expect::numbers({5, 5}), x = expect::numbers({4, 5}, 2);
  setenv("DUET_CHECK_PASSES", "1", 1);
  auto compiled = compile(f);
  EXPECT_EQ(bits(compiled(w, x)), bits(f(w, x)));
  EXPECT_EQ(bits(freeze(f)(w, x)), bits(f(w, x)));
  const uint64_t before = thread_state.launches;
  compiled(w, x);
  const uint64_t again = thread_state.launches - before;
  auto fresh = compile(f);
  const uint64_t start = thread_state.launches;
  fresh(w, x);
  EXPECT_EQ(thread_state.launches - start, again);  // what checking runs is not counted
  EXPECT_ERROR(Error, compile(zero_times, {.with = {kNoZeros}})(tensor({kNan})),
               "pass no_zeros: changes the result of mul: %0 f32[1] at [0]: nan became 0; a pass keeps every bit");
  unsetenv("DUET_CHECK_PASSES");
}

// Those that fill and surround take numbers, not tensors.
TEST(UserPasses, NumbersAsOperands) {
  auto f = [](const Tensor& x, float s) { return pad(x, {{1, 1}}, s) + full({4}, s); };
  const Pass nothing{"nothing", "", [](Graph g, Report&) { return g; }};
  const Tensor x = expect::numbers({2});
  EXPECT_EQ(bits(compile(f, checked(nothing))(x, 2.f)), bits(f(x, 2.f)));
}

// Nodes may be put in and taken out: values learn by themselves which node makes them.
TEST(UserPasses, NodesComeAndGo) {
  auto f = [](const Tensor& x) { return abs(x) * 2; };
  const Pass twice{"twice", "", [](Graph g, Report&) {
                     Node n = g.nodes[0];  // abs(x) becomes abs(abs(x))
                     Value v = g.value(n.outputs[0]);
                     n.outputs = {static_cast<int>(g.values.size())};
                     g.values.push_back(v);
                     g.nodes[0].inputs = n.outputs;
                     g.nodes.insert(g.nodes.begin(), n);
                     return g;
                   }};
  const Tensor x = expect::numbers({5});
  auto compiled = compile(f, checked(twice));
  EXPECT_EQ(bits(compiled(x)), bits(f(x)));
  EXPECT_EQ(compiled.cache().plans().at(0)->graph().nodes.size(), 3u);
  auto both = compile(f, {.with = {twice, kNoDoubleAbs}, .check_passes = true});
  EXPECT_EQ(bits(both(x)), bits(f(x)));
  EXPECT_EQ(both.cache().plans().at(0)->graph().nodes.size(), 2u);
}

#ifdef DUET_VERIFY
// Builds that verify check the program's own passes unasked.
TEST(UserPasses, AlwaysCheckedInTestBuilds) {
  EXPECT_ERROR(Error, compile(zero_times, {.with = {kNoZeros}})(tensor({kNan})),
               "pass no_zeros: changes the result of mul: %0 f32[1] at [0]: nan became 0; a pass keeps every bit");
}

// Duet's own passes, what makes kernels and what places results: a bug in each of them is found by the same comparison.
TEST(UserPasses, PlantedBugsAreFound) {
  auto column_sums = [](const Tensor& x) { return sum(matmul(x, x), 0) + sum(matmul(x, x + 1), 0) * 2; };
  auto relu_of = [](const Tensor& x) { return relu(x) + 1; };
  const Tensor x = from_vector<float>({1, 2, 3, 4}, {2, 2}), nan = tensor({kNan, 1.f});
  auto found = [](const char* bug, const auto& f, const Tensor& argument) {
    plant(bug);
    std::string text;
    try {
      compile(f, {.check_passes = true})(argument);
    } catch (const Error& e) {
      text = e.what();
    }
    plant("");
    return text.substr(0, text.find(" at ["));
  };
  EXPECT_EQ(found("reduce_axis", column_sums, x), "pass simplify: changes the result of sum: %5 f32[2]");
  EXPECT_EQ(found("mul_zero", zero_times, nan), "pass simplify: changes the result of mul: %0 f32[2]");
  EXPECT_EQ(found("relu_nan", relu_of, nan), "pass lower: changes the result of add: %1 f32[2]");
  EXPECT_EQ(found("arena_overlap", column_sums, x), "pass plan_memory: changes the result of add: %6 f32[2]");
}
#endif

}  // namespace
}  // namespace duet
