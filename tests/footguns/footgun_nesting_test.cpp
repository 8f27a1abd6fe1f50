// Recorded functions in recorded functions and under gradients: nesting inlines, gradients of any order agree.
#include <functional>

#include "expect.h"

namespace duet {
namespace {

using expect::bits;

Tensor cube_sum(const Tensor& x) { return sum(x * x * x); }
Tensor energy(const Tensor& x) { return mean(tanh(x) * exp(x * 0.5f) + square(x)); }

const Tensor& point() {
  static const Tensor x = expect::numbers({33});
  return x;
}

// compiled in compiled: one graph, the outer one's, with the bits of eager.
TEST(FootgunNesting, CompileInsideCompile) {
  auto inner = compile([](const Tensor& x) { return exp(x) + 1; });
  auto outer = compile([&](const Tensor& x) { return inner(x * 2) * inner(x); });
  const Tensor& x = point();
  EXPECT_EQ(bits(outer(x)), bits((exp(x * 2) + 1) * (exp(x) + 1)));
  EXPECT_EQ(outer.cache().plans().size(), 1u);
  EXPECT_EQ(inner.cache().plans().size(), 0u);  // one graph, the outer one's
  EXPECT_EQ(bits(inner(x)), bits(exp(x) + 1));
}

// frozen in compiled in frozen: what is called inside is recorded into the one graph.
TEST(FootgunNesting, FreezeInsideCompileAndBack) {
  auto frozen = freeze([](const Tensor& x, float a) { return exp(x) * a; });
  auto compiled = compile([&](const Tensor& x) { return frozen(x, 2.f) + 1; });
  auto both = freeze([&](const Tensor& x) { return compiled(x) * 3; });
  const Tensor& x = point();
  const Tensor expected = exp(x) * 2.f;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bits(compiled(x)), bits(expected + 1));
    EXPECT_EQ(bits(both(x)), bits((expected + 1) * 3));
    EXPECT_EQ(bits(frozen(x, 2.f)), bits(expected));
  }
}

// Gradients of compiled and frozen functions, compiled and frozen gradients: the bits of eager.
TEST(FootgunNesting, GradientsAndRecording) {
  const Tensor& x = point();
  const std::string expected = bits(grad(energy)(x));
  auto compiled = compile(energy);
  auto frozen = freeze(energy);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bits(grad(compiled)(x)), expected);
    EXPECT_EQ(bits(grad(frozen)(x)), expected);
    EXPECT_EQ(bits(compiled(x)), bits(energy(x)));
    EXPECT_EQ(bits(frozen(x)), bits(energy(x)));
  }
  auto inside = compile(grad(energy));
  auto inside_frozen = freeze(grad(energy));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bits(inside(x)), expected);
    EXPECT_EQ(bits(inside_frozen(x)), expected);
  }
  EXPECT_EQ(bits(compile(grad(compile(energy)))(x)), expected);
  EXPECT_EQ(bits(freeze(grad(freeze(energy)))(x)), expected);
}

// Hessian times vector: the gradient of a gradient's product with v.
template <class F>
auto hessian_vector(F f) {
  return
      [f](const Tensor& x, const Tensor& v) { return grad([&](const Tensor& t) { return sum(grad(f)(t) * v); })(x); };
}

// The same bits in every mode, and close to a difference of gradients.
TEST(FootgunNesting, HessianVectorProducts) {
  const Tensor &x = point(), v = expect::numbers({33}, 5);
  EXPECT_EQ(bits(hessian_vector(cube_sum)(tensor({2.0}), tensor({3.0}))), bits(tensor({36.0})));
  const std::string expected = bits(hessian_vector(energy)(x, v));
  auto compiled = compile(hessian_vector(energy));
  auto frozen = freeze(hessian_vector(energy));
  auto mixed = hessian_vector(compile(energy));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bits(compiled(x, v)), expected);
    EXPECT_EQ(bits(frozen(x, v)), expected);
    EXPECT_EQ(bits(mixed(x, v)), expected);
  }
  // Against a central difference in f64.
  const Tensor xd = x.to(f64), vd = v.to(f64);
  const double h = 1e-5;
  const Tensor difference = (grad(energy)(xd + vd * h) - grad(energy)(xd - vd * h)) / (2 * h);
  const Tensor exact = hessian_vector(energy)(xd, vd);
  EXPECT_LT(max(abs(difference - exact)).item<double>(), 1e-8);
}

// A tape that the user opened around a compiled function: it sees what the plan computes, as eagerly.
TEST(FootgunNesting, TapeAroundACompiledFunction) {
  auto f = compile([](const Tensor& w, const Tensor& x) { return mean(square(w * x)); });
  Tensor w = tensor({1.0, 2.0});
  const Tensor x = tensor({3.0, 4.0});
  for (int i = 0; i < 2; ++i) {
    Tape tape;
    tape.watch(w);
    auto g = tape.backward(f(w, x));
    EXPECT_EQ(expect::floats(g(w)), (std::vector<float>{9, 32}));
  }
}

// A tape opened inside and walked inside; and one whose gradient leaves the function.
TEST(FootgunNesting, TapeInsideACompiledFunction) {
  auto f = [](const Tensor& x) {
    Tape tape;
    Tensor w = x;
    tape.watch(w);
    auto g = tape.backward(sum(w * w));
    return g(w);
  };
  EXPECT_EQ(expect::floats(compile(f)(tensor({1.0, 3.0}))), (std::vector<float>{2, 6}));
  EXPECT_EQ(expect::floats(freeze(f)(tensor({1.0, 3.0}))), (std::vector<float>{2, 6}));
}

// The pullback of a vjp may leave a compiled function and be called later.
TEST(FootgunNesting, PullbackOutlivesTheRecording) {
  const Tensor& x = point();
  std::function<std::tuple<Tensor>(const Tensor&)> later;
  auto f = compile([&](const Tensor& t) {
    auto [y, pullback] = vjp([](const Tensor& u) { return exp(u) * u; }, t);
    later = [pullback = pullback](const Tensor& dy) { return pullback(dy); };
    return y;
  });
  Tensor y = f(x);
  auto [expected_y, expected_pullback] = vjp([](const Tensor& u) { return exp(u) * u; }, x);
  EXPECT_EQ(bits(y), bits(expected_y));
  EXPECT_EQ(bits(std::get<0>(later(ones({33})))), bits(std::get<0>(expected_pullback(ones({33})))));
}

}  // namespace
}  // namespace duet
