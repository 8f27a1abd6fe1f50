// Mixed precision: what an Autocast rounds, that every life of a function does it alike, and loss scaling.
#include <gtest/gtest.h>

#include <thread>

#include "files.h"
#include "modes.h"

namespace duet::expect {
namespace {

constexpr DType kBoth[] = {bf16, f16};

Tensor rounded(const Tensor& x, DType t) { return x.to(t).to(f32); }

struct Mlp {
  nn::Linear hidden, out;
};
Mlp make_mlp() {
  auto [k1, k2] = split<2>(Key(7));
  return {nn::Linear::init(12, 16, k1), nn::Linear::init(16, 4, k2)};
}
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(m.out(relu(m.hidden(x))), y); }
Tensor images() { return uniform(Key(3), {20, 12}); }
Tensor labels() { return arange(20, i32) - 4 * (arange(20) * 0.25f).to(i32); }

TEST(AutocastTest, ProductsTakeRoundedOperandsAndGiveF32) {
  const Tensor a = numbers({5, 7}), b = numbers({7, 3}, 2), bias = numbers({3}, 3);
  for (DType t : kBoth) {
    const Tensor wanted = matmul(rounded(a, t), rounded(b, t));
    EXPECT_NE(bits(wanted), bits(matmul(a, b)));
    const Tensor exact = a + a;
    Autocast scope(t);
    EXPECT_EQ(bits(matmul(a, b)), bits(wanted));
    EXPECT_EQ(bits(linear(a, b, bias)), bits(wanted + bias));
    EXPECT_EQ(bits(matmul(a.row(0), b)), bits(wanted.row(0)));
    EXPECT_EQ(bits(a + a), bits(exact));
    EXPECT_EQ(matmul(a.to(f64), b.to(f64)).dtype(), f64);
    EXPECT_EQ(bits(matmul(a.to(t), b)), bits(wanted));  // mixed ones are no error here
    const Tensor x = numbers({2, 3, 6, 6}, 4), w = numbers({4, 3, 3, 3}, 5);
    const Tensor y = conv2d(x, w);
    Autocast none(f32);
    EXPECT_EQ(bits(y), bits(conv2d(rounded(x, t), rounded(w, t))));
  }
}

TEST(AutocastTest, ScopesNestAndBelongToTheirThread) {
  const Tensor a = numbers({4, 4});
  const std::string exact = bits(matmul(a, a));
  {
    Autocast outer(bf16);
    const std::string in_bf16 = bits(matmul(a, a));
    {
      Autocast inner(f16);
      EXPECT_EQ(bits(matmul(a, a)), bits(matmul(rounded(a, f16), rounded(a, f16))));
      Autocast none(f32);
      EXPECT_EQ(bits(matmul(a, a)), exact);
    }
    EXPECT_EQ(bits(matmul(a, a)), in_bf16);
    std::string elsewhere;
    std::thread([&] { elsewhere = bits(matmul(a, a)); }).join();
    EXPECT_EQ(elsewhere, exact);
    EXPECT_THROW(matmul(a, Tensor()), Error);
  }
  EXPECT_EQ(bits(matmul(a, a)), exact);
  EXPECT_ERROR(DTypeError, Autocast scope(f64),
               "Autocast: products are not computed in f64; give bf16 or f16, or f32 for none");
  EXPECT_EQ(thread_state.autocast, 0);
}

// The gradient of a product rounds as the product did, also outside of the scope.
TEST(AutocastTest, GradientsRoundAsTheProductsDid) {
  const Mlp m = make_mlp();
  const Tensor x = images(), y = labels();
  for (DType t : kBoth) {
    auto [l1, g1] = [&] {
      Autocast scope(t);
      return value_and_grad(loss)(m, x, y);
    }();
    auto [l2, g2] = value_and_grad([&](const Mlp& n) {
      Autocast scope(t);
      return loss(n, x, y);
    })(m);
    EXPECT_EQ(bits(l1), bits(l2));
    EXPECT_EQ(tree_bits(g1), tree_bits(g2));
    EXPECT_NE(tree_bits(g1), tree_bits(grad(loss)(m, x, y)));
    const Tensor dy = numbers({5, 3}, 9), a = numbers({5, 7}), b = numbers({7, 3}, 2);
    const Tensor da = grad([&](const Tensor& v) {
      Autocast scope(t);
      return sum(matmul(v, b) * dy);
    })(a);
    EXPECT_EQ(bits(da), bits(rounded(matmul(rounded(dy, t), rounded(b, t).transpose()), t)));
  }
}

TEST(AutocastTest, EveryModeAndTransformRoundsAlike) {
  const Mlp m = make_mlp();
  const Tensor x = images(), y = labels();
  for (DType t : kBoth) {
    auto inside = [t](const Mlp& n, const Tensor& a, const Tensor& b) {
      Autocast scope(t);
      return value_and_grad(loss)(n, a, b);
    };
    const std::string wanted = in_every_mode(inside, m, x, y);
    auto plain = [](const Mlp& n, const Tensor& a, const Tensor& b) { return value_and_grad(loss)(n, a, b); };
    {
      Autocast scope(t);
      EXPECT_EQ(in_every_mode(plain, m, x, y), wanted);
      auto again = [](const Mlp& n, const Tensor& a, const Tensor& b) {
        return value_and_grad([&](const Mlp& k) { return checkpoint(loss)(k, a, b); })(n);
      };
      EXPECT_EQ(in_every_mode(again, m, x, y), wanted);
    }
    // Recomputed outside of the scope: still as it was computed first.
    auto recomputed = [t](const Mlp& n, const Tensor& a, const Tensor& b) {
      return value_and_grad([&](const Mlp& k) {
        Autocast scope(t);
        return checkpoint(loss)(k, a, b);
      })(n);
    };
    EXPECT_EQ(in_every_mode(recomputed, m, x, y), wanted);
    const Tensor w = numbers({12, 12}, 5);
    auto example = [t, w](const Tensor& v) {
      Autocast scope(t);
      return matmul(v, w) * 2;
    };
    expect_rows(example, x);
    expect_rows([&](const Tensor& v) { return grad([&](const Tensor& u) { return sum(square(example(u))); })(v); }, x);
  }
}

TEST(AutocastTest, CompiledFunctionsFollowTheScopeOfTheCall) {
  const Tensor a = numbers({8, 8});
  auto f = [](const Tensor& v) { return matmul(v, v) + v; };
  const std::string exact = bits(f(a));
  auto compiled = compile(f);
  auto retraced = freeze(f, {.on_new_shape = OnNewShape::retrace});
  auto frozen = freeze(f);
  EXPECT_EQ(bits(compiled(a)), exact);
  EXPECT_EQ(bits(retraced(a)), exact);
  EXPECT_EQ(bits(frozen(a)), exact);
  for (DType t : kBoth) {
    Autocast scope(t);
    const std::string wanted = bits(f(a));
    EXPECT_NE(wanted, exact);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(bits(compiled(a)), wanted);
      EXPECT_EQ(bits(retraced(a)), wanted);
    }
  }
  EXPECT_EQ(bits(compiled(a)), exact);
  EXPECT_EQ(bits(retraced(a)), exact);
  EXPECT_EQ(bits(frozen(a)), exact);
  Autocast scope(bf16);
  try {
    frozen(a);
    FAIL();
  } catch (const TraceError& e) {
    EXPECT_NE(std::string(e.what()).find("the call is inside another Autocast: bf16, was none"), std::string::npos)
        << e.what();
  }
}

