// One compiled function under more callers than processors, each of which would use the pool: the bits of one caller.
#include <cstdlib>
#include <numeric>
#include <thread>

#include "cpu/threads.h"
#include "expect.h"
#include "ops/cases.h"

namespace duet::testing {
namespace {

constexpr int kCallers = 8, kCalls = 12;

class CompiledThreads : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("DUET_THREADS", "4", 1);
    cpu::set_threads(0);
  }
  void TearDown() override {
    unsetenv("DUET_THREADS");
    cpu::set_threads(0);
  }
};

// A product, a row reduction and pointwise work, each large enough to be shared out.
Tensor loss(const Tensor& w, const Tensor& x) {
  const Tensor h = tanh(matmul(x, w));
  return mean(sum(h * h, -1)) + sum(exp(w) * 0.01f);
}

std::pair<Tensor, Tensor> step(const Tensor& w, const Tensor& x) {
  auto [l, g] = value_and_grad(loss)(w, x);
  return {l, w - 0.1f * g};
}

TEST_F(CompiledThreads, EightCallersOfOneFunctionGetTheBitsOfOne) {
  EXPECT_EQ(cpu::threads(), 4);
  const auto compiled = compile(step);
  std::vector<Tensor> w, x;
  std::vector<std::string> expected;  // eagerly, on one thread
  cpu::set_threads(1);
  for (int c = 0; c < kCallers; ++c) {
    x.push_back(expect::numbers({192 + 64 * (c % 2), 320}, c));  // callers share two plans
    w.push_back(expect::numbers({320, 256}, 100 + c));
    expected.push_back(expect::tree_bits(step(w.back(), x.back())));
  }
  cpu::set_threads(0);
  std::vector<int> wrong(kCallers, 0);
  auto call = [&](size_t c) { wrong[c] += expect::tree_bits(compiled(w[c], x[c])) != expected[c] ? 1 : 0; };
  std::vector<std::thread> callers;
  for (size_t c = 0; c < kCallers; ++c)
    callers.emplace_back([&, c] {
      for (int i = 0; i < kCalls; ++i) call(c);
    });
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(wrong, std::vector<int>(kCallers, 0));
  // From inside the pool's tasks: what a call would share out runs inline.
  cpu::parallel_for(kCallers, [&](int64_t task) { call(static_cast<size_t>(task)); });
  EXPECT_EQ(wrong, std::vector<int>(kCallers, 0));
  EXPECT_EQ(compiled.cache().plans().size(), 2u);
}

// f(c) in a thread for each caller; how many of them found something wrong.
template <class F>
int callers_that_fail(F f) {
  std::vector<int> wrong(kCallers, 0);
  std::vector<std::thread> callers;
  for (size_t c = 0; c < kCallers; ++c) callers.emplace_back([&, c] { wrong[c] = f(static_cast<int>(c)) ? 0 : 1; });
  for (std::thread& t : callers) t.join();
  return std::accumulate(wrong.begin(), wrong.end(), 0);
}

TEST_F(CompiledThreads, TenThousandCallsOfOneFunction) {
  const int calls = (small_size() ? 2'000 : 10'000) / kCallers;
  const auto compiled = compile(step);
  const auto right = [&](int c) {
    const Tensor x = expect::numbers({3 + c % 3, 6}, c), w = expect::numbers({6, 4}, 50 + c);
    const std::string expected = expect::tree_bits(step(w, x));
    for (int i = 0; i < calls; ++i)
      if (expect::tree_bits(compiled(w, x)) != expected) return false;
    return true;
  };
  EXPECT_EQ(callers_that_fail(right), 0);
  EXPECT_EQ(compiled.cache().plans().size(), 3u);
}

// New shapes all the time, in one function of all callers and in functions of their own, while caches are emptied.
TEST_F(CompiledThreads, TracesAndPlansAtOnce) {
  const int shapes = small_size() ? 8 : 40;
  const auto shared = compile(step);
  const auto right = [&](int c) {
    const auto own = compile(step);
    for (int i = 0; i < shapes; ++i) {
      const Tensor x = expect::numbers({1 + (i + c) % shapes, 6}, i), w = expect::numbers({6, 4}, c);
      const std::string expected = expect::tree_bits(step(w, x));
      if (expect::tree_bits(shared(w, x)) != expected || expect::tree_bits(own(w, x)) != expected) return false;
      if (i % 5 == c % 5) trim_memory();
    }
    return true;
  };
  EXPECT_EQ(callers_that_fail(right), 0);
  EXPECT_LE(shared.cache().plans().size(), static_cast<size_t>(shapes));
}

}  // namespace
}  // namespace duet::testing
