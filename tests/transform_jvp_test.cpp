// jvp: derivatives along a direction, against derivatives by hand, against finite differences and against gradients.
#include <stdexcept>

#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using expect::energy;
using expect::in_every_mode;
using expect::tree_bits;

Tensor doubles(const Shape& shape, int seed) { return expect::numbers(shape, seed).to(f64); }
double largest(const Tensor& difference) { return max(abs(difference)).item<double>(); }

TEST(Jvp, ByHand) {
  const Tensor x = tensor({1.0, 2.0}), t = tensor({10.0, -1.0});
  auto [y, dy] = jvp([](const Tensor& v) { return v * v * v; }, x, t);
  EXPECT_EQ(expect::floats(y), (std::vector<float>{1, 8}));
  EXPECT_EQ(expect::floats(dy), (std::vector<float>{30, -12}));
  const auto of_sin = jvp([](const Tensor& v) { return sin(v); }, x, ones({2}));
  EXPECT_EQ(bits(of_sin.second), bits(cos(x)));
  EXPECT_EQ(bits(of_sin.first), bits(sin(x)));
}

TEST(Jvp, FiniteDifferences) {
  const double h = 1e-6;
  auto check = [&](auto f, const Tensor& x) {
    const Tensor t = doubles(x.shape(), 9);
    const Tensor exact = jvp(f, x, t).second;
    EXPECT_LT(largest((f(x + t * h) - f(x - t * h)) / (2 * h) - exact), 1e-7);
  };
  check([](const Tensor& x) { return softmax(x); }, doubles({4, 7}, 1));
  check([](const Tensor& x) { return matmul(x, transpose(x)); }, doubles({3, 5}, 2));
  check([](const Tensor& x) { return layer_norm(x, ones({6}, f64), zeros({6}, f64)); }, doubles({2, 6}, 3));
  check([](const Tensor& x) { return concat({sum(x, 0), x[1] * x[0]}); }, doubles({3, 4}, 4));
  check(energy, doubles({33}, 5));
}

struct Pair {
  Tensor a, b;
};

TEST(Jvp, Trees) {
  auto f = [](const Pair& p) { return std::pair{sum(p.a * p.b), Pair{square(p.a), p.b + 1}}; };
  const Pair p{tensor({1.0, 2.0}), tensor({3.0, 4.0})}, t{tensor({1.0, 0.0}), tensor({0.0, 10.0})};
  auto [y, dy] = jvp(f, p, t);
  EXPECT_EQ(y.first.item(), 11);
  EXPECT_EQ(dy.first.item(), 3 + 20);
  EXPECT_EQ(expect::floats(dy.second.a), (std::vector<float>{2, 0}));
  EXPECT_EQ(expect::floats(dy.second.b), (std::vector<float>{0, 10}));
  in_every_mode([&](const Pair& x, const Pair& d) { return jvp(f, x, d); }, p, t);
}

TEST(Jvp, SeveralArguments) {
  auto f = [](const Tensor& a, const Tensor& b) { return a * b; };
  const Tensor a = tensor({2.0, 3.0}), b = tensor({5.0, 7.0});
  auto [y, dy] = jvp(f, std::pair{a, b}, std::pair{tensor({1.0, 0.0}), tensor({0.0, 1.0})});
  EXPECT_EQ(expect::floats(y), (std::vector<float>{10, 21}));
  EXPECT_EQ(expect::floats(dy), (std::vector<float>{5, 3}));
}

// What the result does not depend on, and results that depend on nothing.
TEST(Jvp, Constants) {
  const Tensor x = tensor({1.0, 2.0});
  EXPECT_EQ(expect::floats(jvp([](const Tensor&) { return ones({3}); }, x, x).second), (std::vector<float>(3)));
  EXPECT_EQ(expect::floats(jvp([](const Tensor& v) { return stop_gradient(v) * v; }, x, ones({2})).second),
            (std::vector<float>{1, 2}));
  auto [y, dy] = jvp([](const Tensor& v) { return std::pair{argmax(v), v}; }, x, x);
  EXPECT_EQ(y.first.item<int64_t>(), 1);
  EXPECT_EQ(dy.first.item<int64_t>(), 0);  // an integer has no derivative
  EXPECT_EQ(dy.first.spec(), y.first.spec());
  EXPECT_EQ(bits(jvp([](const Tensor& v) { return v; }, x, tensor({5.0, 6.0})).second), bits(tensor({5.0, 6.0})));
}

struct Running {
  Tensor x;
  Buffer mean;
  Tensor count;
};