// --- 16-bit parameters ---

TEST(AutocastTest, OptimisersUpdateHalvesInF32) {
  for (DType t : kBoth) {
    auto train = [t](auto optimiser) {
      Tensor p = numbers({40}).to(t), g = numbers({40}, 2).to(t);
      auto o = optimiser(p);
      Tensor wide = p.to(f32);
      auto exact = optimiser(wide);
      for (int i = 0; i < 3; ++i) {
        exact.update(wide, g.to(f32), 0.01f);
        o.update(p, g, 0.01f);
        wide = rounded(wide, t);  // as the parameter is between steps
        EXPECT_EQ(p.dtype(), t);
        EXPECT_EQ(bits(p.to(f32)), bits(wide)) << i;
      }
      for_each_leaf(o, [](const Tensor& s) { EXPECT_EQ(s.dtype(), f32); });
    };
    train([](const Tensor& p) { return optim::Adam::init(p); });
    train([](const Tensor& p) { return optim::AdamW::init(p); });
    train([](const Tensor& p) { return optim::Lion::init(p); });
    train([](const Tensor& p) { return optim::Sgd::init(p, 0.9f, {.nesterov = true, .weight_decay = 0.1f}); });
    train([](const Tensor& p) { return optim::Sgd::init(p); });
  }
}

// --- loss scaling ---

TEST(LossScaleTest, APowerOfTwoChangesNoBit) {
  Mlp m = make_mlp(), n = m;
  optim::Adam a = optim::Adam::init(m), b = a;
  optim::LossScale scaler = optim::LossScale::init(1024);
  const Tensor x = images(), y = labels();
  for (int i = 0; i < 3; ++i) {
    auto [l, g] = value_and_grad([&](const Mlp& k) { return scaler.scaled(loss(k, x, y)); })(m);
    EXPECT_TRUE(scaler.update(a, m, g, 0.01f));
    b.update(n, grad(loss)(n, x, y), 0.01f);
    EXPECT_EQ(tree_bits(m), tree_bits(n));
    EXPECT_EQ(tree_bits(a), tree_bits(b));
  }
  EXPECT_EQ(scaler.good_steps.item(), 3);
  EXPECT_EQ(scaler.scale.item(), 1024);
}

