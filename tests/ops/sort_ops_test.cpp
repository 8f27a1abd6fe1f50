// Every sort, from the list; special values, gradients and what the samples are too small for.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

void fail(const std::string& wrong) { ADD_FAILURE() << wrong; }

TEST(SortOpsTest, EveryOpOfTheList) { check_samples(family_samples<SortOps>(), fail); }

Tensor places(std::initializer_list<int64_t> list) {
  return from_vector(std::vector<int64_t>(list), {static_cast<int64_t>(list.size())});
}

TEST(SortOpsTest, SpecialValues) {
  const Tensor x = tensor({1.0f, NAN, -0.0f, INFINITY, 0.0f, -INFINITY, NAN, -1.0f, -0.0f});
  const auto [up, up_at] = sort(x);
  EXPECT_EQ(difference(up, tensor({-INFINITY, -1.0f, -0.0f, 0.0f, -0.0f, 1.0f, INFINITY, NAN, NAN})), "");
  EXPECT_EQ(difference(up_at, places({5, 7, 2, 4, 8, 0, 3, 1, 6})), "") << "zeros stay in their order, NaN is last";
  const auto [down, down_at] = sort(x, -1, true);
  EXPECT_EQ(difference(down_at, places({1, 6, 3, 0, 2, 4, 8, 7, 5})), "") << "equal ones stay in their order here too";
  EXPECT_EQ(difference(down, tensor({NAN, NAN, INFINITY, 1.0f, -0.0f, 0.0f, -0.0f, -1.0f, -INFINITY})), "");
  EXPECT_EQ(difference(argsort(x, 0, true), down_at), "");
  const auto [top, top_at] = topk(x, 4);
  EXPECT_EQ(difference(top_at, places({1, 6, 3, 0})), "");
  EXPECT_EQ(difference(top, down.slice(0, 0, 4)), "");
  EXPECT_EQ(difference(argsort(x.to(f64)), up_at), "");
  const std::vector<int64_t> wide = {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), -1, 0};
  EXPECT_EQ(difference(argsort(from_vector(wide, {4})), places({1, 2, 3, 0})), "");
  EXPECT_EQ(difference(argsort(tensor({true, false, true, false})), places({1, 3, 0, 2})), "");
}

TEST(SortOpsTest, EmptyAxes) {
  EXPECT_EQ(sort(zeros({3, 0})).values.shape(), (Shape{3, 0}));
  EXPECT_EQ(sort(zeros({0, 3}), 0).indices.spec(), (Spec{i64, {0, 3}}));
  EXPECT_EQ(topk(zeros({2, 3}), 0).values.shape(), (Shape{2, 0}));
  EXPECT_EQ(topk(zeros({2, 3}), 0, 0).indices.shape(), (Shape{0, 3}));
  auto f = [](const Tensor& x) { return sum(topk(x, 0).values) + sum(x); };
  EXPECT_EQ(difference(grad(f)(zeros({2, 3})), ones({2, 3})), "");
}

