// Compiled and frozen functions on the fake device: generated kernels, compiled for the host, give eager's bits.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "cuda/codegen/program.h"
#include "cuda/host_compiler.h"
#include "cuda/memory.h"
#include "cuda/on_device.h"
#include "ops/random_case.h"

namespace duet::testing {
namespace {

struct CudaCompiledTest : DeviceTest {};

/// f(inputs) eagerly on the CPU, and twice compiled on the device.
template <class F>
void compare_compiled(const Tensors& inputs, F f) {
  const Tensors wanted = f(inputs);
  const auto compiled = compile(f);
  const Tensors there = like_on_device(inputs);
  for (int call = 0; call < 4; ++call) {
    const Tensors got = compiled(there);
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].device(), Device::cuda());
      EXPECT_EQ(difference(wanted[i], got[i].to(Device::cpu())), "") << "call " << call << ", result " << i;
    }
  }
}

Tensor random(const Shape& shape, uint32_t seed = 1) { return normal(Key(seed), shape); }

TEST_F(CudaCompiledTest, Pointwise) {
  compare_compiled({random({33, 7}), random({7}, 2)}, [](const Tensors& x) -> Tensors {
    const Tensor y = gelu(x[0] + x[1]) * 2.5f;
    return {y, sin(x[0] * 1e6f), y > 0.0f, exp(y.transpose())};
  });
}

// Of more elements, which go in groups of four: dense operands, aligned and not, a bias, a column, a view, a number,
// and what is left over.
TEST_F(CudaCompiledTest, PointwiseInGroups) {
  for (int64_t columns : {132, 133}) {
    const Tensor all = random({4001 * columns});
    const Tensor x = all.slice(0, 0, 4000 * columns).reshape({4000, columns}),
                 odd = all.slice(0, columns - 1, 4001 * columns - 1).reshape({4000, columns});
    compare_compiled(
        {x, odd, random({columns}, 2), random({4000, 1}, 3), random({columns, 4000}, 4).transpose(), tensor({3, 1, 2})},
        [](const Tensors& t) -> Tensors {
          const Tensor y = (t[0] + t[2]) * t[3] - t[4];
          return {y, exp(t[1]) * 0.5f, t[0] > t[1], one_hot(t[5], 20000) * t[0][0][0]};
        });
  }
}

TEST_F(CudaCompiledTest, Rows) {
  for (int64_t row : {3, 64, 130, 1000, 1025, 5000, 16000})
    compare_compiled({random({5, row})}, [](const Tensors& x) -> Tensors {
      const Tensor y = softmax(x[0], -1);
      return {y, log_softmax(x[0], -1), sum(y * x[0]), mean(x[0], -1)};
    });
}

TEST_F(CudaCompiledTest, Columns) {
  for (const Shape& shape : {Shape{3, 5}, Shape{70, 200}, Shape{1500, 33}})
    compare_compiled({random(shape)}, [](const Tensors& x) -> Tensors {
      const Tensor y = exp(x[0]);
      return {sum(y, 0), sum(softmax(x[0], -1), 0), max(x[0], 0)};
    });
}

TEST_F(CudaCompiledTest, LongRows) {
  compare_compiled({random({3, 50000}), random({100, 300}, 2)}, [](const Tensors& x) -> Tensors {
    return {sum(exp(x[0]), -1), max(x[0] * 2.0f), mean(sum(square(x[1]), -1))};
  });
}

TEST_F(CudaCompiledTest, TheDeviceBelongsToThePlan) {
  const auto f = compile([](const Tensor& x) { return x * x + 1.0f; });
  const Tensor x = random({5});
  const Tensor a = f(x), b = f(x.to(Device::cuda())), c = f(x.to(Device::cuda(1)));
  EXPECT_EQ(a.device(), Device::cpu());
  EXPECT_EQ(b.device(), Device::cuda());
  EXPECT_EQ(c.device(), Device::cuda(1));
  EXPECT_EQ(f.cache().plans().size(), 3u);
  EXPECT_EQ(bits(a), bits(b.to(Device::cpu())));
  EXPECT_EQ(bits(a), bits(c.to(Device::cpu())));
  const auto frozen = freeze([](const Tensor& t) { return t * 2.0f; });
  frozen(x);
  EXPECT_EQ(
      message([&] { frozen(x.to(Device::cuda())); }),
      "frozen call: the arguments are not those it was recorded with: tensor 1 of the arguments is on cuda:0, was "
      "on cpu; freeze again, or freeze(f, {.on_new_shape = OnNewShape::retrace})");
}

