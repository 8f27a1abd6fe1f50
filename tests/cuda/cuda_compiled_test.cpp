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

}  // namespace
}  // namespace duet::testing
