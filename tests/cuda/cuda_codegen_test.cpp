// Generated kernels: NVRTC compiles those of random programs and of models, where there is one, and common ones spill
// nothing. DUET_FUZZ_COUNT says how many random groups, DUET_CUDA_ARCH for which device.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "cuda/codegen/program.h"
#include "cuda/cubin.h"
#include "duet/duet.h"
#include "graph/training_steps.h"
#include "ops/random_case.h"

namespace duet::testing {
namespace {

int64_t environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

/// The sources of the plans that a function's calls made.
template <class F>
std::vector<std::string> sources_of(const F& f) {
  std::vector<std::string> all;
  for (const auto& plan : f.cache().plans())
    if (std::string text = cuda_source(*plan); !text.empty()) all.push_back(std::move(text));
  return all;
}

template <class Model>
std::vector<std::string> sources_of_training(Model m, const Tensor& x, const Tensor& y) {
  auto adam = optim::AdamW::init(m);
  const auto step = compile([](Model& model, optim::AdamW& optimiser, const Tensor& in, const Tensor& wanted,
                               float lr) { return train_step(model, optimiser, in, wanted, lr); });
  step(m, adam, x, y, 1e-3f);
  return sources_of(step);
}

template <class F>
std::vector<std::string> sources_of_call(const F& f, const Tensor& x) {
  const auto compiled = compile(f);
  compiled(x);
  return sources_of(compiled);
}

/// The kernels that programs commonly have: those of the examples' models, and of rows long and short.
std::vector<std::string> common_sources() {
  std::vector<std::string> all;
  auto add = [&](std::vector<std::string> more) { all.insert(all.end(), more.begin(), more.end()); };
  add(sources_of_training(Mlp::init(3, 784, 512, 10, Key(1)), ones({64, 784}), labels({64}, 10)));
  add(sources_of_training(Mlp::init(3, 64, 128, 10, Key(1)), ones({64, 64}), labels({64}, 10)));
  add(sources_of_training(Reader::init(30, 64, Key(2)), labels({8, 32}, 30), labels({8, 32}, 30)));
  add(sources_of_training(ConvNet::init(Key(3)), ones({4, 1, 8, 8}), labels({4}, 10)));
  for (int64_t row : {10, 256, 1024, 4096, 16384}) {
    const Tensor x = ones({64, row}), w = ones({row});
    add(sources_of_call([](const Tensor& t) { return softmax(t, -1); }, x));
    add(sources_of_call([&](const Tensor& t) { return layer_norm(t, w, w); }, x));
    add(sources_of_call(
        [&](const Tensor& t) { return grad([&](const Tensor& v) { return sum(layer_norm(v, w, w) * v); })(t); }, x));
    add(sources_of_call([](const Tensor& t) { return sum(gelu(t), 0); }, x));
  }
  add(sources_of_call([](const Tensor& t) { return cross_entropy(t, zeros({16}, i32)); }, ones({16, 50257})));
  return all;
}

/// What NVRTC makes of a source.
std::vector<char> compiled(const cuda::Compiler& nvrtc, const std::string& source) {
  std::string log;
  std::vector<char> image = cubin(nvrtc, source, log);
  EXPECT_FALSE(image.empty()) << log << "\n" << source;
  return image;
}

TEST(CudaCodegenTest, NvrtcCompilesRandomGroups) {
  std::string why;
  const cuda::Compiler* nvrtc = cuda::compiler(why);
  if (nvrtc == nullptr) GTEST_SKIP() << why;
  const int64_t wanted = environment("DUET_FUZZ_COUNT", 300);
  int64_t groups = 0;
  for (auto seed = static_cast<uint32_t>(environment("DUET_FUZZ_FIRST", 0)); groups < wanted; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Case c(seed, 24);
    const auto f = compile([&](Tensors& state, const Tensors& x, float a, float b) { return c(state, x, a, b); });
    Tensors state = c.state;
    f(state, c.inputs, 0.75f, -0.5f);
    for (const auto& plan : f.cache().plans()) {
      const cuda::Program program = cuda::generate(plan->graph(), plan->executable());
      if (program.source.empty()) continue;
      for (const cuda::GeneratedLaunch& l : program.launches) groups += !l.before.empty() || !l.behind.empty();
      const std::vector<char> image = compiled(*nvrtc, program.source);
      ASSERT_GT(image.size(), 0u);
      // CUDA's own division, sine and cosine of f64 do.
      const auto& values = plan->graph().values;
      const bool has_f64 = std::any_of(values.begin(), values.end(), [](const auto& v) { return v.spec.dtype == f64; });
      if (!has_f64) {
        EXPECT_EQ(frames(image), 0) << program.source;
      }
    }
  }
}

TEST(CudaCodegenTest, CommonKernelsKeepNothingInLocalMemory) {
  std::string why;
  const cuda::Compiler* nvrtc = cuda::compiler(why);
  if (nvrtc == nullptr) GTEST_SKIP() << why;
  for (const std::string& source : common_sources()) EXPECT_EQ(frames(compiled(*nvrtc, source)), 0) << source;
}

}  // namespace
}  // namespace duet::testing