TEST(SortOpsTest, ThreadsGiveTheSame) {
  const Tensor x = normal(Key(5), {700, 300});
  for (const Shape& shape : {Shape{700, 300}, {210'000}, {7, 30'000}, {30'000, 7}})
    for (DType dtype : {f32, f64, u8})
      for (int axis = 0; axis < shape.rank(); ++axis) {
        const Tensor v = dtype == u8 ? (abs(reshape(x, shape)) * 4).to(u8) : reshape(x, shape).to(dtype);
        use_machine("v4", 1);
        const Sorted one = sort(v, axis), top = topk(v, 5, axis);
        use_machine("v3", 2);
        const Sorted two = sort(v, axis), top_two = topk(v, 5, axis);
        EXPECT_EQ(difference(one.values, two.values), "");
        EXPECT_EQ(difference(one.indices, two.indices), "");
        EXPECT_EQ(difference(top.values, top_two.values), "");
        EXPECT_EQ(difference(top.indices, top_two.indices), "");
        // The sort is one: in order, and a permutation of what was there.
        const int64_t n = shape[axis];
        if (n > 1) {
          const Tensor before = one.values.slice(axis, 0, n - 1), after = one.values.slice(axis, 1, n);
          EXPECT_TRUE(reduce_all(before <= after).item<bool>());
        }
        EXPECT_EQ(
            difference(sort(one.indices, axis).values,
                       broadcast_to(reshape(arange(n, i64), axis == shape.rank() - 1 ? Shape{n} : Shape{n, 1}), shape)),
            "");
      }
  use_machine("v4", 0);
}

// The indices' gradient, which nobody reads, is not made: no more kernels than the rule's own.
TEST(SortOpsTest, NothingIsMadeForTheUnusedResult) {
  const Tensor x = normal(Key(8), {4, 9});
  auto launches = [&](const auto& f) {
    auto [y, pullback] = vjp(f, x);
    const uint64_t before = thread_state.launches;
    pullback(y);
    return thread_state.launches - before;
  };
  EXPECT_EQ(launches([](const Tensor& v) { return sort(v).values; }), 1u) << "unsort";
  EXPECT_EQ(launches([](const Tensor& v) { return topk(v, 2, 0).values; }), 1u);
}

// Two results of different types, one of them unused, in every mode and under tapes.
TEST(SortOpsTest, EitherResultAlone) {
  const Tensor x = normal(Key(6), {4, 9}), weight = normal(Key(7), {4, 3});
  auto both = [](const Tensor& v) {
    auto [values, indices] = topk(v, 3, 1);
    return Sorted{values * 2.0f, indices};
  };
  auto values = [](const Tensor& v) { return sort(v, 0).values + 1.0f; };
  auto indices = [](const Tensor& v) { return argsort(v, 1) + 1; };
  auto gradients = [&](const Tensor& v) {
    return grad([&](const Tensor& u) {
      auto [top, at] = topk(u * u, 3, 1);
      return sum(top * weight + at.to(f32) * top);
    })(v);
  };
  auto only_indices = [&](const Tensor& v) {
    return grad([](const Tensor& u) { return sum(argsort(u).to(f32)) + sum(u); })(v);
  };
  auto check = [&](const auto& f) {
    const auto wanted = f(x);
    auto compiled = compile(f);
    auto frozen = freeze(f);
    for (int turn = 0; turn < 2; ++turn)
      for (const auto& y : {compiled(x), frozen(x)}) {
        std::vector<Tensor> a, b;
        for_each_leaf(wanted, [&](const Tensor& t) { a.push_back(t); });
        for_each_leaf(y, [&](const Tensor& t) { b.push_back(t); });
        ASSERT_EQ(a.size(), b.size());
        for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(difference(a[i], b[i]), "");
      }
  };
  check(both);
  check(values);
  check(indices);
  check(gradients);
  check(only_indices);
  EXPECT_EQ(difference(only_indices(x), ones({4, 9})), "") << "where elements were has no gradient";
}

TEST(SortOpsTest, GradientsGoBackWhereElementsWere) {
  const Tensor x = tensor({{3.0f, 1.0f, 2.0f}, {5.0f, 5.0f, 4.0f}}), weight = tensor({1.0f, 10.0f, 100.0f});
  EXPECT_EQ(difference(grad([&](const Tensor& v) { return sum(sort(v).values * weight); })(x),
                       tensor({{100.0f, 1.0f, 10.0f}, {10.0f, 100.0f, 1.0f}})),
            "");
  EXPECT_EQ(difference(grad([&](const Tensor& v) { return sum(topk(v, 1).values * 7.0f); })(x),
                       tensor({{7.0f, 0.0f, 0.0f}, {7.0f, 0.0f, 0.0f}})),
            "");
  // Third order: of x³, sorted.
  auto cubes = [&](const Tensor& v) { return sum(sort(v * v * v, -1, true).values * weight); };
  auto second = [&](const Tensor& v) { return sum(grad([&](const Tensor& u) { return sum(grad(cubes)(u)); })(v)); };
  EXPECT_EQ(difference(grad(second)(x.slice(0, 0, 1)), tensor({{6.0f, 600.0f, 60.0f}})), "");
}

}  // namespace
}  // namespace duet::testing
