// explain: its data, and its text whole for small functions.
#include <fmt/format.h>

#include <duet/duet.h>
#include <gtest/gtest.h>

#include <optional>

#include "cpu/jit/jit.h"
#include "explain/golden.h"

using namespace duet;
using duet::testing::expect_golden;

namespace {

struct Model {
  nn::Linear hidden;
  std::vector<Tensor> scales;
};

TEST(Explain, PointwiseOperationsInOneKernel) {
  auto f = compile([](const Tensor& x, const Tensor& b) { return gelu(x + b); });
  f(zeros({32, 64}), zeros({64}));
  f(zeros({29, 64}), zeros({64}));
  f(zeros({32, 64}), zeros({64}));
  expect_golden("pointwise.txt", to_string(explain(f)));
}

TEST(Explain, NamesRefusalsAndMemory) {
  Model m{nn::Linear::init(64, 128, Key(1)), {ones({128})}};
  auto f = [](const Model& model, const Tensor& x, float rate) {
    Tensor h = relu(model.hidden(x));
    return sum(h.transpose() * rate, 1) * model.scales[0];
  };
  expect_golden("mlp_forward.txt", to_string(explain(f, m, ones({32, 64}), 0.5f)));
}

TEST(Explain, FrozenGradientsConstantsAndViews) {
  auto frozen = freeze([w = ones({3})](const Tensor& x, float rate) {
    Tensor g = grad([&](const Tensor& v) { return sum(tanh(v * w)); })(x);
    return std::pair{x.transpose(), x - rate * g};
  });
  frozen(ones({2, 3}), 0.5f);
  expect_golden("frozen.txt", to_string(explain(frozen)));
}

TEST(Explain, TrainingSteps) {
  struct Mlp {
    nn::Linear hidden, out;
  };
  auto step = compile([](Mlp& m, const Tensor& x, const Tensor& y, float rate) {
    auto [l, g] = value_and_grad([](const Mlp& model, const Tensor& in, const Tensor& labels) {
      return cross_entropy(model.out(relu(model.hidden(in))), labels);
    })(m, x, y);
    m.hidden.weight = m.hidden.weight - rate * g.hidden.weight;
    m.out.weight = m.out.weight - rate * g.out.weight;
    return l;
  });
  Mlp m{nn::Linear::init(16, 32, Key(1)), nn::Linear::init(32, 10, Key(2))};
  for (int i = 0; i < 3; ++i) step(m, ones({8, 16}), zeros({8}, i32), 0.1f);
  expect_golden("training_step.txt", to_string(explain(step)));
}

TEST(Explain, OutputsSayWhoHoldsThem) {
  std::optional<Tensor> kept;
  auto f = compile([&](Tensor& state, const Tensor& x) {
    state = state + x;
    kept = x * 3.0f;
    return std::pair{x * 2.0f, std::vector<Tensor>{exp(x)}};
  });
  Tensor state = ones({2});
  f(state, ones({2}));
  std::vector<std::string> becomes;
  const Explanation e = explain(f);
  for (const Explanation::Output& o : e.plans.at(0).outputs) {
    becomes.push_back(o.becomes);
    EXPECT_EQ(o.escapes, o.becomes.empty() ? "is held outside of result and arguments" : "");
  }
  std::sort(becomes.begin(), becomes.end());
  EXPECT_EQ(becomes, (std::vector<std::string>{"", "arg0", "result.0", "result.1"}));
}

TEST(Explain, EverythingThatASplitNeedsEscapes) {
  auto f = compile([](const Tensor& x) {
    Tensor y = x * 2.0f;
    const float s = sum(y).item();
    return s > 0 ? exp(y) : y;
  });
  f(ones({2}));
  f(-ones({2}));
  const Explanation e = explain(f);
  ASSERT_EQ(e.plans.size(), 2u);  // what follows the split when s is not positive has no operation
  EXPECT_TRUE(e.plans[0].splits);
  EXPECT_EQ(e.plans[0].outputs.size(), 2u);
  for (const auto& o : e.plans[0].outputs) EXPECT_EQ(o.escapes, "is needed after the split");
  EXPECT_FALSE(e.plans[1].splits);
  EXPECT_EQ(e.plans[1].segment, 1);
  EXPECT_EQ(e.plans[1].outputs.at(0).becomes, "result");
  expect_golden("split.txt", to_string(e));
}

TEST(Explain, WhatComesFromOutside) {
  const Tensor w = tensor({1.5f, -2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f}), columns = arange(6).reshape({2, 3}).transpose();
  auto f = [w, columns](const Tensor& x, float rate) { return std::pair{x * w * rate * 0.25f, sum(columns) * sum(x)}; };
  const Tensor x = ones({7});
  auto compiled = compile(f);
  compiled(x, 0.5f);
  const Explanation::Plan read = explain(compiled).plans.at(0);
  ASSERT_EQ(read.captured.size(), 2u);
  EXPECT_FALSE(read.captured[0].constant);
  EXPECT_EQ(read.captured[0].contents, "");
  ASSERT_EQ(read.numbers.size(), 2u);
  for (const auto& n : read.numbers) EXPECT_EQ(n.value, "read at each call");

  auto frozen = freeze(f);
  frozen(x, 0.5f);
  const Explanation::Plan bound = explain(frozen).plans.at(0);
  std::vector<std::string> contents;
  for (const auto& c : bound.captured) {
    EXPECT_TRUE(c.constant);
    contents.push_back(c.contents);
  }
  std::sort(contents.begin(), contents.end());
  EXPECT_EQ(contents, (std::vector<std::string>{"0, 3, 1, 4, 2, 5", "1.5, -2, 3, 4, 5, 6, …"}));
  ASSERT_EQ(bound.numbers.size(), 2u);
  EXPECT_EQ(bound.numbers[0].value, "argument 2");
  EXPECT_EQ(bound.numbers[1].value, "0.25");
}

TEST(Explain, EveryAliasHasAReason) {
  auto f = [](const Tensor& a, const Tensor& b) {
    Tensor p = relu(matmul(a, b));
    return std::pair{sum(p.transpose() * 2.0f, 0), a[0]};
  };
  const Explanation e = explain(f, ones({16, 16}), ones({16, 16}));
  const Explanation::Plan& p = e.plans.at(0);
  for (const auto& a : p.aliases) EXPECT_FALSE(a.reason.empty() || a.of.empty()) << a.value.name;
  auto of = [&](const std::string& name) {
    for (const auto& a : p.aliases)
      if (a.value.name == name) return a.of;
    return std::string("its own");
  };
  for (const auto& b : p.buffers) EXPECT_EQ(b.in_place_of.empty() ? "its own" : b.in_place_of, of(b.value.name));
  std::vector<Explanation::Operation> views = p.views;
  for (const auto& k : p.kernels) views.insert(views.end(), k.views.begin(), k.views.end());
  EXPECT_GE(views.size(), 2u);
  for (const auto& o : views) EXPECT_EQ(of(o.outputs[0].name), o.inputs[0]);
}

TEST(Explain, NamesItsFunctionsPlace) {
  auto f = compile([](const Tensor& x) { return x + 1.0f; });
  EXPECT_EQ(to_string(explain(f).line).substr(0, 16), "explain_test.cpp");
  EXPECT_EQ(explain([](const Tensor& x) { return x + 1.0f; }, ones({2})).line.file, nullptr);
}

TEST(Explain, FieldNamesNeedTheArguments) {
  Model m{nn::Linear::init(4, 2, Key(1)), {ones({2})}};
  auto f = [](const Model& model, const Tensor& x) { return model.hidden(x) * model.scales[0]; };
  auto names = [](const Explanation& e) {
    std::string s;
    for (const Explanation::Value& v : e.plans.at(0).inputs) s += v.name + " ";
    return s;
  };
  EXPECT_EQ(names(explain(f, m, ones({3, 4}))), "arg1 arg0.hidden.weight arg0.hidden.bias arg0.scales.0 ");
  auto compiled = compile(f);
  compiled(m, ones({3, 4}));
  EXPECT_EQ(names(explain(compiled)), "arg1 arg0.0 arg0.1 arg0.2 ");
  auto frozen = freeze([w = m.scales[0]](const Tensor& x) { return x * w; });
  frozen(ones({3, 2}));
  EXPECT_EQ(names(explain(frozen)), "arg0 in1 ") << "a captured tensor is no argument";
}

TEST(Explain, ArgumentsTakenByReferenceKeepTheirNames) {
  auto step = compile([](Model& m, Tensor x) { m.scales[0] = m.scales[0] * std::move(x); });
  Model m{nn::Linear::init(4, 2, Key(1)), {ones({2})}};
  step(m, ones({2}));
  const Explanation e = explain(step);
  ASSERT_EQ(e.plans.size(), 1u);
  EXPECT_EQ(e.plans[0].inputs.at(0).name, "arg0.2") << "after the call the argument is another tensor";
}

TEST(Explain, LeavesArgumentsAsTheyAre) {
  Tensor w = ones({3});
  int calls = 0;
  Explanation e = explain([&](Tensor& t) { ++calls, t = t * 2.0f; }, w);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(w.to_vector(), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(e.plans.at(0).outputs.size(), 1u);
  EXPECT_THROW(explain([](const Tensor& t) { return matmul(t, t); }, ones({2, 3})), ShapeError);
}

TEST(Explain, SplitsAreCountedWithTheirPlace) {
  auto f = compile([](const Tensor& x) {
    Tensor y = x * 2.0f;
    return y[0].item() > 0 ? y + 1.0f : y;
  });
  for (int i = 0; i < 5; ++i) f(ones({2}));
  const Explanation e = explain(f);
  EXPECT_EQ(e.plans.size(), 2u);
  EXPECT_EQ(e.hits, 8u);
  ASSERT_EQ(e.events.size(), 3u);
  EXPECT_EQ(e.events[0].what, "split");
  EXPECT_EQ(e.events[0].count, 5u);
  EXPECT_EQ(e.events[2].why, "first call, after split 1");
  EXPECT_NE(to_string(e).find("split at item: 5 times"), std::string::npos) << e.events[0].why;
  EXPECT_NE(to_svg(e).find("split at item (explain_test.cpp:"), std::string::npos);
}

// Above its lower bound an arena says so, and whether no smaller one exists.
TEST(Explain, HowGoodTheArenaIs) {
  Explanation e = explain([](const Tensor& x) { return matmul(matmul(x, x), x); }, ones({8, 8}));
  Explanation::Plan& p = e.plans.at(0);
  EXPECT_NE(to_string(e).find("= lower bound (proven optimal)"), std::string::npos);
  p.lower_bound_bytes = 1024, p.arena_bytes = 2048;
  p.proven_optimal = true;
  EXPECT_NE(to_string(e).find("(lower bound 1,024 B, proven optimal)"), std::string::npos);
  p.proven_optimal = false;
  EXPECT_NE(to_string(e).find("(lower bound 1,024 B)"), std::string::npos);
}

TEST(Explain, PlansThatLeftTheCacheAreStillCounted) {
  auto f = compile([](const Tensor& x) { return sum(cumsum(exp(x), 0)); });
  // Every plan has an arena of 16 MiB and the cache keeps 64 MiB.
  for (int64_t n = 2048; n < 2048 + 6; ++n) f(zeros({n, n}));
  const Explanation e = explain(f);
  EXPECT_EQ(e.events.size(), 6u);
  EXPECT_LT(e.plans.size(), 6u);
  EXPECT_EQ(e.plans.back().number, 6);
  EXPECT_NE(to_string(e).find("plan 1: first call"), std::string::npos);
  EXPECT_NE(to_string(e).find("; no longer kept"), std::string::npos);
}

TEST(Explain, EveryOperandIsFusedOrRefusedWithAReason) {
  auto f = [](const Tensor& a, const Tensor& b) {
    Tensor p = matmul(a, b), q = matmul(b, a);
    Tensor shifted = exp(p) - max(exp(p), {.axis = 1, .keepdims = true});
    return tanh(p + q) * shifted + sum(q, 0);
  };
  const Explanation e = explain(f, ones({16, 16}), ones({16, 16}));
  const Explanation::Plan& p = e.plans.at(0);
  auto kernel_of = [&](const std::string& value) {
    for (size_t k = 0; k < p.kernels.size(); ++k)
      for (const auto& o : p.kernels[k].operations)
        for (const auto& v : o.outputs)
          if (v.name == value) return static_cast<int>(k);
    return -1;
  };
  int refused = 0;
  for (size_t k = 0; k < p.kernels.size(); ++k)
    for (const auto& o : p.kernels[k].operations) {
      if (o.op == "matmul" || o.op == "sum" || o.op == "max") continue;  // never join a kernel
      for (const std::string& x : o.inputs) {
        if (kernel_of(x) < 0) continue;
        const bool inside = kernel_of(x) == static_cast<int>(k);
        bool recorded = false;
        for (const auto& r : p.fusions) {
          if (r.consumer.name != o.outputs[0].name || r.producer.name != x) continue;
          recorded = true;
          EXPECT_EQ(r.fused, inside) << x << " into " << o.outputs[0].name;
          EXPECT_EQ(r.fused, r.reason.empty());
          refused += !r.fused;
        }
        EXPECT_TRUE(recorded) << x << " into " << o.outputs[0].name;
      }
    }
  EXPECT_GT(refused, 0);
}

TEST(Explain, KernelsBesideOneAnother) {
  // Two column sums do not need each other; the third needs the first by way of a product.
  auto f = [](const Tensor& x, const Tensor& y, const Tensor& w) {
    const Tensor first = sum(x, 0), second = sum(y, 0);
    const Tensor third = sum(square(matmul(reshape(first, {2, 16}), w)), 0);
    return std::tuple(first, second, third);
  };
  const Explanation e = explain(f, ones({64, 32}), ones({64, 32}), ones({16, 8}));
  std::vector<std::string> beside;
  for (const auto& r : e.plans.at(0).fusions)
    if (r.beside) {
      beside.push_back(r.fused ? "fused" : r.reason);
      EXPECT_EQ(r.bytes, 0);
    }
  EXPECT_EQ(beside, (std::vector<std::string>{"fused", "a path leaves the kernel and comes back"}));
  EXPECT_NE(fmt::format("{}", e).find("(sum) beside %"), std::string::npos);
}

TEST(Explain, WhoRunsTheElements) {
  auto f = [](const Tensor& x, const Tensor& y) { return std::pair(tanh(x) * 2.0f, tanh(y) * 2.0); };
  const Tensor x = ones({8, 8}), y = ones({3}, DType::f64);
  const bool was = cpu::jit::enabled();
  cpu::jit::set_enabled(true);
  const Explanation e = explain(f, x, y);
  cpu::jit::set_enabled(false);
  const Explanation off = explain(f, x, y);
  cpu::jit::set_enabled(was);
  ASSERT_EQ(e.plans.at(0).kernels.size(), 1u);
  const Explanation::Kernel &k = e.plans[0].kernels[0], &k_off = off.plans.at(0).kernels.at(0);
  EXPECT_EQ(k_off.code_bytes, 0);
#ifdef DUET_HAS_XBYAK
  EXPECT_GT(k.code_bytes, 0);
  EXPECT_EQ(k.tiles, "tanh of f64");
  EXPECT_EQ(k_off.tiles, "DUET_JIT=0");
  EXPECT_NE(to_string(off).find("  tile executor: k0 (DUET_JIT=0)\n"), std::string::npos) << to_string(off);
#else
  EXPECT_EQ(k.tiles, "built without xbyak");
#endif
}

TEST(Explain, BytesAreThoseOfTheRun) {
  auto f = [](const Tensor& x) { return sum(tanh(x * 2.0f), 1); };
  Tensor x = ones({64, 32});
  auto compiled = compile(f);
  compiled(x);
  const auto before = thread_state.bytes;
  compiled(x);
  const auto compiled_bytes = static_cast<int64_t>(thread_state.bytes - before);
  f(x);
  const auto eager_bytes = static_cast<int64_t>(thread_state.bytes - before) - compiled_bytes;
  const Explanation e = explain(compiled);
  const Explanation::Plan& p = e.plans.at(0);
  int64_t sum = 0, apart = 0;
  for (const auto& k : p.kernels) sum += k.bytes, apart += k.bytes_apart;
  EXPECT_EQ(p.bytes, compiled_bytes);
  EXPECT_EQ(sum, compiled_bytes);
  EXPECT_EQ(apart, eager_bytes);
}

TEST(Explain, EagerHasNoPlans) {
  auto f = with_mode(Mode::eager, [](const Tensor& x) { return x + 1.0f; });
  f(ones({2}));
  EXPECT_EQ(to_string(explain(f)), "eager: nothing is planned");
  EXPECT_EQ(fmt::format("{}", explain(f)), to_string(explain(f)));
}

}  // namespace
