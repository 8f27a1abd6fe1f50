// One compiled and one frozen function, called from several threads at once.
#include <algorithm>
#include <atomic>
#include <thread>

#include "expect.h"

namespace duet {
namespace {

constexpr int kThreads = 4;

template <class F>
void in_threads(F f) {
  std::vector<std::thread> all;
  for (int t = 0; t < kThreads; ++t) all.emplace_back([&f, t] { f(t); });
  for (std::thread& t : all) t.join();
}

Tensor work(const Tensor& x, float a) { return sum(tanh(x * a) + exp(x), 0) * a; }

template <class F>
void same_in_all_threads(const F& f) {
  const Tensor shared = expect::numbers({40, 30});
  std::vector<std::string> expected;
  for (int k = 0; k < 3; ++k) expected.push_back(expect::bits(work(shared, 0.5f + static_cast<float>(k))));
  std::atomic<int> wrong{0};
  in_threads([&](int t) {
    for (int i = 0; i < 60; ++i) {
      const int k = (i + t) % 3;
      wrong += expect::bits(f(shared, 0.5f + static_cast<float>(k))) != expected[static_cast<size_t>(k)];
    }
  });
  EXPECT_EQ(wrong.load(), 0);
}

TEST(FootgunThreads, Compiled) {
  auto f = compile(work);
  same_in_all_threads(f);
  EXPECT_EQ(f.cache().plans().size(), 1u);  // also when all threads miss at once
}
TEST(FootgunThreads, Frozen) { same_in_all_threads(freeze(work)); }

// Each thread has shapes of its own and models of its own.
TEST(FootgunThreads, OwnModels) {
  auto loss = [](const Tensor& w, const Tensor& x) { return mean(square(x * w - 1)); };
  auto step = [loss](Tensor& w, const Tensor& x, float lr) {
    auto [l, g] = value_and_grad(loss)(w, x);
    w = w - g * lr;
    return l;
  };
  auto run = [&](const auto& f, int t) {
    Tensor w = expect::numbers({8 + t}, t) + 0;
    const Tensor x = expect::numbers({8 + t}, 100 + t);
    for (int i = 0; i < 30; ++i) f(w, x, 0.1f);
    return expect::bits(w);
  };
  auto compiled = compile(step);
  auto frozen = freeze(step, {.on_new_shape = OnNewShape::retrace});
  std::atomic<int> wrong{0};
  in_threads([&](int t) {
    const std::string expected = run(step, t);
    wrong += run(compiled, t) != expected;
    wrong += run(frozen, t) != expected;
  });
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(compiled.cache().plans().size(), static_cast<size_t>(kThreads));
}

// Tensors travel between threads and die there.
TEST(FootgunThreads, TensorsTravel) {
  std::vector<Tensor> made(kThreads);
  in_threads([&](int t) { made[static_cast<size_t>(t)] = expect::numbers({3000}, t) * 2; });
  in_threads([&](int t) {
    Tensor x = std::move(made[static_cast<size_t>((t + 1) % kThreads)]);
    x += 1;
    EXPECT_EQ(expect::bits(x), expect::bits(expect::numbers({3000}, (t + 1) % kThreads) * 2 + 1));
  });
}

// Value ids of threads differ, so that tapes and keys never mistake one value for another.
TEST(FootgunThreads, IdsDiffer) {
  std::vector<std::vector<uint64_t>> ids(kThreads);
  in_threads([&](int t) {
    for (int i = 0; i < 100; ++i) ids[static_cast<size_t>(t)].push_back(zeros({1}).id());
  });
  std::vector<uint64_t> all;
  for (const auto& v : ids) all.insert(all.end(), v.begin(), v.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

}  // namespace
}  // namespace duet
