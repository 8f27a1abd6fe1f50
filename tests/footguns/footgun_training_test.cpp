// 200 training steps with a schedule: eager, compiled and frozen end with the same bits, on any number of threads and
// any instruction set.
#include <fmt/format.h>

#include <optional>

#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "expect.h"

namespace duet {
namespace {

struct Mlp {
  nn::Linear first, second, out;
};

// x: f32[B,64]   y: i32[B]
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) {
  return cross_entropy(m.out(relu(m.second(relu(m.first(x))))), y);
}

Mlp model() {
  auto [a, b, c] = split<3>(Key(7));
  return {nn::Linear::init(64, 128, a), nn::Linear::init(128, 64, b), nn::Linear::init(64, 10, c)};
}

constexpr int kBatches = 8;
struct Data {
  std::vector<Tensor> x, y;
};
const Data& batches() {
  static const Data data = [] {
    Data d;
    for (int i = 0; i < kBatches; ++i) {
      const int rows = i == kBatches - 1 ? 29 : 32;  // the last batch is short
      d.x.push_back(uniform(fold_in(Key(11), i), {rows, 64}));
      d.y.push_back((uniform(fold_in(Key(12), i), {rows}) * 10).to(i32));
    }
    return d;
  }();
  return data;
}

int steps() {
  const char* size = std::getenv("DUET_TEST_SIZE");
  return size != nullptr && std::string(size) == "small" ? 24 : 200;
}
// A cosine from 0.05 to 0.
float rate(int step) {
  return 0.025f * (1 + std::cos(3.14159265f * static_cast<float>(step) / static_cast<float>(steps())));
}

struct Outcome {
  std::string weights, losses;
  size_t plans;
};

template <class Optimizer>
Outcome train(Mode mode, Optimizer optimizer, const std::vector<std::string>& without = {}) {
  Mlp m = model();
  auto step = with_mode(
      mode,
      [](Mlp& net, Optimizer& state, const Tensor& x, const Tensor& y, float lr) {
        auto [l, g] = value_and_grad(loss)(net, x, y);
        state.update(net, g, lr);
        return l;
      },
      without);
  Outcome o;
  for (int i = 0; i < steps(); ++i) {
    const auto k = static_cast<size_t>(i % kBatches);
    o.losses += expect::bits(step(m, optimizer, batches().x[k], batches().y[k], rate(i)));
  }
  o.weights = expect::tree_bits(m) + expect::tree_bits(optimizer);
  o.plans = step.cache().plans().size();
  return o;
}

class FootgunTraining : public ::testing::Test {
 protected:
  ~FootgunTraining() override {
    cpu::set_threads(0);
    for (const char* isa : {"v4", "v3", "base"})
      if (cpu::set_isa(isa)) break;
  }
  template <class Make>
  void same_everywhere(Make make) {
    std::optional<Outcome> first;
    for (const char* isa : {"v3", "v4"}) {
      if (!cpu::set_isa(isa)) continue;
      for (int threads : {1, 2}) {
        cpu::set_threads(threads);
        for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
          SCOPED_TRACE(fmt::format("{} {} threads {}", isa, threads, std::string(name(mode))));
          Outcome o = train(mode, make());
          if (!first) first = o;
          EXPECT_EQ(o.losses == first->losses, true);
          EXPECT_EQ(o.weights == first->weights, true);
          EXPECT_EQ(o.plans, mode == Mode::eager ? 0u : 2u);  // 32 rows, 29 rows; never one for each rate
        }
      }
    }
    ASSERT_TRUE(first.has_value());
  }
};

TEST_F(FootgunTraining, Adam) {
  same_everywhere([] { return optim::Adam::init(model()); });
}
TEST_F(FootgunTraining, SgdWithMomentum) {
  same_everywhere([] { return optim::Sgd::init(model(), 0.9f); });
}
TEST_F(FootgunTraining, SgdPlain) {
  same_everywhere([] { return optim::Sgd::init(model()); });
}

TEST_F(FootgunTraining, AnySubsetOfPasses) {
  const Outcome eager = train(Mode::eager, optim::Adam::init(model()));
  const std::vector<std::vector<std::string>> subsets = {{"fold"},
                                                         {"simplify"},
                                                         {"cse"},
                                                         {"dce"},
                                                         {"fuse"},
                                                         {"plan_memory"},
                                                         {"fuse", "combine", "schedule", "plan_memory"},
                                                         {"fold", "simplify", "cse", "dce", "fuse", "combine", "schedule", "plan_memory"}};
  for (const auto& without : subsets)
    for (Mode mode : {Mode::compiled, Mode::frozen}) {
      SCOPED_TRACE(fmt::format("without {} … {}", without.front(), std::string(name(mode))));
      const Outcome o = train(mode, optim::Adam::init(model()), without);
      EXPECT_EQ(o.losses == eager.losses, true);
      EXPECT_EQ(o.weights == eager.weights, true);
    }
}

// The loss falls: what agrees is also right.
TEST_F(FootgunTraining, Learns) {
  Mlp m = model();
  optim::Adam adam = optim::Adam::init(m);
  const Data& d = batches();
  const float before = loss(m, d.x[0], d.y[0]).item();
  auto step = compile([](Mlp& net, optim::Adam& state, const Tensor& x, const Tensor& y, float lr) {
    auto [l, g] = value_and_grad(loss)(net, x, y);
    state.update(net, g, lr);
    return l;
  });
  for (int i = 0; i < 60; ++i) step(m, adam, d.x[0], d.y[0], 1e-2f);
  EXPECT_LT(loss(m, d.x[0], d.y[0]).item(), 0.1f * before);
}

}  // namespace
}  // namespace duet
