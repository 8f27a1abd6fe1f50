// Transforms of transforms: each pair against the same thing without one of them.
#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using expect::energy;
using expect::in_every_mode;
using expect::tree_bits;

const Tensor& batch() {
  static const Tensor x = expect::numbers({3, 5});
  return x;
}
double largest(const Tensor& difference) { return max(abs(difference)).item<double>(); }

// x² with a rule that a batch and a second derivative can tell from the derivative: 3·x·dy.
Tensor marked(const Tensor& x) {
  static const auto f = custom_vjp([](const Tensor& t) { return square(t); },
                                   [](const Tensor& t) {
                                     return std::pair{square(t), t};
                                   },
                                   [](const Tensor& t, const Tensor& dy) { return t * dy * 3; });
  return f(x);
}

TEST(TransformNesting, GradOfVmapOfGrad) {
  auto f = [](const Tensor& xs) { return sum(square(vmap(grad(energy))(xs))); };
  const Tensor& x = batch();
  in_every_mode(grad(f), x);
  const Tensor all = grad(f)(x);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(bits(all[i]), bits(grad([](const Tensor& v) { return sum(square(grad(energy)(v))); })(x[i])));
  const Tensor nested = vmap(grad([](const Tensor& v) { return sum(square(grad(energy)(v))); }))(x);
  EXPECT_EQ(bits(nested), bits(all));
}

TEST(TransformNesting, CheckpointAndVmap) {
  auto f = [](const Tensor& x, const Tensor& w) { return tanh(matmul(tanh(x * w), reshape(w, {5, 1}))) * x; };
  const Tensor &x = batch(), w = expect::numbers({5}, 2);
  const VmapOptions shared{.unbatched = {1}};
  auto loss = [&](auto g) {
    return [=](const Tensor& xs, const Tensor& v) { return sum(square(vmap(g, shared)(vmap(g, shared)(xs, v), v))); };
  };
  const std::string expected = tree_bits(grad<0, 1>(loss(f))(x, w));
  EXPECT_EQ(in_every_mode(grad<0, 1>(loss(checkpoint(f))), x, w), expected);  // tapes outside
  auto outside = [&](const Tensor& xs, const Tensor& v) {
    auto g = checkpoint([&](const Tensor& a, const Tensor& b) { return vmap(f, shared)(a, b); });
    return sum(square(g(g(xs, v), v)));
  };
  EXPECT_EQ(in_every_mode(grad<0, 1>(outside), x, w), expected);
  // Tapes inside: per-example gradients.
  auto one = [](auto g) { return grad<0, 1>([=](const Tensor& t, const Tensor& v) { return sum(square(g(t, v))); }); };
  EXPECT_EQ(in_every_mode(vmap(one(checkpoint(f)), shared), x, w), tree_bits(vmap(one(f), shared)(x, w)));
  // Two levels, tapes outside of both.
  auto twice = [&](auto g) {
    return [=](const Tensor& xs, const Tensor& v) {
      return sum(vmap([&](const Tensor& t) { return vmap([&](const Tensor& u) { return g(t * u, v); })(xs); })(xs));
    };
  };
  EXPECT_EQ(in_every_mode(grad(twice([=](const Tensor& t, const Tensor& v) { return checkpoint(f)(t, v); })), x,
                          stop_gradient(w)),
            tree_bits(grad(twice(f))(x, w)));
}

TEST(TransformNesting, CustomRules) {
  const Tensor& x = batch();
  const Tensor expected = x * 3;
  auto total = [](const Tensor& v) { return sum(marked(v)); };
  EXPECT_EQ(bits(grad(total)(x)), bits(expected));
  EXPECT_EQ(bits(vmap(grad(total))(x)), bits(expected));
  EXPECT_EQ(bits(grad([&](const Tensor& v) { return sum(vmap(total)(v)); })(x)), bits(expected));
  EXPECT_EQ(bits(grad(checkpoint(total))(x)), bits(expected));
  EXPECT_EQ(bits(grad([&](const Tensor& v) { return sum(vmap(checkpoint(total))(v)); })(x)), bits(expected));
  EXPECT_EQ(bits(jvp(total, x, ones({3, 5})).second), bits(sum(x * 3)));
  EXPECT_EQ(bits(jvp(checkpoint(marked), x, x).second), bits(x * 3 * x));
  EXPECT_EQ(bits(vmap([](const Tensor& v) { return jvp(marked, v, v).second; })(x)), bits(x * 3 * x));
  // The derivative of the rule, not of the function's derivative: (3·x)' = 3.
  auto second = [](auto f) { return grad([f](const Tensor& v) { return sum(grad(f)(v)); }); };
  EXPECT_EQ(bits(second(total)(x)), bits(full({3, 5}, 3.f)));
  EXPECT_EQ(bits(second(checkpoint(total))(x)), bits(full({3, 5}, 3.f)));
  EXPECT_EQ(bits(vmap(second(total))(x)), bits(full({3, 5}, 3.f)));
  EXPECT_EQ(bits(second([&](const Tensor& v) { return sum(vmap(total)(v)); })(x)), bits(full({3, 5}, 3.f)));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(in_every_mode(second(total), x), tree_bits(full({3, 5}, 3.f)));
    EXPECT_EQ(in_every_mode(vmap(second(total)), x), tree_bits(full({3, 5}, 3.f)));
  }
  // A rule whose backward function is itself checkpointed, batched and differentiated.
  auto f = custom_vjp([](const Tensor& t) { return sum(t * t); },
                      [](const Tensor& t) {
                        return std::pair{sum(t * t), t};
                      },
                      [](const Tensor& t, const Tensor& dy) {
                        return checkpoint([](const Tensor& a, const Tensor& b) { return a * b * 2; })(t, dy);
                      });
  EXPECT_EQ(bits(grad([&](const Tensor& v) { return sum(vmap(grad(f))(v) * v); })(x)), bits(x * 2 + x * 2));
}

