// What simplify takes away, and what looks alike and must stay: each rule of simplify.cpp by itself.
#include <cmath>

#include "duet/graph/passes.h"
#include "passes/recorded.h"

namespace duet {
namespace {

// Whether exp reads x itself after simplify, in exp(f(x)) with every number of f made a constant: `number`.
template <class F>
bool gone(const F& f, float number = 0, const Shape& shape = {4, 4}, bool same_spec = false) {
  const Tensor x = expect::numbers(shape);
  graph::Graph g = expect::recorded([&](const Tensor& t) { return exp(f(t)); }, x);
  for (graph::Value& v : g.values) {
    if (v.origin != graph::Origin::number) continue;
    v.origin = graph::Origin::constant;
    v.constant.f32 = number;
  }
  // A view that changes nothing, which the functions that users call do not record.
  if (same_spec) {
    graph::Node& n = g.nodes[0];
    g.values[static_cast<size_t>(n.outputs[0])].spec = g.value(n.inputs[0]).spec;
    if (n.op == &op<Transpose>()) n.attrs = {0, 1};
  }
  graph::Report report;
  g = graph::simplify(std::move(g), report);
  return g.value(g.nodes.back().inputs[0]).origin == graph::Origin::slot;
}

const auto kTimes = [](const Tensor& x) { return x * 5.0f; };
const auto kTimesOf = [](const Tensor& x) { return 5.0f * x; };
const auto kOver = [](const Tensor& x) { return x / 5.0f; };
const auto kOf = [](const Tensor& x) { return 5.0f / x; };
const auto kPlus = [](const Tensor& x) { return x + 5.0f; };
const auto kMinus = [](const Tensor& x) { return x - 5.0f; };
const auto kFrom = [](const Tensor& x) { return 5.0f - x; };

TEST(Simplify, NumbersThatChangeNoBit) {
  EXPECT_TRUE(gone(kTimes, 1));
  EXPECT_TRUE(gone(kTimesOf, 1));
  EXPECT_TRUE(gone(kOver, 1));
  EXPECT_TRUE(gone(kMinus, 0));
}

TEST(Simplify, NumbersThatDo) {
  for (float c : {0.0f, -0.0f, -1.0f, 2.0f, std::nanf("")}) {
    EXPECT_FALSE(gone(kTimes, c)) << c;
    EXPECT_FALSE(gone(kTimesOf, c)) << c;
    EXPECT_FALSE(gone(kOver, c)) << c;
  }
  for (float c : {0.0f, -0.0f, 1.0f}) {
    EXPECT_FALSE(gone(kPlus, c)) << c;  // −0 + 0 is 0
    EXPECT_FALSE(gone(kOf, c)) << c;
    EXPECT_FALSE(gone(kFrom, c)) << c;
  }
  EXPECT_FALSE(gone(kMinus, -0.0f));
  EXPECT_FALSE(gone(kMinus, 1));
}

TEST(Simplify, ViewsAndCastsThatChangeNothing) {
  const auto reshaped = [](const Tensor& x) { return reshape(x, {2, 8}); };
  const auto sliced = [](const Tensor& x) { return x.slice(0, 0, 2); };
  const auto spread = [](const Tensor& x) { return broadcast_to(x, {3, 4, 4}); };
  const auto turned = [](const Tensor& x) { return transpose(x); };
  const auto cast = [](const Tensor& x) { return x.to(f64); };
  for (const bool same : {true, false}) {
    EXPECT_EQ(gone(reshaped, 0, {4, 4}, same), same);
    EXPECT_EQ(gone(sliced, 0, {4, 4}, same), same);
    EXPECT_EQ(gone(spread, 0, {4, 4}, same), same);
    EXPECT_EQ(gone(turned, 0, {4, 4}, same), same);
    EXPECT_EQ(gone(cast, 0, {4, 4}, same), same);
  }
}

TEST(Simplify, Pairs) {
  EXPECT_TRUE(gone([](const Tensor& x) { return -(-x); }));
  EXPECT_TRUE(gone([](const Tensor& x) { return transpose(transpose(x)); }));
  EXPECT_FALSE(gone([](const Tensor& x) { return -abs(x); }));
  const auto turned = [](const Tensor& x) { return transpose(transpose(x, {1, 2, 0}), {1, 2, 0}); };
  const auto back = [](const Tensor& x) { return transpose(transpose(x, {1, 2, 0}), {2, 0, 1}); };
  EXPECT_FALSE(gone(turned, 0, {3, 3, 3}));
  EXPECT_TRUE(gone(back, 0, {3, 3, 3}));
}

}  // namespace
}  // namespace duet
