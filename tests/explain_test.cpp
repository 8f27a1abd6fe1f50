// explain: its data, and its text whole for small functions. Values are numbered in the order in which operands are
// evaluated, so whole texts are compared under g++ alone.
#include <fmt/format.h>

#include <duet/duet.h>
#include <gtest/gtest.h>

#include <regex>

using namespace duet;

namespace {

struct Model {
  nn::Linear hidden;
  std::vector<Tensor> scales;
};

// Times differ from run to run, lines move when this file is edited: "_ µs", "explain_test.cpp".
std::string text(const Explanation& e) {
  std::string s = std::regex_replace(to_string(e), std::regex("[0-9.]+ µs"), "_ µs");
  return std::regex_replace(s, std::regex(" +((grad of )?explain_test.cpp):[0-9]+"), " | $1");
}

#if defined(__GNUC__) && !defined(__clang__)
#define EXPECT_TEXT(e, expected) EXPECT_EQ(text(e), expected)
#else
#define EXPECT_TEXT(e, expected) EXPECT_FALSE(text(e).empty())
#endif

TEST(Explain, PointwiseOperationsInOneKernel) {
  auto f = compile([](const Tensor& x, const Tensor& b) { return gelu(x + b); });
  f(zeros({32, 64}), zeros({64}));
  f(zeros({29, 64}), zeros({64}));
  f(zeros({32, 64}), zeros({64}));
  EXPECT_TEXT(explain(f), R"(compiled: 2 plans, found 1 time
plan 1: first call | explain_test.cpp
  2 operations recorded, 1 kernel, 16,640 bytes read and written; planned in _ µs
  passes: simplify 2 -> 2 (_ µs), cse 2 -> 2 (_ µs), dce 2 -> 2 (_ µs), fuse 2 -> 2 (_ µs)
  inputs: arg0 f32[32,64], arg1 f32[64]
  k0 add+gelu: 16,640 bytes in place of 33,024 by 2 kernels
     %0: f32[32,64] = add(arg0, arg1) | explain_test.cpp
     %1: f32[32,64] = gelu(%0) | explain_test.cpp
  output %1 f32[32,64], may reuse arg0
  memory: nothing lies between kernels
plan 2: arg0 is f32[29,64], was f32[32,64]: axis 0 differs | explain_test.cpp
  2 operations recorded, 1 kernel, 15,104 bytes read and written; planned in _ µs
  passes: simplify 2 -> 2 (_ µs), cse 2 -> 2 (_ µs), dce 2 -> 2 (_ µs), fuse 2 -> 2 (_ µs)
  inputs: arg0 f32[29,64], arg1 f32[64]
  k0 add+gelu: 15,104 bytes in place of 29,952 by 2 kernels
     %0: f32[29,64] = add(arg0, arg1) | explain_test.cpp
     %1: f32[29,64] = gelu(%0) | explain_test.cpp
  output %1 f32[29,64], may reuse arg0
  memory: nothing lies between kernels)");
}

TEST(Explain, NamesRefusalsAndMemory) {
  Model m{nn::Linear::init(64, 128, Key(1)), {ones({128})}};
  auto f = [](const Model& model, const Tensor& x, float rate) {
    Tensor h = relu(model.hidden(x));
    return sum(h.transpose() * rate, 1) * model.scales[0];
  };
  EXPECT_TEXT(explain(f, m, ones({32, 64}), 0.5f), R"(compiled: 1 plan, found 0 times
plan 1: first call | explain_test.cpp
  7 operations recorded, 4 kernels, 109,060 bytes read and written; planned in _ µs
  passes: simplify 7 -> 7 (_ µs), cse 7 -> 7 (_ µs), dce 7 -> 7 (_ µs), fuse 7 -> 7 (_ µs)
  inputs: arg1 f32[32,64], arg0.hidden.weight f32[64,128], arg0.hidden.bias f32[128], arg0.scales.0 f32[128],
          1 number
  k0 matmul+add+relu: 57,856 bytes in place of 123,392 by 3 kernels
     %0: f32[32,128] = matmul(arg1, arg0.hidden.weight) | explain_test.cpp
     %1: f32[32,128] = add(%0, arg0.hidden.bias) | explain_test.cpp
     %2: f32[32,128] = relu(%1) | explain_test.cpp
  %3: f32[128,32] = transpose(%2) | explain_test.cpp
  k1 mul: 32,772 bytes
     %4: f32[128,32] = mul(%3, number0) | explain_test.cpp
  k2 sum: 16,896 bytes
     %5: f32[128] = sum(%4) | explain_test.cpp
  k3 mul: 1,536 bytes
     %6: f32[128] = mul(%5, arg0.scales.0) | explain_test.cpp
  not fused: %2 f32[32,128] (relu) into %4 f32[128,32] (mul): f32[128,32] is read in another order | explain_test.cpp
  not fused: %5 f32[128] (sum) into %6 f32[128] (mul): sum is a kernel of its own | explain_test.cpp
  output %6 f32[128], may reuse arg0.scales.0
  memory: 4 buffers, naive 49,664 B, arena 32,768 B = lower bound (proven optimal)
    %0 f32[32,128]: 16,384 B at 0, k0 to k0
    %2 f32[32,128]: 16,384 B at 0, k0 to k1, in place of %0
    %4 f32[128,32]: 16,384 B at 16,384, k1 to k2
    %5 f32[128]: 512 B at 0, k2 to k3)");
}

TEST(Explain, FrozenGradientsConstantsAndViews) {
  auto frozen = freeze([w = ones({3})](const Tensor& x, float rate) {
    Tensor g = grad([&](const Tensor& v) { return sum(tanh(v * w)); })(x);
    return std::pair{x.transpose(), x - rate * g};
  });
  frozen(ones({2, 3}), 0.5f);
  EXPECT_TEXT(explain(frozen), R"(frozen: 1 plan
plan 1: first call | explain_test.cpp
  10 operations recorded, 2 kernels, 96 bytes read and written; planned in _ µs
  passes: simplify 10 -> 10 (_ µs), cse 10 -> 10 (_ µs), dce 10 -> 9 (_ µs), fuse 9 -> 9 (_ µs)
  inputs: arg0 f32[2,3], in1 f32[3], 1 number
  k0 full: 8 bytes
     %3: f32[] = full(1) | explain_test.cpp
  %4: f32[2,3] = broadcast_to(%3) | grad of explain_test.cpp
  k1 mul+tanh+tanh_vjp+mul_vjp+mul+sub: 88 bytes in place of 364 by 6 kernels
     %0: f32[2,3] = mul(arg0, in1) | explain_test.cpp
     %1: f32[2,3] = tanh(%0) | explain_test.cpp
     %5: f32[2,3] = tanh_vjp(%4, %1) | grad of explain_test.cpp
     %6: f32[2,3] = mul_vjp(%5, in1) | grad of explain_test.cpp
     %8: f32[2,3] = mul(number0, %6) | explain_test.cpp
     %9: f32[2,3] = sub(arg0, %8) | explain_test.cpp
  %7: f32[3,2] = transpose(arg0) | explain_test.cpp
  not fused: %3 f32[] (full) into %5 f32[2,3] (tanh_vjp): full is a kernel of its own | grad of explain_test.cpp
  output %7 f32[3,2] in the storage of arg0
  output %9 f32[2,3]
  memory: 1 buffer, naive 64 B, arena 64 B = lower bound (proven optimal)
    %3 f32[]: 64 B at 0, k0 to k1)");
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
}

TEST(Explain, PlansThatLeftTheCacheAreStillCounted) {
  auto f = compile([](const Tensor& x) { return sum(exp(x)); });
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