TEST(LossScaleTest, AStepWithInfiniteGradientsChangesNothingButTheScale) {
  Mlp m = make_mlp();
  optim::Adam adam = optim::Adam::init(m);
  optim::LossScale scaler = optim::LossScale::init(8, {.interval = 2});
  const Mlp ones = [&] {
    Mlp g = m;
    for_each_leaf(g, [](Tensor& t) { t = duet::ones(t.shape()); });
    return g;
  }();
  const std::string before = tree_bits(m) + tree_bits(adam);
  for (float bad : {INFINITY, -INFINITY, NAN}) {
    Mlp g = ones;
    g.out.bias = where(arange(4, i32) == 2, bad, g.out.bias);
    EXPECT_FALSE(scaler.update(adam, m, g, 0.01f));
    EXPECT_EQ(tree_bits(m) + tree_bits(adam), before);
  }
  EXPECT_EQ(scaler.scale.item(), 1);  // 8, 4, 2, 1
  EXPECT_TRUE(scaler.update(adam, m, ones, 0.01f));
  EXPECT_EQ(scaler.good_steps.item(), 1);
  EXPECT_NE(tree_bits(m) + tree_bits(adam), before);
  EXPECT_TRUE(scaler.update(adam, m, ones, 0.01f));
  EXPECT_EQ(scaler.good_steps.item(), 0);
  EXPECT_EQ(scaler.scale.item(), 2);
  Mlp bad = ones;
  bad.hidden.bias = bad.hidden.bias * INFINITY;
  for (int i = 0; i < 3; ++i) scaler.update(adam, m, bad, 0.01f);
  EXPECT_EQ(scaler.scale.item(), 1);  // no smaller
}

// A compiled step skips and adjusts by itself: nothing is read on the host, and one plan serves all.
TEST(LossScaleTest, ItIsPartOfACompiledStep) {
  struct State {
    Mlp m;
    optim::Adam adam;
    optim::LossScale scaler;
  };
  auto step = [](State& s, const Tensor& x, const Tensor& y) {
    Autocast scope(f16);
    auto [l, g] = value_and_grad([&](const Mlp& k) { return s.scaler.scaled(loss(k, x, y)); })(s.m);
    return s.scaler.update(s.adam, s.m, g, 0.01f);
  };
  const Mlp m = make_mlp();
  State eager{m, optim::Adam::init(m), optim::LossScale::init(0x1p30f, {.interval = 3})}, a = eager, b = eager;
  auto compiled = compile(step);
  auto frozen = freeze(step);
  int taken = 0;
  for (int i = 0; i < 40; ++i) {
    const bool ok = static_cast<bool>(step(eager, images(), labels()));
    taken += ok ? 1 : 0;
    EXPECT_EQ(static_cast<bool>(compiled(a, images(), labels())), ok);
    EXPECT_EQ(static_cast<bool>(frozen(b, images(), labels())), ok);
    ASSERT_EQ(tree_bits(eager), tree_bits(a)) << i;
    ASSERT_EQ(tree_bits(eager), tree_bits(b)) << i;
  }
  EXPECT_GT(taken, 10);
  EXPECT_LT(taken, 40);
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  for (const graph::Event& e : compiled.cache().events()) EXPECT_NE(e.what, "split");

  const TempFolder folder;
  io::save(folder / "state.safetensors", eager);
  State read = a;
  read.scaler = optim::LossScale::init();
  io::load(folder / "state.safetensors", read);
  EXPECT_EQ(tree_bits(read), tree_bits(eager));
}

TEST(LossScaleTest, Errors) {
  EXPECT_ERROR(Error, optim::LossScale::init(0), "LossScale: the scale must be positive and finite: 0");
  EXPECT_ERROR(Error, optim::LossScale::init(2, {.growth = 1}),
               "LossScale: growth 1 must be above 1, backoff 0.5 between 0 and 1, interval 2000 positive");
  optim::LossScale scaler = optim::LossScale::init();
  EXPECT_ERROR(DTypeError, scaler.scaled(duet::ones({}, i32)),
               "LossScale: takes floating numbers: i32[]; use .to(f32)");
  Tensor p = duet::ones({3}, f16);
  optim::Sgd sgd = optim::Sgd::init(p);
  EXPECT_ERROR(DTypeError, scaler.update(sgd, p, p, 0.1f),
               "LossScale: gradient 1 is f16[3]; keep the parameters in f32 and compute under Autocast(f16)");
}

}  // namespace
}  // namespace duet::expect
