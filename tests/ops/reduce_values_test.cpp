// Special values of reductions, and equal bits on more threads, beyond the sizes of the samples.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

TEST(ReduceValues, ExtremaOfSpecialValues) {
  const Tensor x = tensor({{1.0f, NAN, -INFINITY}, {INFINITY, 2.0f, 3.0f}});
  EXPECT_TRUE(std::isnan(duet::min(x).item()));
  EXPECT_EQ(duet::min(x, 1)[1].item(), 2.0f);
  EXPECT_EQ(duet::min(full({3}, INFINITY)).item(), INFINITY);
  EXPECT_EQ(difference(argmin(x, 1), tensor({int64_t{1}, int64_t{1}})), "");
  EXPECT_EQ(argmin(tensor({2.0f, -0.0f, 0.0f}), 0).item<int64_t>(), 1) << "the first of equal zeros";
  EXPECT_EQ(duet::min(tensor({true, false})).spec(), (Spec{boolean, {}}));
  EXPECT_EQ(duet::min(tensor({int64_t{5}, std::numeric_limits<int64_t>::min()})).item<int64_t>(),
            std::numeric_limits<int64_t>::min());
}

TEST(ReduceValues, EqualMinimaShareTheGradient) {
  auto f = [](const Tensor& x) { return sum(duet::min(x, 1) * tensor({6.0f, 10.0f})); };
  EXPECT_EQ(difference(grad(f)(tensor({{1.0f, 1.0f, 1.0f}, {2.0f, 1.0f, 3.0f}})),
                       tensor({{2.0f, 2.0f, 2.0f}, {0.0f, 10.0f, 0.0f}})),
            "");
}

TEST(ReduceValues, Products) {
  EXPECT_EQ(prod(zeros({0})).item(), 1.0f);
  EXPECT_EQ(prod(zeros({0}, i32)).spec(), (Spec{i64, {}}));
  EXPECT_EQ(difference(prod(zeros({2, 0, 3}), 1), ones({2, 3})), "");
  EXPECT_EQ(prod(tensor({int64_t{1} << 62, int64_t{2}})).item<int64_t>(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(prod(full({20}, 10, i32)).item<int64_t>(), static_cast<int64_t>(7766279631452241920)) << "10^20 mod 2^64";
  EXPECT_TRUE(std::isnan(prod(tensor({0.0f, INFINITY})).item()));
  EXPECT_TRUE(std::signbit(prod(tensor({-0.0f, 2.0f})).item()));
  const Tensor g = grad([](const Tensor& x) { return sum(prod(x, 1)); })(
      tensor({{2.0f, 3.0f, 4.0f}, {2.0f, 0.0f, 4.0f}, {0.0f, 3.0f, 0.0f}}));
  EXPECT_EQ(difference(g, tensor({{12.0f, 8.0f, 6.0f}, {0.0f, 8.0f, 0.0f}, {0.0f, 0.0f, 0.0f}})), "");
  // Third order, at zeros: d³(xyz)/dx dy dz = 1.
  auto product = [](const Tensor& x) { return prod(x); };
  auto second = [&](const Tensor& x) { return grad([&](const Tensor& v) { return grad(product)(v)[0]; })(x)[1]; };
  EXPECT_EQ(difference(grad(second)(zeros({3})), tensor({0.0f, 0.0f, 1.0f})), "");
}

TEST(ReduceValues, AnyAndAll) {
  const Tensor x = tensor({{0.0f, -0.0f, 0.0f}, {0.0f, NAN, 0.0f}, {1.0f, -INFINITY, 1e-45f}});
  EXPECT_EQ(difference(reduce_any(x, 1), tensor({false, true, true})), "");
  EXPECT_EQ(difference(reduce_all(x, 1), tensor({false, false, true})), "");
  EXPECT_FALSE(reduce_any(zeros({0})).item<bool>());
  EXPECT_TRUE(reduce_all(zeros({0})).item<bool>());
  EXPECT_EQ(difference(reduce_any(zeros({2, 0}), 1), zeros({2}, boolean)), "");
  EXPECT_EQ(difference(reduce_all(zeros({2, 0}, i64), {.axis = 1, .keepdims = true}), ones({2, 1}, boolean)), "");
  EXPECT_EQ(reduce_any(zeros({0, 2}), 1).spec(), (Spec{boolean, {0}}));
  EXPECT_FALSE(reduce_all(tensor({256, 0})).item<bool>());
  EXPECT_TRUE(reduce_any(tensor({256, 0})).item<bool>()) << "not cut to a byte";
}

TEST(ReduceValues, ThreadsAndInstructionSetsGiveTheSameBits) {
  const Tensor normals = normal(Key(11), {210'000}) * 0.01f + 1.0f;
  for (const Shape& shape : {Shape{210'000}, {300, 700}, {70'000, 3}, {3, 70'000}, {10, 700, 30}})
    for (DType dtype : {f32, f64, i32, u8}) {
      const Tensor x = (is_float(dtype) ? reshape(normals, shape) : reshape(normals, shape) * 100).to(dtype);
      for (int axis = -1; axis < shape.rank(); ++axis) {
        const ReduceOver over{axis < 0 ? Axes() : Axes(axis), false};
        auto all = [&] {
          Tensors y = {sum(x, over),        prod(x, over),       duet::max(x, over), duet::min(x, over),
                       reduce_any(x, over), reduce_all(x, over), var(x, over)};
          if (axis >= 0) y.insert(y.end(), {argmax(x, axis), argmin(x, axis)});
          return y;
        };
        use_machine("v4", 1);
        const Tensors wanted = all();
        for (auto [isa, threads] : {std::pair("v4", 2), std::pair("v3", 1), std::pair("v3", 3)}) {
          use_machine(isa, threads);
          const Tensors y = all();
          for (size_t i = 0; i < y.size(); ++i)
            EXPECT_EQ(difference(wanted[i], y[i]), "")
                << isa << " " << threads << " " << shape.rank() << " result " << i;
        }
      }
    }
  use_machine("v4", 0);
}

// Two using-directives, and std's words of the same names stay apart.
TEST(ReduceValues, NamesBesideStd) {
  using namespace std;
  using namespace duet;
  const Tensor x = tensor({3.0f, 1.0f, 2.0f});
  auto [values, indices] = sort(x);
  EXPECT_EQ(min(x).item(), 1.0f);
  EXPECT_EQ(min(x, 0).item(), max(-x, {.axis = 0}).item() * -1.0f);
  EXPECT_EQ(values[0].item(), 1.0f);
  EXPECT_EQ(topk(x, 1).indices[0].item<int64_t>(), 0);
  EXPECT_EQ(prod(x).item(), 6.0f);
  EXPECT_EQ(cumsum(x, 0)[2].item(), 6.0f);
  EXPECT_EQ(var(x, 0).item(), stddev(x).item() * stddev(x).item());
}

TEST(ReduceValues, ProductsHaveGradientsWhoseFactorsLeaveTheRange) {
  const Tensor x = from_vector<float>({0x1p-50f, 0x1p-50f, 0x1p66f, 0x1p66f}, {4});
  const Tensor g = grad([](const Tensor& v) { return prod(v); })(x);
  EXPECT_EQ(g.to_vector<float>(), (std::vector<float>{0x1p82f, 0x1p82f, 0x1p-34f, 0x1p-34f}));
  const Tensor rows = grad([](const Tensor& v) { return prod(v, {.axis = {0, 1}}); })(reshape(x, {2, 2}));
  EXPECT_EQ(rows.to_vector<float>(), g.to_vector<float>());
}

}  // namespace
}  // namespace duet::testing
