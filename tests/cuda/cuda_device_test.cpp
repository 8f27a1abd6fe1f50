// Devices as a program sees them: copies, reading, errors, memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "cuda/fake_driver.h"
#include "cuda/memory.h"
#include "cuda/on_device.h"
#include "ops/bits.h"

namespace duet::testing {
namespace {

class CudaDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override { cuda::fake::install(); }
  void TearDown() override {
    set_default_device(Device::cpu());
    cuda::fake::uninstall();
    EXPECT_EQ(cuda::fake::live_bytes(), 0);
  }
};

const Device kGpu = Device::cuda();

TEST_F(CudaDeviceTest, ACopyGoesThereAndBack) {
  const Tensor x = tensor({{1.0, 2.0}, {3.0, 4.0}});
  EXPECT_EQ(to_string(x.device()), "cpu");
  const Tensor y = x.to(kGpu);
  EXPECT_EQ(to_string(y.device()), "cuda:0");
  EXPECT_EQ(y.to_vector(), x.to_vector());
  EXPECT_EQ(y.to(Device::cuda(1)).to(Device::cpu()).to_vector(), x.to_vector());
  EXPECT_EQ(y.to(kGpu).id(), y.id());
  EXPECT_EQ(y.slice(0, 1, 2).slice(1, 1, 2).item(), 4.0f);
  EXPECT_EQ(tensor({7}).to(kGpu).item<int>(), 7);
}

TEST_F(CudaDeviceTest, WaitsOnlyWhereAValueIsRead) {
  const Tensor x = tensor({1.0, 2.0}).to(kGpu);
  const Tensor y = x * x + 1.0f;
  for (const std::string& line : cuda::fake::log()) EXPECT_NE(line, "cuStreamSynchronize");
  EXPECT_EQ(y.to_vector(), (std::vector<float>{2, 5}));
  EXPECT_EQ(std::count(cuda::fake::log().begin(), cuda::fake::log().end(), "cuStreamSynchronize"), 1);
}

TEST_F(CudaDeviceTest, OperandsOnDifferentDevicesAreRefused) {
  const Tensor a = tensor({1.0, 2.0}), b = a.to(kGpu);
  EXPECT_EQ(message([&] { a + b; }),
            "add: operands are on different devices: f32[2] on cpu and f32[2] on cuda:0; move one with .to(device)");
  EXPECT_THROW(b + a, DeviceError);
  EXPECT_EQ(message([&] { b.data(); }), "data: the elements are on cuda:0: f32[2]; use .to(Device::cpu())");
}

TEST_F(CudaDeviceTest, NoDeviceIsOneLine) {
  const Tensor x = tensor({1.0});
  EXPECT_EQ(message([&] { x.to(Device::cuda(5)); }), "cuda:5: there is no such device: this machine has 2");
  for (auto [code, why] :
       {std::pair(34, "libcuda.so.1 is the toolkit's stub, not a driver"),
        std::pair(35, "the driver is too old for this program"), std::pair(100, "the driver finds no CUDA device")}) {
    cuda::fake::install({.init = code});
    EXPECT_EQ(message([&] { x.to(kGpu); }), std::string("cuda:0: no CUDA device: ") + why);
    EXPECT_EQ(to_string(cuda::info()), std::string("no CUDA device: ") + why);
  }
  cuda::fake::install({.devices = 0});
  EXPECT_EQ(message([&] { x.to(kGpu); }), "cuda:0: no CUDA device: the driver finds no CUDA device");
}

TEST_F(CudaDeviceTest, InfoNamesTheDevice) {
  const cuda::Info i = cuda::info();
  EXPECT_TRUE(i.available) << i.why;
  EXPECT_EQ(
      to_string(i),
      "fake · compute capability 9.0 · 1023 of 1024 MiB free · matmul by duet's own kernel: this driver brings none");
  cuda::fake::install({.blas = true});
  EXPECT_EQ(cuda::info().matmul, "cuBLAS 13.1");
}

TEST_F(CudaDeviceTest, TheDefaultDeviceIsWhereNewTensorsLie) {
  set_default_device(kGpu);
  EXPECT_EQ(tensor({1.0}).device(), kGpu);
  EXPECT_EQ(Tensor(1.0f).device(), kGpu);
  EXPECT_EQ(Tensor(2.5f).item(), 2.5f);
  set_default_device(Device::cpu());
  EXPECT_EQ(tensor({1.0}).device(), Device::cpu());
}

TEST_F(CudaDeviceTest, GradientsComeBackToWhereTheirOperandLies) {
  const Tensor x = tensor({1.0, 2.0});
  auto [y, pullback] = vjp([](const Tensor& t) { return square(t.to(kGpu)); }, x);
  EXPECT_EQ(y.device(), kGpu);
  const Tensor dx = std::get<0>(pullback(tensor({1.0, 1.0}).to(kGpu)));
  EXPECT_EQ(dx.device(), Device::cpu());
  EXPECT_EQ(dx.to_vector(), (std::vector<float>{2, 4}));
}

TEST_F(CudaDeviceTest, MemoryIsReused) {
  const Tensor x = from_vector(std::vector<float>(1000, 1.0f), {1000}).to(kGpu);
  Tensor y = x;
  for (int i = 0; i < 100; ++i) y = y + x * 2.0f;
  EXPECT_EQ(std::count(cuda::fake::log().begin(), cuda::fake::log().end(), "cuMemAlloc"), 2);  // the fault, a segment
  EXPECT_EQ(cuda::memory_stats(kGpu).live_bytes, 2 * 4096);
}

TEST_F(CudaDeviceTest, PiecesMergeAgain) {
  const MemoryStats before = cuda::memory_stats(kGpu);
  std::vector<void*> blocks;
  for (int i = 1; i <= 40; ++i) blocks.push_back(cuda::allocate(kGpu, static_cast<size_t>(i) * 700));
  for (int i : {1, 0}) {
    for (size_t k = static_cast<size_t>(i); k < blocks.size(); k += 2) cuda::deallocate(kGpu, blocks[k], (k + 1) * 700);
  }
  EXPECT_EQ(cuda::memory_stats(kGpu).live_bytes, before.live_bytes);
  cuda::trim_memory(kGpu);  // gives a segment back only if it is one piece
  EXPECT_EQ(cuda::memory_stats(kGpu).cached_bytes, 0);
  EXPECT_LE(cuda::fake::live_bytes(), 512);
}

TEST_F(CudaDeviceTest, OutOfMemoryTriesOnceMoreAndSaysWhoHoldsIt) {
  cuda::fake::install({.memory_bytes = size_t{64} << 20});
  const Tensor x = from_vector(std::vector<float>(size_t{5} << 20), {5 << 20});  // 20 MiB
  const Tensor a = x.to(kGpu), b = neg(a);
  { const Tensor c = neg(a); }
  EXPECT_EQ(cuda::memory_stats(kGpu).cached_bytes, 20 << 20);
  const Tensor larger = from_vector(std::vector<float>(11 << 19), {11 << 19}).to(kGpu);  // 22 MiB: the cache goes
  EXPECT_EQ(
      message([&] { neg(a); }),
      "allocate: cuda:0 has no 20971520 bytes more: 2097128 of 67108864 are free; most is held by to 44040192 B in "
      "2, neg 20971520 B in 1");
  EXPECT_THROW(neg(a), OutOfMemory);
  EXPECT_EQ(b.slice(0, 0, 1).item(), -0.0f);
}

TEST_F(CudaDeviceTest, AStickyErrorKeepsItsFirstCause) {
  const Tensor x = tensor({1.0, 2.0}).to(kGpu);
  const Tensor y = neg(x);
  cuda::fake::settings().fail_at = cuda::fake::calls() + 1;  // cuLaunchKernel, behind cuCtxSetCurrent
  EXPECT_EQ(message([&] { neg(x); }),
            "cuda:0: cuLaunchKernel of neg (1 x 256) failed: CUDA_ERROR_LAUNCH_FAILED (made by a test)");
  const std::string later = message([&] { y.to_vector(); });
  EXPECT_NE(later.find("; the first cause was: cuLaunchKernel of neg (1 x 256) failed"), std::string::npos) << later;
}

}  // namespace
}  // namespace duet::testing
