// Compiled and frozen functions on the fake device: generated kernels, compiled for the host, give eager's bits.
#include <gtest/gtest.h>

#include "cuda/codegen/program.h"
#include "cuda/host_compiler.h"
#include "cuda/memory.h"
#include "cuda/on_device.h"
#include "ops/random_case.h"

namespace duet::testing {
namespace {

class CudaCompiledTest : public ::testing::Test {
 protected:
  void SetUp() override { begin_device(); }
  void TearDown() override {
    end_device();
    EXPECT_EQ(cuda::fake::live_bytes(), 0);
    EXPECT_EQ(cuda::fake::live_modules(), 0);
  }
};

/// f(inputs) eagerly on the CPU, and twice compiled on the device.
template <class F>
void compare_compiled(const Tensors& inputs, F f) {
  const Tensors wanted = f(inputs);
  const auto compiled = compile(f);
  const Tensors there = like_on_device(inputs);
  for (int call = 0; call < 2; ++call) {
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

TEST_F(CudaCompiledTest, RandomPrograms) {
  const auto first = static_cast<uint32_t>(environment("DUET_FUZZ_FIRST", 0));
  const auto count = static_cast<uint32_t>(environment("DUET_FUZZ_COUNT", 40));
  // What the programs will be on the device, compiled in a few files: their plans are the CPU's.
  std::vector<std::string> sources;
  std::vector<Tensors> wanted;
  for (uint32_t seed = first; seed < first + count; ++seed) {
    const Case c(seed, 24);
    const auto f = compile([&](Tensors& state, const Tensors& x, float a, float b) { return c(state, x, a, b); });
    wanted.push_back(call_thrice(f, cloned(c.state), c.inputs));
    for (const auto& plan : f.cache().plans())
      if (std::string text = cuda::generate(plan->graph(), plan->executable()).source; !text.empty())
        sources.push_back(std::move(text));
  }
  constexpr size_t kPrograms = 24;  // a file
  if (!real_device())
    for (size_t at = 0; at < sources.size(); at += kPrograms)
      cuda::fake::compile_for_host({sources.begin() + static_cast<ptrdiff_t>(at),
                                    sources.begin() + static_cast<ptrdiff_t>(std::min(sources.size(), at + kPrograms))});
  const DeviceScope there(Device::cuda());
  for (uint32_t seed = first; seed < first + count; ++seed) {
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
