// When two kernels become one, and when what that holds in memory speaks against it.
#include <duet/duet.h>
#include <gtest/gtest.h>

#include "expect.h"

using namespace duet;

namespace {

constexpr const char* kRefusal = "as one kernel they would take more memory";

struct Kernels {
  uint64_t count = 0;
  bool refused = false;  // for the memory's sake
};

template <class F, class... A>
Kernels kernels(const F& f, const A&... args) {
  auto compiled = compile(f);
  compiled(args...);
  EXPECT_EQ(expect::tree_bits(compiled(args...)), expect::tree_bits(f(args...)));
  Kernels k;
  const std::string said = to_string(explain(compiled));
  k.refused = said.find(kRefusal) != std::string::npos;
  compiled(args...);
  const uint64_t after = thread_state.launches;
  compiled(args...);
  k.count = thread_state.launches - after;
  return k;
}

Tensor numbers(const Shape& shape, uint32_t seed) { return normal(Key(seed), shape); }

// A scan is a kernel of its own, so that its result is in memory until the sum has read it.
Tensor squares(const Tensor& scanned) { return sum(scanned * scanned); }

TEST(Combine, KernelsThatHoldLittleBecomeOne) {
  const auto f = [](const Tensor& x, const Tensor& y) {
    const Tensor a = squares(cumsum(x, 0));
    return std::pair(a, squares(cumsum(y, 0)));
  };
  const Kernels k = kernels(f, numbers({64, 64}, 1), numbers({64, 64}, 2));
  EXPECT_EQ(k.count, 3u);
  EXPECT_FALSE(k.refused);
}

// As one kernel the first scan's megabyte would wait for the second's.
TEST(Combine, KernelsThatHoldMuchStayTwo) {
  const auto f = [](const Tensor& x, const Tensor& y) {
    const Tensor a = squares(cumsum(x, 0));
    return std::pair(a, squares(cumsum(y, 0)));
  };
  const Kernels k = kernels(f, numbers({512, 512}, 1), numbers({512, 512}, 2));
  EXPECT_EQ(k.count, 4u);
  EXPECT_TRUE(k.refused);
}

TEST(Combine, WhatIsReadLaterAnywayIsNotHeld) {
  const auto f = [](const Tensor& x, const Tensor& y) {
    const Tensor r = cumsum(x, 0);
    const Tensor a = squares(r), b = squares(cumsum(y, 0));
    return std::tuple(a, b, cumsum(r * b, 0));
  };
  const Kernels k = kernels(f, numbers({512, 512}, 1), numbers({512, 512}, 2));
  EXPECT_EQ(k.count, 5u);
  EXPECT_FALSE(k.refused);
}

// A twentieth more than what lives anyway may be held.
TEST(Combine, MuchIsLittleBesideMore) {
  const auto f = [](const Tensor& x, const Tensor& y, const Tensor& w) {
    const Tensor large = cumsum(w, 0);
    const Tensor a = squares(cumsum(x, 0)), b = squares(cumsum(y, 0));
    return std::tuple(a, b, sum(large * b));
  };
  const Tensor x = numbers({512, 512}, 1), y = numbers({512, 512}, 2);
  const Kernels beside_more = kernels(f, x, y, numbers({3, 512, 512}, 3));
  EXPECT_EQ(beside_more.count, 5u);
  EXPECT_FALSE(beside_more.refused);
  const Kernels beside_less = kernels(f, x, y, numbers({2, 512, 512}, 3));
  EXPECT_EQ(beside_less.count, 6u);
  EXPECT_TRUE(beside_less.refused);
}

// A view is no memory of its own, however large what it looks at.
TEST(Combine, ViewsAreNoMemory) {
  const auto f = [](const Tensor& x, const Tensor& y, const Tensor& w) {
    const Tensor turned = transpose(w);
    const Tensor a = squares(cumsum(x, 0));
    return std::tuple(a, squares(cumsum(y, 0)), turned);
  };
  const Kernels k = kernels(f, numbers({512, 512}, 1), numbers({512, 512}, 2), numbers({40, 512, 512}, 3));
  EXPECT_EQ(k.count, 4u);
  EXPECT_TRUE(k.refused);
}

// Each weighing goes through the whole graph, so there is an end to it.
TEST(Combine, TooManyAreNotWeighed) {
  const auto f = [](const std::vector<Tensor>& all) {
    std::vector<Tensor> sums;
    for (const Tensor& x : all) sums.push_back(squares(cumsum(x, 0)));
    return sums;
  };
  auto said = [&](uint32_t count) {
    std::vector<Tensor> all;
    for (uint32_t i = 0; i < count; ++i) all.push_back(numbers({256, 512}, i));
    auto compiled = compile(f);
    compiled(all);
    return to_string(explain(compiled)).find("too many kernels were weighed already") != std::string::npos;
  };
  EXPECT_FALSE(said(10));
  EXPECT_TRUE(said(80));
}

TEST(Combine, WhatSegmentsHoldAddsUp) {
  const auto f = [](const Tensor& x, const Tensor& y, const Tensor& z) {
    const Tensor a = squares(cumsum(x, 0)), b = squares(cumsum(y, 0));
    return std::tuple(a, b, squares(cumsum(z, 0)));
  };
  const Kernels k = kernels(f, numbers({200, 200}, 1), numbers({200, 200}, 2), numbers({200, 200}, 3));
  EXPECT_EQ(k.count, 5u);
  EXPECT_TRUE(k.refused);
}

}  // namespace
