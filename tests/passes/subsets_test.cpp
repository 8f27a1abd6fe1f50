// Passes change speed alone: known programs with each pass off in turn, and with every subset of them, compiled and
// frozen, give the eager bits. Random programs: tests/ops/random_graph_test.cpp.
#include "passes/recorded.h"

namespace duet {
namespace {

using expect::all_passes;
using expect::numbers;
using expect::tree_bits;

/// Passes to leave out: one bit each.
std::vector<std::string> subset(unsigned bits) {
  std::vector<std::string> names;
  for (size_t i = 0; i < all_passes().size(); ++i)
    if ((bits >> i) & 1u) names.push_back(all_passes()[i]);
  return names;
}
unsigned subsets() { return 1u << all_passes().size(); }
bool one_or_all(unsigned bits) { return (bits & (bits - 1)) == 0 || bits + 1 == subsets(); }

/// f(args…) twice in every mode without each subset of passes that `wanted` takes.
template <class F, class... A>
void same_bits(const F& f, bool (*wanted)(unsigned), const A&... args) {
  auto run = [&](auto&& g) {
    std::tuple<A...> copies(args...);
    std::string bits;
    for (int i = 0; i < 2; ++i) {
      bits += tree_bits(std::apply(g, copies));
      std::apply([&](const auto&... a) { ((bits += tree_bits(a)), ...); }, copies);
    }
    return bits;
  };
  const std::string eager = run(f);
  for (unsigned bits = 0; bits < subsets(); ++bits) {
    if (!wanted(bits)) continue;
    std::string without;
    for (const std::string& name : subset(bits)) without += name + " ";
    EXPECT_EQ(run(compile(f, {subset(bits)})) == eager, true) << "compiled without " << without;
    EXPECT_EQ(run(freeze(f, {OnNewShape::fail, subset(bits)})) == eager, true) << "frozen without " << without;
  }
}
bool every(unsigned) { return true; }

struct Mlp {
  nn::Linear hidden, out;
};

TEST(Subsets, MlpStep) {
  auto [a, b] = split<2>(Key(7));
  const Mlp m{nn::Linear::init(9, 17, a), nn::Linear::init(17, 5, b)};
  auto step = [](Mlp& net, optim::Adam& adam, const Tensor& x, const Tensor& y) {
    auto loss = [](const Mlp& n, const Tensor& t, const Tensor& label) {
      return cross_entropy(n.out(relu(n.hidden(t))), label);
    };
    auto [l, g] = value_and_grad(loss)(net, x, y);
    adam.update(net, g, 1e-2f);
    return l;
  };
  same_bits(step, every, m, optim::Adam::init(m), numbers({6, 9}), tensor({0, 1, 4, 3, 2, 2}));
}

TEST(Subsets, Softmax) {
  same_bits(grad([](const Tensor& x) { return sum(softmax(x) * log_softmax(x, 0)); }), every, numbers({7, 33}));
}

TEST(Subsets, LayerNorm) {
  auto f = grad<0, 1, 2>([](const Tensor& x, const Tensor& scale, const Tensor& shift) {
    return mean(square(layer_norm(x, scale, shift)));
  });
  same_bits(f, every, numbers({5, 40}), numbers({40}, 2), numbers({40}, 3));
}

TEST(Subsets, Attention) {
  auto f = grad<0, 1, 2>([](const Tensor& q, const Tensor& k, const Tensor& v) {
    return sum(square(attention(q, k, v, {.causal = true})));
  });
  same_bits(f, one_or_all, numbers({2, 3, 9, 8}), numbers({2, 3, 9, 8}, 2), numbers({2, 3, 9, 8}, 3));
}

TEST(Subsets, Convolution) {
  auto f = grad<0, 1>([](const Tensor& x, const Tensor& w) { return mean(square(max_pool2d(relu(conv2d(x, w)), 2))); });
  same_bits(f, one_or_all, numbers({2, 3, 8, 8}), numbers({4, 3, 3, 3}, 2));
}

TEST(Subsets, SecondDerivativesAndCheckpoints) {
  auto energy = checkpoint([](const Tensor& x) { return mean(tanh(x) * exp(x * 0.5f)); });
  auto product = [=](const Tensor& x, const Tensor& v) {
    return grad([&](const Tensor& t) { return sum(grad(energy)(t) * v); })(x);
  };
  same_bits(product, every, numbers({19}), numbers({19}, 2));
}

TEST(Subsets, RandomNumbers) {
  auto f = [](const Tensor& x, const Key& key) {
    return grad([&](const Tensor& t) {
      return sum(dropout(square(t), 0.25f, fold_in(key, 1)) * normal(fold_in(key, 3), {4, 6}));
    })(x);
  };
  same_bits(f, one_or_all, numbers({4, 6}), Key(5));
}

}  // namespace
}  // namespace duet