TEST_F(CudaCompiledTest, OneDeviceAtATime) {
  const Tensor x = random({5}), y = x.to(Device::cuda());
  const auto f = compile([&](const Tensor& a, const Tensor& b) { return Tensors{a + 1.0f, b + 1.0f}; });
  EXPECT_EQ(message([&] { f(x, y); }), "add: a compiled function works on one device: on cuda:0 here, on cpu before");
  // What is moved ends a plan, and the next one is on the other device.
  const auto g = compile([](const Tensor& a) { return (a + 1.0f).to(Device::cuda()) * 3.0f; });
  const Tensor z = g(x);
  EXPECT_EQ(z.device(), Device::cuda());
  EXPECT_EQ(bits(z.to(Device::cpu())), bits((x + 1.0f) * 3.0f));
}

TEST_F(CudaCompiledTest, SplitsWhereAValueIsRead) {
  const auto f = compile([](const Tensor& x) {
    const Tensor y = exp(x);
    return sum(y).item() > 0 ? y * 2.0f : y;
  });
  const Tensor x = random({40});
  EXPECT_EQ(bits(f(x.to(Device::cuda())).to(Device::cpu())), bits(exp(x) * 2.0f));
}

TEST_F(CudaCompiledTest, ABadLabelIsReportedWhereAValueIsRead) {
  const auto f = compile([](const Tensor& x, const Tensor& y) { return cross_entropy(x, y); });
  const Tensor x = random({3, 4}).to(Device::cuda());
  const Tensor good = f(x, tensor({0, 3, 1}).to(Device::cuda()));
  EXPECT_EQ(good.item(), cross_entropy(random({3, 4}), tensor({0, 3, 1})).item());
  const Tensor bad = f(x, tensor({0, 4, 1}).to(Device::cuda()));
  EXPECT_EQ(message([&] { bad.item(); }),
            "cross_entropy: label 4 is out of range: element 1 of i32[3]; it must be in 0 to 3");
  EXPECT_EQ(f(x, tensor({0, 3, 1}).to(Device::cuda())).item(), good.item());  // the device goes on
}

TEST_F(CudaCompiledTest, ABadIndexOfAFunctionThatIsGone) {
  Tensor bad;
  {
    const auto f = compile([](const Tensor& x, const Tensor& i) { return gather(x, i, 0) + 1.0f; });
    const Tensor x = random({3, 4}).to(Device::cuda()), good = tensor({0, 2}).to(Device::cuda());
    for (int call = 0; call < 3; ++call) f(x, good);  // recorded, and replayed
    bad = f(x, tensor({0, 5}).to(Device::cuda()));
  }
  EXPECT_EQ(
      message([&] { bad.to(Device::cpu()); }),
      "compiled function: index 5 is out of range: element 1 of a tensor; the function is gone that found it, read "
      "its results before");
  EXPECT_EQ(bits(random({3}).to(Device::cuda()).to(Device::cpu())), bits(random({3})));  // the device goes on
}

