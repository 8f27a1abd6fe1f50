// What an eager operation takes from the allocators, and whose storage its result lies in.
#include <thread>

#include "counted_new.h"
#include "expect.h"

namespace duet::testing {
namespace {

struct Taken {
  int64_t blocks, heap;
};
// What f takes once everything that grows has grown.
template <class F>
Taken taken_by(const F& f) {
  for (int i = 0; i < 3; ++i) f();
  const int64_t blocks = memory_stats().allocations, heap = counted::blocks;
  f();
  const int64_t heap_after = counted::blocks;
  return {memory_stats().allocations - blocks, heap_after - heap};
}

TEST(EagerPath, AnOperationTakesOneBlockAndNothingFromTheHeap) {
  const Tensor a = ones({8, 8}), b = ones({8, 8}), c = ones({8, 8});
  EXPECT_EQ(taken_by([&] { a + b; }).blocks, 1);
  EXPECT_EQ(taken_by([&] { a + b; }).heap, 0);
  EXPECT_EQ(taken_by([&] { a * 2.0f; }).heap, 0);
  EXPECT_EQ(taken_by([&] { (a + b) * c - a; }).blocks, 1);
  EXPECT_EQ(taken_by([&] { (a + b) * c - a; }).heap, 0);
}

TEST(EagerPath, ATemporarysBlockIsTheResults) {
  const Tensor x = tensor({1.0f, 2.0f, 3.0f}), y = tensor({0.5f, 0.25f, 0.125f});
  Tensor sum = x + y;
  const float* at = sum.data();
  const Tensor kept = (x + y) * y;
  const Tensor product = std::move(sum) * y;
  EXPECT_EQ(product.data(), at);
  EXPECT_FALSE(sum.defined());
  EXPECT_EQ(expect::bits(product), expect::bits(kept));
  const Tensor named = x + y;
  EXPECT_EQ(expect::bits(product), expect::bits(named * y));
}

TEST(EagerPath, WhatSomebodyHoldsIsLeftAlone) {
  const Tensor x = tensor({1.0f, 2.0f, 3.0f, 4.0f});
  Tensor a = x + 1.0f;
  const Tensor held = a;
  const Tensor b = std::move(a) * 2.0f;
  EXPECT_EQ(held.to_vector(), (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(b.to_vector(), (std::vector<float>{4, 6, 8, 10}));

  Tensor viewed = x + 1.0f;
  const Tensor row = viewed.slice(0, 0, 2);
  const Tensor c = std::move(viewed) * 2.0f;
  EXPECT_EQ(row.to_vector(), (std::vector<float>{2, 3}));
  EXPECT_EQ(c.to_vector(), (std::vector<float>{4, 6, 8, 10}));

  // A result of another type or shape has a block of its own.
  EXPECT_EQ(((x + 1.0f) > 2.0f).dtype(), boolean);
  EXPECT_EQ(((x + 1.0f) + ones({2, 1})).shape(), (Shape{2, 4}));
}

TEST(EagerPath, AnOpenTapeKeepsItsValues) {
  const Tensor x = tensor({1.0f, 2.0f, 3.0f});
  const Tensor g = grad([](const Tensor& t) { return sum(exp(t * t) * t); })(x);
  const Tensor named = grad([](const Tensor& t) {
    const Tensor square = t * t, power = exp(square), all = power * t;
    return sum(all);
  })(x);
  EXPECT_EQ(expect::bits(g), expect::bits(named));
}

TEST(EagerPath, BlocksOfManyThreadsAreCounted) {
  const MemoryStats before = memory_stats();
  std::vector<Tensor> kept(4);
  std::vector<std::thread> threads;
  for (Tensor& t : kept)
    threads.emplace_back([&t] {
      for (int i = 0; i < 1000; ++i) t = ones({16}) + 1.0f;
    });
  for (std::thread& t : threads) t.join();
  const MemoryStats with = memory_stats();
  EXPECT_EQ(with.live_bytes - before.live_bytes, 4 * 256);  // a header of 192 bytes and the elements
  kept.clear();                                             // made by others, freed here
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_GE(with.peak_bytes, with.live_bytes);
}

TEST(EagerPath, TheCacheKeepsToItsLimit) {
  trim_memory();
  set_cache_limit(size_t{1} << 20);
  for (int64_t n : {1000, 50000, 200000, 4000000}) ones({n});
  EXPECT_LE(memory_stats().cached_bytes, int64_t{1} << 20);
  set_cache_limit(size_t{512} << 20);
  for (int64_t n : {1000, 50000, 200000, 4000000}) ones({n});
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_GT(memory_stats().cached_bytes, int64_t{16} << 20);
#endif
  trim_memory();
  EXPECT_EQ(memory_stats().cached_bytes, 0);
}

}  // namespace
}  // namespace duet::testing