// Products with the Hessian: over a checkpoint, of a batch, by either order of derivatives.
TEST(TransformNesting, HessianVectorProducts) {
  const Tensor x = batch().to(f64), v = expect::numbers({3, 5}, 4).to(f64);
  auto product = [](auto f) { return [=](const Tensor& a, const Tensor& t) { return jvp(grad(f), a, t).second; }; };
  auto reverse = [](auto f) {
    return
        [=](const Tensor& a, const Tensor& t) { return grad([&](const Tensor& u) { return sum(grad(f)(u) * t); })(a); };
  };
  const Tensor expected = vmap(reverse(energy))(x, v);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(bits(expected[i]), bits(reverse(energy)(x[i], v[i])));
  EXPECT_LT(largest(vmap(product(energy))(x, v) - expected), 1e-15);
  EXPECT_LT(largest(vmap(product(checkpoint(energy)))(x, v) - expected), 1e-14);
  EXPECT_LT(largest(vmap(reverse(checkpoint(energy)))(x, v) - expected), 1e-14);
  auto batched = [](const Tensor& u) { return sum(vmap(energy)(u)); };
  EXPECT_LT(largest(product(batched)(x, v) - expected), 1e-15);
  EXPECT_LT(largest(reverse(batched)(x, v) - expected), 1e-15);
  auto batched_checkpoint = [](const Tensor& u) { return sum(vmap(checkpoint(energy))(u)); };
  EXPECT_LT(largest(product(batched_checkpoint)(x, v) - expected), 1e-14);
  EXPECT_LT(largest(reverse(batched_checkpoint)(x, v) - expected), 1e-14);
  const Tensor xf = batch(), vf = v.to(f32);
  in_every_mode(vmap(product(checkpoint(energy))), xf, vf);
  in_every_mode(reverse(batched_checkpoint), xf, vf);
}

// Compiled and frozen functions inside of what transforms take.
TEST(TransformNesting, CompiledInside) {
  const Tensor& x = batch();
  auto f = [](const Tensor& t) { return tanh(t) * exp(t * 0.5f); };
  auto loss = [](auto g) { return [=](const Tensor& t) { return sum(square(g(g(t)))); }; };
  const std::string expected = bits(grad(loss(f))(x));
  auto ruled = [](auto g) {
    return custom_vjp(
        g,
        [g](const Tensor& t) {
          return std::pair{g(t), t};
        },
        compile([](const Tensor& t, const Tensor& dy) {
          return dy * (exp(t * 0.5f) - square(tanh(t)) * exp(t * 0.5f) + tanh(t) * exp(t * 0.5f) * 0.5f);
        }));
  };
  const Tensor by_rule = grad(loss(ruled(f)))(x);
  EXPECT_LT(largest(by_rule - grad(loss(f))(x)), 1e-5);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bits(grad(loss(checkpoint(compile(f))))(x)), expected);
    EXPECT_EQ(bits(grad(loss(checkpoint(freeze(f))))(x)), expected);
    EXPECT_EQ(bits(grad(loss(ruled(compile(f))))(x)), bits(by_rule));
    EXPECT_EQ(bits(grad([&](const Tensor& t) { return sum(vmap(checkpoint(compile(f)))(t)); })(x)),
              bits(grad([&](const Tensor& t) { return sum(f(t)); })(x)));
  }
}

// A Jacobian, column by column and row by row.
TEST(TransformNesting, Jacobians) {
  const Tensor m = expect::numbers({4, 3}).to(f64), x = expect::numbers({4}, 2).to(f64);
  auto f = [&](const Tensor& t) { return sin(matmul(t, m)); };
  const Tensor exact = m * reshape(cos(matmul(x, m)), {1, 3});
  const Tensor columns = vmap([&](const Tensor& t) { return jvp(f, x, t).second; })(eye(4, f64));
  const Tensor rows = vmap([&](const Tensor& t) { return std::get<0>(vjp(f, x).second(t)); })(eye(3, f64));
  EXPECT_LT(largest(columns - exact), 1e-15);
  EXPECT_LT(largest(transpose(rows) - exact), 1e-15);
}

// A pullback made outside of a vmap, pulled once inside; and one that leaves it.
TEST(TransformNesting, PullbacksAcrossTheBorder) {
  const Tensor x = batch();
  auto f = [](const Tensor& t) { return t * t; };
  auto [y, pullback] = vjp(f, x[0]);
  const auto& pull = pullback;
  EXPECT_EQ(bits(vmap([&](const Tensor& dy) { return std::get<0>(pull(dy)); })(x)), bits(x * (x[0] * 2)));
}

// Fusing and recomputing leave the plan of a compiled training step alone from call to call.
TEST(TransformNesting, PlansAreFoundAgain) {
  const Tensor& x = batch();
  auto step = compile(grad([](const Tensor& v) { return sum(vmap(checkpoint(energy))(marked(v))); }));
  for (int i = 0; i < 4; ++i) step(x);
  EXPECT_EQ(step.cache().plans().size(), 1u);
}

}  // namespace
}  // namespace duet