TEST_F(CudaCompiledTest, APlanIsOneGraph) {
  if (real_device()) GTEST_SKIP() << "it looks into the fake driver's log";
  const auto f =
      freeze([](const Tensor& x, const Tensor& w, float s) { return softmax(matmul(x, w) * s, -1) + sum(w); });
  const Tensor x = random({9, 6}).to(Device::cuda()), w = random({6, 5}, 2).to(Device::cuda());
  auto launches = [&](const Tensor& a, float s) {
    cuda::fake::clear_log();
    const Tensor y = f(a, w, s);
    std::map<std::string, int> calls;
    for (const std::string& line : cuda::fake::log()) ++calls[line.substr(0, line.find(' '))];
    EXPECT_EQ(bits(y.to(Device::cpu())),
              bits(softmax(matmul(a.to(Device::cpu()), random({6, 5}, 2)) * s, -1) + sum(random({6, 5}, 2))));
    return calls;
  };
  EXPECT_GT(launches(x, 1.0f)["cuLaunchKernel"], 1);
  EXPECT_EQ(launches(x, 2.0f)["cuGraphInstantiate"], 1);
  for (int call = 0; call < 3; ++call) {
    const Tensor other = random({9, 6}, static_cast<uint32_t>(call)).to(Device::cuda());
    auto calls = launches(other, 0.5f * static_cast<float>(call));
    EXPECT_EQ(calls["cuGraphLaunch"], 1);
    EXPECT_EQ(calls["cuLaunchKernel"], 0);
    EXPECT_EQ(calls["cuGraphInstantiate"], 0);
    EXPECT_EQ(calls["cuMemAlloc"], 0);
  }
}

TEST_F(CudaCompiledTest, ExplainNamesTheDevice) {
  const Tensor w = random({6}, 2).to(Device::cuda());
  const auto f = freeze([&](const Tensor& x) { return exp(x) * w; });
  f(random({6}).to(Device::cuda()));
  const Explanation e = explain(f);
  ASSERT_EQ(e.plans.size(), 1u);
  if (!real_device()) {
    EXPECT_EQ(e.plans[0].device.substr(0, e.plans[0].device.find(" in ")),
              "cuda:0, 1 fused kernel by NVRTC host, sm_90");
  }
  EXPECT_NE(to_string(e).find("on " + e.plans[0].device), std::string::npos);
  EXPECT_NE(to_json(e).find("\"device\": \"cuda:0"), std::string::npos);
  EXPECT_FALSE(e.plans[0].captured[0].contents.empty());
}

TEST_F(CudaCompiledTest, ArgumentsAreDonated) {
  const auto step = compile([](Tensor& x, const Tensor& y) { x = x * 0.5f + y; });
  Tensor x = random({1000}).to(Device::cuda()), right = random({1000});
  const Tensor y = random({1000}, 2).to(Device::cuda()), z = random({1000}, 2);
  const void* first = nullptr;
  for (int call = 0; call < 5; ++call) {
    step(x, y);
    right = right * 0.5f + z;
    if (call == 1) first = x.block().data;
    if (call > 1) {
      EXPECT_EQ(x.block().data, first);
    }
  }
  EXPECT_EQ(difference(right, x.to(Device::cpu())), "");
}

struct Mish : Pointwise<1> {
  static constexpr std::string_view name = "mish";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return select(x > T(-20), x * tanh(log1p(exp(x))), T(0));
  }
};

TEST_F(CudaCompiledTest, AUsersOpRunsThere) {
  const auto mish = [](const Operand& x) -> Tensor { return dispatch(op<Mish>(), {x}); };
  const auto f = [&](const Tensor& x) { return Tensors{sum(mish(x * 2.0f)), isinf(x)}; };
  compare_compiled({random({300}) * 30.0f}, [&](const Tensors& x) { return f(x[0]); });
  compare_compiled({random({300}).to(f64)}, [&](const Tensors& x) { return f(x[0]); });
}

struct Mlp {
  nn::Linear hidden, out;
};
Tensor loss_of(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(m.out(gelu(m.hidden(x))), y); }

/// The parameters after a few steps of a mode, made and trained where new tensors lie.
Tensors trained(Mode mode) {
  auto [k1, k2, k3] = split<3>(Key(7));
  Mlp m{nn::Linear::init(20, 33, k1), nn::Linear::init(33, 5, k2)};
  auto adam = optim::AdamW::init(m);
  std::vector<int32_t> labels(70);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 5);
  const Tensor x = normal(k3, {70, 20}), y = from_vector(labels, {70});
  const auto step =
      with_mode(mode, [](Mlp& model, optim::AdamW& optimiser, const Tensor& a, const Tensor& b, float lr) {
        auto [l, g] = value_and_grad(loss_of)(model, a, b);
        optim::clip_by_global_norm(g, 1.0f);
        optimiser.update(model, g, lr);
        return l;
      });
  Tensors all;
  for (int i = 0; i < 4; ++i) all.push_back(step(m, adam, x, y, 0.01f * static_cast<float>(i + 1)));
  for (const Tensor& t : {m.hidden.weight, m.hidden.bias, m.out.weight, m.out.bias}) all.push_back(t);
  return all;
}

