// Every scan, from the list; and what the samples are too small for.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

void fail(const std::string& wrong) { ADD_FAILURE() << wrong; }

TEST(ScanOpsTest, EveryOpOfTheList) { check_samples(family_samples<ScanOps>(), fail); }

TEST(ScanOpsTest, ThreadsAndInstructionSetsGiveTheSameBits) {
  const Tensor x = normal(Key(3), {300, 500, 3});
  for (const Shape& shape : {Shape{450'000}, {300, 1500}, {1500, 300}, {300, 500, 3}, {3, 150'000}}) {
    const Tensor v = reshape(x, shape);
    for (int axis = 0; axis < shape.rank(); ++axis)
      for (bool reverse : {false, true})
        for (DType dtype : {f32, f64, i32}) {
          const Tensor u = dtype == i32 ? (v * 1000).to(i32) : v.to(dtype);
          use_machine("v4", 1);
          const Tensor wanted = cumsum(u, axis, reverse);
          for (auto [isa, threads] : {std::pair("v4", 2), std::pair("v3", 1), std::pair("v3", 3)}) {
            use_machine(isa, threads);
            EXPECT_EQ(difference(wanted, cumsum(u, axis, reverse)), "") << isa << " " << threads << " axis " << axis;
          }
        }
  }
  use_machine("v4", 0);
}

TEST(ScanOpsTest, AFloatChainIsCarriedInF64) {
  // In f32 the ones would be lost: 2^24 + 1 is 2^24.
  const Tensor y = cumsum(concat({full({1}, 16777216.0f), ones({100}), full({1}, -16777216.0f)}), 0);
  EXPECT_EQ(y[101].item(), 100.0f);
  const Tensor large = cumsum(tensor({3e38f, 3e38f, -3e38f}), 0);  // beyond f32 on the way
  EXPECT_EQ(large[1].item(), INFINITY);
  EXPECT_EQ(large[2].item(), 3e38f);
}

TEST(ScanOpsTest, SpecialValues) {
  const Tensor x = tensor({-0.0f, -0.0f, 1.0f, INFINITY, -INFINITY, 2.0f});
  const Tensor y = cumsum(x, 0);
  EXPECT_TRUE(std::signbit(y[0].item()) && std::signbit(y[1].item())) << "sums of -0 are -0";
  EXPECT_EQ(y[3].item(), INFINITY);
  EXPECT_TRUE(std::isnan(y[4].item()) && std::isnan(y[5].item()));
  EXPECT_EQ(cumsum(zeros({2, 0}), 1).shape(), (Shape{2, 0}));
  EXPECT_EQ(cumsum(zeros({0, 2}), 1).shape(), (Shape{0, 2}));
  EXPECT_EQ(cumsum(tensor({true, true, false}), 0).spec(), (Spec{i64, {3}}));
  const Tensor wraps = cumsum(tensor({std::numeric_limits<int64_t>::max(), int64_t{1}}), 0);
  EXPECT_EQ(wraps[1].item<int64_t>(), std::numeric_limits<int64_t>::min());
}

TEST(ScanOpsTest, GradientsAreSumsFromTheOtherEnd) {
  auto f = [](const Tensor& x) { return sum(cumsum(x, 0) * tensor({1.0f, 10.0f, 100.0f})); };
  EXPECT_EQ(difference(grad(f)(ones({3})), tensor({111.0f, 110.0f, 100.0f})), "");
}

}  // namespace
}  // namespace duet::testing
