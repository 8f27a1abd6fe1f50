// One compiled function in many threads, on one device.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "cuda/on_device.h"

namespace duet::testing {
namespace {

constexpr int kThreadCount = 4, kCalls = 20;

struct CudaThreadsTest : DeviceTest {};

/// f in all threads at once, each with numbers of its own: every call has the bits of `wanted` on the CPU.
template <class F, class G>
void call_from_threads(const F& f, const G& wanted) {
  std::vector<std::string> wrong(kThreadCount);
  std::vector<std::thread> threads;
  for (int k = 0; k < kThreadCount; ++k)
    threads.emplace_back([&, k] {
      try {
        for (int call = 0; call < kCalls && wrong[static_cast<size_t>(k)].empty(); ++call) {
          // Shapes in common and shapes of one thread alone.
          const Tensor x = normal(Key(static_cast<uint64_t>(k * kCalls + call)), {8, call % 3 == 0 ? 40 + k : 40});
          const Tensor labels = tensor({0, 3, 1, 7, 2, 2, 5, 4});
          const float s = 0.25f * static_cast<float>(k + 1);
          const Tensor got = f(x.to(Device::cuda()), labels.to(Device::cuda()), s);
          wrong[static_cast<size_t>(k)] = difference(wanted(x, labels, s), got.to(Device::cpu()));
        }
      } catch (const std::exception& e) {
        wrong[static_cast<size_t>(k)] = e.what();
      }
    });
  for (std::thread& t : threads) t.join();
  for (const std::string& w : wrong) EXPECT_EQ(w, "");
}

TEST_F(CudaThreadsTest, OneCompiledFunction) {
  const auto f = [](const Tensor& x, const Tensor& y, float s) {
    return grad([&](const Tensor& v) { return cross_entropy(v * s, y) + sum(softmax(v, -1) * v); })(x);
  };
  call_from_threads(compile(f), f);
}

TEST_F(CudaThreadsTest, EagerFunctions) {
  const auto f = [](const Tensor& x, const Tensor& y, float s) {
    return gather(exp(x * s), y, 0) + matmul(x, x.transpose()).slice(1, 0, 1);
  };
  call_from_threads(f, f);
}

// A thread may be told of another's index, but of nothing else: what is known of a check stays until it is launched.
TEST_F(CudaThreadsTest, BadIndicesAreIndexErrors) {
  const auto f = [](const Tensor& x, const Tensor& y) { return gather(exp(x), y, 0); };
  const auto compiled = compile(f);
  std::atomic<int> refused = 0, other = 0;
  const auto call = [&](bool eager, int64_t index) {
    try {
      const Tensor x = ones({8, 4}).to(Device::cuda()), y = tensor({int64_t{0}, index}).to(Device::cuda());
      static_cast<void>((eager ? f(x, y) : compiled(x, y)).to(Device::cpu()));
    } catch (const IndexError&) {
      ++refused;
    } catch (const std::exception&) {
      ++other;
    }
  };
  std::vector<std::thread> threads;
  for (int k = 0; k < kThreadCount; ++k)
    threads.emplace_back([&, k] {
      for (int i = 0; i < 50; ++i) call(k % 2 == 0, i % 3 == 0 ? 8 + k : k);
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(other, 0);
  EXPECT_GT(refused, 0);
  call(true, 0);  // what is left to be reported
  other = refused = 0;
  call(true, 0);
  call(false, 0);
  EXPECT_EQ(refused + other, 0);
}

}  // namespace
}  // namespace duet::testing