TEST_F(CudaCompiledTest, TrainingHasTheBitsOfTheCpuInEveryMode) {
  const Tensors wanted = trained(Mode::eager);
  const DeviceScope there(Device::cuda());
  for (const Mode mode : {Mode::compiled, Mode::frozen}) {
    const Tensors got = trained(mode);
    for (size_t i = 0; i < wanted.size(); ++i)
      EXPECT_EQ(difference(wanted[i], got[i].to(Device::cpu())), "") << name(mode) << " " << i;
  }
}

int64_t environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

constexpr std::pair<float, float> kScalars[] = {{0.75f, -0.5f}, {1.5f, 2.0f}, {0.75f, -0.5f}};

/// The results of three calls and the state behind each.
template <class F>
Tensors call_thrice(const F& f, Tensors state, const Tensors& inputs) {
  Tensors all;
  for (const auto& [a, b] : kScalars) {
    for (Tensor& t : f(state, inputs, a, b)) all.push_back(std::move(t));
    for (const Tensor& t : state) all.push_back(clone(t));
  }
  return all;
}

Tensors cloned(const Tensors& all) {
  Tensors y;
  for (const Tensor& t : all) y.push_back(clone(t));
  return y;
}

TEST_F(CudaCompiledTest, RandomGroups) {
  const auto first = static_cast<uint32_t>(environment("DUET_FUZZ_FIRST", 0));
  const int64_t wanted_groups = environment("DUET_FUZZ_COUNT", 200);
  // What the programs will be on the device, compiled in a few files: their plans are the CPU's.
  std::vector<std::string> sources;
  std::vector<Tensors> wanted;
  int64_t groups = 0;
  uint32_t end = first;
  for (; groups < wanted_groups; ++end) {
    const uint32_t seed = end;
    const Case c(seed, 24);
    const auto f = compile([&](Tensors& state, const Tensors& x, float a, float b) { return c(state, x, a, b); });
    wanted.push_back(call_thrice(f, cloned(c.state), c.inputs));
    for (const auto& plan : f.cache().plans()) {
      cuda::Program program = cuda::generate(plan->graph(), plan->executable());
      for (const cuda::GeneratedLaunch& l : program.launches) groups += !l.before.empty() || !l.behind.empty();
      if (!program.source.empty()) sources.push_back(std::move(program.source));
    }
  }
  constexpr size_t kPrograms = 24;  // a file
  if (!real_device())
    for (size_t at = 0; at < sources.size(); at += kPrograms)
      cuda::fake::compile_for_host(
          {sources.begin() + static_cast<ptrdiff_t>(at),
           sources.begin() + static_cast<ptrdiff_t>(std::min(sources.size(), at + kPrograms))});
  const DeviceScope there(Device::cuda());
  for (uint32_t seed = first; seed < end; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Case c(seed, 24);
    const auto f = compile([&](Tensors& state, const Tensors& x, float a, float b) { return c(state, x, a, b); });
    Tensors got;
    try {
      got = call_thrice(f, cloned(like_on_device(c.state)), like_on_device(c.inputs));
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
      continue;
    }
    const Tensors& right = wanted[seed - first];
    ASSERT_EQ(got.size(), right.size());
    for (size_t i = 0; i < got.size(); ++i)
      if (const std::string d = device_difference(right[i], got[i]); !d.empty()) {
        ADD_FAILURE() << "result " << i << " of " << got.size() << ": " << d;
        break;
      }
  }
}

}  // namespace
}  // namespace duet::testing
