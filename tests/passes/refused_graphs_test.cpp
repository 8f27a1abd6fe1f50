// Graphs that a pass of the program's own leaves in a state in which they cannot run.
#include "modes.h"

namespace duet {
namespace {

using graph::Graph;
using graph::Origin;
using graph::Pass;
using graph::Report;
using graph::Value;

size_t at(int i) { return static_cast<size_t>(i); }
int add_constant(Graph& g, float c) {
  Value v;
  v.origin = Origin::constant;
  v.constant.bits = 0;
  v.constant.f32 = c;
  v.spec.dtype = f32;
  g.values.push_back(v);
  return static_cast<int>(g.values.size()) - 1;
}

/// What a pass is told whose graph cannot run.
std::string refusal(Graph (*run)(Graph, Report&)) {
  auto f = [](const Tensor& x, float s) {
    Tensor y = exp(x);
    return matmul(y, y) * s;
  };
  std::string text;
  try {
    compile(f, {.with = {{"p", "", run}}})(ones({2, 2}), 2.f);
  } catch (const Error& e) {
    text = e.what();
  }
  return text.substr(0, text.find(" [refused_graphs_test.cpp"));
}

// Graphs that cannot run are refused in every build, before anything is made of them.
TEST(RefusedGraphs, OutOfOrder) {
  EXPECT_EQ(refusal([](Graph g, Report&) { return g; }), "");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              std::swap(g.nodes[0], g.nodes[1]);
              return g;
            }),
            "pass p: matmul reads %0, which no node before it makes; keep nodes in an order in which they can run");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.nodes[0].inputs[0] = 99;
              return g;
            }),
            "pass p: exp reads value 99 of 5; add it to Graph::values");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.nodes[0].inputs.push_back(0);
              return g;
            }),
            "pass p: exp has 2 operands and 1 results; it takes 1 and gives 1");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.nodes[0].op = nullptr;
              return g;
            }),
            "pass p: node 0 has no operation; set Node::op");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.nodes[0].outputs = g.nodes[1].outputs;
              return g;
            }),
            "pass p: matmul reads %0, which no node before it makes; keep nodes in an order in which they can run");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.nodes.push_back(g.nodes[0]);
              return g;
            }),
            "pass p: exp makes %0 once more; give it a value of its own");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.nodes[0].outputs[0] = g.nodes[0].inputs[0];
              return g;
            }),
            "pass p: exp makes value 0, which is no result of a node");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.nodes[1].inputs[0] = add_constant(g, 1);
              return g;
            }),
            "pass p: matmul cannot run: matmul: a matrix needs two axes: f32[] · f32[2,2]");
  EXPECT_EQ(
      refusal([](Graph g, Report&) {
        g.values[at(g.nodes[1].outputs[0])].spec.shape = Shape{3};
        return g;
      }),
      "pass p: matmul makes f32[2,2], and %1 is said to be f32[3]; give the value the operation's shape and type");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.outputs.clear();
              return g;
            }),
            "pass p: 0 outputs, were 1; a pass keeps the outputs in their places");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.outputs[0] = add_constant(g, 1);
              return g;
            }),
            "pass p: output 0 is f32[], was f32[2,2]; a pass keeps shapes and types of outputs");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              g.numbers = 0;
              return g;
            }),
            "pass p: the inputs were changed, or kernels were made; a pass changes values, nodes and outputs only");
  EXPECT_EQ(refusal([](Graph g, Report&) {
              Value v = g.values[0];
              v.index = 7;
              v.argument = -1;
              g.values.push_back(v);
              return g;
            }),
            "pass p: in7 is not one of the inputs; a pass adds constants and results of nodes only");
}

TEST(RefusedGraphs, NumbersAsOutputs) {
  auto f = [](const Tensor& x) { return sum(x); };
  const Pass pass{"p", "", [](Graph g, Report&) {
                    g.outputs[0] = add_constant(g, 1);
                    return g;
                  }};
  EXPECT_ERROR(Error, compile(f, {.with = {pass}})(ones({2})),
               "pass p: output 0 is a number, which has no storage; return a broadcast_to of it");
}

}  // namespace
}  // namespace duet
