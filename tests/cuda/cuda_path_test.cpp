// What an eager operation asks of the driver: one launch, and in steady state no memory. Times are printed, not
// asserted.
#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "cuda/memory.h"
#include "cuda/on_device.h"

namespace duet::testing {
namespace {

std::map<std::string, int> counted() {
  std::map<std::string, int> calls;
  for (const std::string& line : cuda::fake::log()) ++calls[line.substr(0, line.find(' '))];
  return calls;
}
using Calls = std::map<std::string, int>;

class CudaPathTest : public ::testing::Test {
 protected:
  void SetUp() override { cuda::fake::install({.blas = true}); }
  void TearDown() override {
    set_default_device(Device::cpu());
    cuda::fake::uninstall();
  }
};

TEST_F(CudaPathTest, AnOperationIsOneLaunch) {
  set_default_device(Device::cuda());
  const Tensor x = normal(Key(1), {64, 32}), row = normal(Key(2), {32}), w = normal(Key(3), {32, 16});
  const auto launches_of = [&](auto f) {
    f();  // kernels are found at first use
    cuda::fake::clear_log();
    f();
    return counted();
  };
  const Calls one{{"cuCtxSetCurrent", 1}, {"cuLaunchKernel", 1}};
  EXPECT_EQ(launches_of([&] { x + x; }), one);
  EXPECT_EQ(launches_of([&] { x * 2.0f; }), one);
  EXPECT_EQ(launches_of([&] { x + row; }), one);
  EXPECT_EQ(launches_of([&] { exp(x.transpose()); }), one);
  EXPECT_EQ(launches_of([&] { sum(x, -1); }), one);
  EXPECT_EQ(launches_of([&] { sum(x.slice(0, 0, 32), 0); }), one);
  EXPECT_EQ(launches_of([&] { matmul(x, w); }), one);
  EXPECT_EQ(launches_of([&] { argmax(x, -1); }), one);
  EXPECT_EQ(launches_of([&] { x.to(i32); }), one);
  // Sums of more than a chunk: the chunks, then what they gave.
  const Calls two{{"cuCtxSetCurrent", 2}, {"cuLaunchKernel", 2}};
  EXPECT_EQ(launches_of([&] { sum(x, 0); }), two);
  EXPECT_EQ(launches_of([&] { sum(normal(Key(1), {100, 100})); }).at("cuLaunchKernel"), 3);
}

struct Mlp {
  nn::Linear hidden, out;
};
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(m.out(relu(m.hidden(x))), y); }

TEST_F(CudaPathTest, ATrainingStepNeitherAllocatesNorWaits) {
  set_default_device(Device::cuda());
  auto [k1, k2, k3] = split<3>(Key(7));
  Mlp m{nn::Linear::init(64, 32, k1), nn::Linear::init(32, 10, k2)};
  auto adam = optim::Adam::init(m);
  const Tensor x = normal(k3, {16, 64}), y = zeros({16}, i32);
  uint64_t launches = 0;
  auto step = [&] {
    const uint64_t before = thread_state.launches;
    auto [l, g] = value_and_grad(loss)(m, x, y);
    adam.update(m, g, 0.01f);
    launches = thread_state.launches - before;
  };
  for (int i = 0; i < 3; ++i) step();
  const int64_t live = cuda::memory_stats(Device::cuda()).live_bytes;
  cuda::fake::clear_log();
  step();
  const Calls calls = counted();
  EXPECT_EQ(calls.count("cuMemAlloc"), 0u);
  EXPECT_EQ(calls.count("cuMemFree"), 0u);
  EXPECT_EQ(calls.count("cuStreamSynchronize"), 0u);
  EXPECT_EQ(calls.count("cuMemcpyDtoHAsync"), 0u);
  EXPECT_EQ(cuda::memory_stats(Device::cuda()).live_bytes, live);
  std::printf("a training step: %llu launches counted", static_cast<unsigned long long>(launches));
  for (const auto& [name, n] : calls) std::printf(", %s %d", name.c_str(), n);
  std::printf("\n");
}

TEST_F(CudaPathTest, TheHostsOwnTime) {
  cuda::fake::install({.idle = true});
  const Tensor x = tensor({1.0}).to(Device::cuda());
  double least = 1e9;
  for (int round = 0; round < 20; ++round) {
    constexpr int kOps = 2000;
    const auto start = std::chrono::steady_clock::now();
    Tensor y = x;
    for (int i = 0; i < kOps; ++i) y = y + x;
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    least = std::min(least, spent.count() / kOps);
  }
  std::printf("an eager add of one element on a device, without the driver: %.0f ns\n", least);
}

}  // namespace
}  // namespace duet::testing