// A Buffer of the result has a derivative; one of the primal is a constant, whatever stands in the tangent's.
TEST(Jvp, Buffers) {
  auto f = [](const Running& r) { return Running{square(r.x) * r.mean.value, {r.x * 3 + r.mean.value}, r.count + 1}; };
  const Running r{tensor({1.0, 2.0}), {tensor({10.0, 100.0})}, Tensor(4)};
  const Running t{tensor({1.0, -1.0}), {tensor({7.0, 7.0})}, Tensor(9)};
  auto [y, dy] = jvp(f, r, t);
  EXPECT_EQ(expect::floats(y.x), (std::vector<float>{10, 400}));
  EXPECT_EQ(expect::floats(y.mean.value), (std::vector<float>{13, 106}));
  EXPECT_EQ(y.count.item<int64_t>(), 5);
  EXPECT_EQ(expect::floats(dy.x), (std::vector<float>{20, -400}));
  EXPECT_EQ(expect::floats(dy.mean.value), (std::vector<float>{3, -3}));
  EXPECT_EQ(dy.count.item<int64_t>(), 0);
  EXPECT_EQ(dy.count.dtype(), y.count.dtype());
  EXPECT_EQ(tree_bits(jvp(f, r, Running{t.x, {}, {}}).second), tree_bits(dy));
  in_every_mode([&](const Running& a, const Running& b) { return jvp(f, a, b); }, r, t);
  // A Buffer that does not depend on the primal.
  auto constant = jvp([](const Running& a) { return a.mean; }, r, t).second;
  EXPECT_EQ(expect::floats(constant.value), (std::vector<float>{0, 0}));
}

TEST(Jvp, HigherOrdersAndModes) {
  const Tensor x = doubles({9}, 1), t = doubles({9}, 2);
  auto first = [&](const Tensor& v) { return jvp([](const Tensor& u) { return sin(u) * u; }, v, t).second; };
  auto second = [&](const Tensor& v) { return jvp(first, v, t).second; };
  EXPECT_LT(largest(second(x) - t * t * (cos(x) * 2 - sin(x) * x)), 1e-14);
  auto third = [&](const Tensor& v) { return jvp(second, v, t).second; };
  EXPECT_LT(largest(third(x) + t * t * t * (sin(x) * 3 + cos(x) * x)), 1e-14);
  const Tensor xf = x.to(f32), tf = t.to(f32);
  auto both = [](const Tensor& v, const Tensor& d) {
    return jvp([&](const Tensor& u) { return jvp([](const Tensor& w) { return energy(w); }, u, d).second; }, v, d);
  };
  in_every_mode(both, xf, tf);
}

// One product three ways: forward over reverse, reverse over forward, reverse over reverse.
TEST(Jvp, HessianVectorProductsThreeWays) {
  const Tensor x = doubles({17}, 1), v = doubles({17}, 2);
  auto forward_reverse = [](const Tensor& a, const Tensor& t) { return jvp(grad(energy), a, t).second; };
  auto reverse_forward = [](const Tensor& a, const Tensor& t) {
    return grad([&](const Tensor& u) { return jvp(energy, u, t).second; })(a);
  };
  auto reverse_reverse = [](const Tensor& a, const Tensor& t) {
    return grad([&](const Tensor& u) { return sum(grad(energy)(u) * t); })(a);
  };
  const Tensor expected = reverse_reverse(x, v);
  EXPECT_LT(largest(forward_reverse(x, v) - expected), 1e-15);
  EXPECT_LT(largest(reverse_forward(x, v) - expected), 1e-15);
  const Tensor xf = x.to(f32), vf = v.to(f32);
  in_every_mode(forward_reverse, xf, vf);
  in_every_mode(reverse_forward, xf, vf);
  in_every_mode(reverse_reverse, xf, vf);
}

TEST(Jvp, OfCompiledAndFrozen) {
  const Tensor x = expect::numbers({33}), t = expect::numbers({33}, 2);
  const std::string expected = tree_bits(jvp(energy, x, t));
  auto compiled = compile(energy);
  auto frozen = freeze(energy);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(tree_bits(jvp(compiled, x, t)), expected);
    EXPECT_EQ(tree_bits(jvp(frozen, x, t)), expected);
  }
}

TEST(Jvp, Errors) {
  auto f = [](const Tensor& x) { return x * 2; };
  const Tensor x = ones({2});
  EXPECT_ERROR(ShapeError, jvp(f, x, ones({3})),
               "jvp: the tangent is f32[3], the primal f32[2]; they must be the same");
  EXPECT_ERROR(DTypeError, jvp(f, x, ones({2}, f64)),
               "jvp: the tangent is f64[2], the primal f32[2]; they must be the same");
  auto g = [](const std::vector<Tensor>& v) { return v[0]; };
  EXPECT_ERROR(ShapeError, jvp(g, std::vector<Tensor>{x, x}, std::vector<Tensor>{x}),
               "jvp: the tangent has 1 floating tensors, the primal 2; they must be the same trees");
  EXPECT_THROW(jvp([](const Tensor& t) -> Tensor { throw std::runtime_error(to_string(t)); }, x, x),
               std::runtime_error);
  expect::clean_thread();
}

}  // namespace
}  // namespace duet
