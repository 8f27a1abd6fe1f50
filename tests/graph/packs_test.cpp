// Weights that a plan packs when it meets them again: bits, when it does, and when it must not.
#include "graph/packs.h"

#include <duet/dlpack.h>
#include <duet/duet.h>
#include <gtest/gtest.h>

#include <thread>

#include "cpu/kernels.h"
#include "expect.h"
#include "ops/cases.h"

using namespace duet;
using namespace duet::expect;

namespace {

Tensor numbers(const Shape& shape, uint32_t seed) { return normal(Key(seed), shape); }

Tensor layer(const Tensor& x, const Tensor& w, const Tensor& b) { return relu(matmul(x, w) + b); }

template <class C>
int64_t packed_bytes(const C& compiled) {
  int64_t n = 0;
  for (const auto& plan : compiled.cache().plans()) n += plan->packs().bytes();
  return n;
}
int64_t bytes_of(int64_t k, int64_t n) { return (n + 15) / 16 * 16 * k * 4; }

struct Isa {
  explicit Isa(std::string_view name) : before(cpu::kernels().isa), here(cpu::set_isa(name)) {}
  ~Isa() { cpu::set_isa(before); }
  std::string_view before;
  bool here;
};

TEST(Packs, EverySizeAndLayoutKeepsItsBits) {
  for (std::string_view isa : {"v3", "v4"}) {
    const Isa use(isa);
    if (!use.here) continue;
    int pair = 0;
    for (int64_t m : {1, 2, 5, 8, 9, 33, 64, 65, 256})
      for (auto [k, n] :
           {std::pair{256, 256}, {700, 100}, {300, 250}, {513, 145}, {4096, 16}, {1030, 64}, {784, 300}}) {
        // Where tests are small every number of rows meets every third of the seven sizes, and each size some rows.
        if (duet::testing::small_size() && pair++ % 3 != 0) continue;
        SCOPED_TRACE(fmt::format("{}: {}x{}x{}", isa, m, k, n));
        const Tensor b = numbers({n}, 2);
        const Tensor wide = numbers({k, n + 5}, 4);
        for (const Tensor& x : {numbers({m, k}, 3), transpose(numbers({k, m}, 3))})
          for (const Tensor& w : {numbers({k, n}, 4), transpose(numbers({n, k}, 4)), wide.slice(1, 3, n + 3),
                                  broadcast_to(numbers({k, 1}, 4), {k, n})}) {
            const std::string eager = bits(layer(x, w, b));
            // The last part of 33 or 65 rows may be one row.
            for (int threads : m == 33 ? std::vector{1, 3} : m == 65 ? std::vector{1, 5} : std::vector{1, 2}) {
              set_threads(threads);
              auto compiled = compile(layer);
              auto frozen = freeze(layer);
              auto plain = compile([](const Tensor& v, const Tensor& u) { return matmul(v, u); });
              for (int call = 0; call < 3; ++call) {
                ASSERT_EQ(bits(compiled(x, w, b)), eager) << threads << " threads, call " << call;
                ASSERT_EQ(bits(frozen(x, w, b)), eager) << threads << " threads, call " << call;
                ASSERT_EQ(bits(relu(plain(x, w) + b)), eager) << threads << " threads, call " << call;
              }
              const bool worth_it = m > 1 || (threads > 1 && k * n >= 209'000);
              EXPECT_EQ(packed_bytes(compiled), worth_it ? bytes_of(k, n) : 0);
            }
            set_threads(0);
          }
      }
  }
}

TEST(Packs, TheSecondMeetingMakesThemAndAnotherValueEndsThem) {
  const Tensor x = numbers({32, 300}, 1), b = numbers({256}, 2);
  Tensor w = numbers({300, 256}, 3);
  auto compiled = compile(layer);
  compiled(x, w, b);
  EXPECT_EQ(packed_bytes(compiled), 0);
  uint64_t start = thread_state.launches;
  compiled(x, w, b);
  EXPECT_EQ(thread_state.launches - start, 2u) << "the packing and the kernel";
  EXPECT_EQ(packed_bytes(compiled), bytes_of(300, 256));
  EXPECT_NE(to_string(explain(compiled)).find("weights: 307,200 B, packed once for their products"), std::string::npos)
      << to_string(explain(compiled));
  start = thread_state.launches;
  compiled(x, w, b);
  EXPECT_EQ(thread_state.launches - start, 1u);
  const Tensor other = numbers({300, 256}, 4);
  EXPECT_EQ(bits(compiled(x, other, b)), bits(layer(x, other, b)));
  EXPECT_EQ(packed_bytes(compiled), 0);
  EXPECT_EQ(bits(compiled(x, w, b)), bits(layer(x, w, b)));
  EXPECT_EQ(packed_bytes(compiled), 0) << "other values in turns are not worth it";
}

TEST(Packs, WeightsThatATrainingStepOverwritesAreReadAnew) {
  const Tensor x = numbers({32, 300}, 1), b = numbers({256}, 2);
  Tensor w = numbers({300, 256}, 3);
  auto infer = compile([&](const Tensor& v) { return layer(v, w, b); });
  auto step = compile([](Tensor u) { return u * 0.5f; });
  for (int round = 0; round < 4; ++round) {
    for (int call = 0; call < 3; ++call) ASSERT_EQ(bits(infer(x)), bits(layer(x, w, b))) << round << " " << call;
    const void* data = w.block().data;
    w = step(std::move(w));
    if (round > 0) {
      EXPECT_EQ(w.block().data, data) << "the pack does not hold the weights";
    }
  }
}

TEST(Packs, WhatTrainingMultipliesIsNotPacked) {
  const Tensor x = numbers({32, 300}, 1), b = numbers({256}, 2);
  Tensor w = numbers({300, 256}, 3);
  auto step = compile([](const Tensor& v, const Tensor& u, const Tensor& c) {
    return u - grad([&](const Tensor& t) { return mean(layer(v, t, c)); })(u) * 0.1f;
  });
  for (int call = 0; call < 5; ++call) w = step(x, std::move(w), b);
  EXPECT_EQ(packed_bytes(step), 0);
}

TEST(Packs, SmallAndLargeProductsAreNotPacked) {
  for (auto [m, k, n] : {std::tuple{1, 300, 256}, {257, 300, 256}, {32, 64, 128}, {32, 8192, 8}}) {
    auto compiled = compile(layer);
    const Tensor x = numbers({m, k}, 1), w = numbers({k, n}, 2), b = numbers({n}, 3);
    for (int call = 0; call < 3; ++call) compiled(x, w, b);
    EXPECT_EQ(packed_bytes(compiled), 0) << m;
  }
}

TEST(Packs, StorageOfOthersMayChangeAndIsNotPacked) {
  const Tensor x = numbers({32, 300}, 1), b = numbers({256}, 2), w = contiguous(numbers({300, 256}, 3));
  const Tensor foreign = from_dlpack(to_dlpack(w));
  auto compiled = compile(layer);
  for (int call = 0; call < 3; ++call) EXPECT_EQ(bits(compiled(x, foreign, b)), bits(layer(x, foreign, b)));
  EXPECT_EQ(packed_bytes(compiled), 0);
}

TEST(Packs, CallsAtTheSameTimeShareThem) {
  const Tensor x = numbers({16, 300}, 1), w = numbers({300, 256}, 2), b = numbers({256}, 3);
  const std::string eager = bits(layer(x, w, b));
  auto compiled = compile(layer);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int call = 0; call < 200; ++call) wrong += bits(compiled(x, w, b)) != eager;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(packed_bytes(compiled), bytes_of(300, 256));
}

}  // namespace
