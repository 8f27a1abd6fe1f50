// What optimisers and schedules refuse, before anything changes.
#include "expect.h"

namespace duet {
namespace {

struct Two {
  Tensor a, b;
};
Two start() { return {expect::numbers({7}, 1) + 0, expect::numbers({2, 3}, 2) + 0}; }

TEST(OptimErrors, StateMustFit) {
  Two m = start();
  struct One {
    Tensor a;
  };
  One one{ones({7})};
  optim::Adam adam = optim::Adam::init(one);
  EXPECT_ERROR(ShapeError, adam.update(m, m, 0.1f),
               "Adam: the trees differ: 2 parameters, 2 gradients, state for 1; init the optimiser from this model");
  optim::Sgd sgd = optim::Sgd::init(one, 0.9f);
  EXPECT_ERROR(ShapeError, sgd.update(m, m, 0.1f),
               "Sgd: the trees differ: 2 parameters, 2 gradients, state for 1; init the optimiser from this model");
  optim::AdamW adamw = optim::AdamW::init(one);
  EXPECT_ERROR(ShapeError, adamw.update(m, m, 0.1f),
               "AdamW: the trees differ: 2 parameters, 2 gradients, state for 1; init the optimiser from this model");
  optim::Lion lion = optim::Lion::init(one);
  EXPECT_ERROR(ShapeError, lion.update(m, m, 0.1f),
               "Lion: the trees differ: 2 parameters, 2 gradients, state for 1; init the optimiser from this model");
  lion = optim::Lion::init(m);
  lion.decays.pop_back();
  EXPECT_ERROR(ShapeError, lion.update(m, m, 0.1f),
               "Lion: the trees differ: 2 parameters, decay said of 1; init the optimiser from this model");
  EXPECT_ERROR(Error, optim::Sgd::init(m, 0, {.nesterov = true}), "Sgd: Nesterov's step needs momentum: 0; give 0.9");
}

// Decays and ε are checked where they come in, and again where they are used: they are fields that anyone may set.
TEST(OptimErrors, AdamsNumbersMustMakeSense) {
  Two m = start();
  const std::string before = expect::tree_bits(m);
  auto refuses = [&](float beta1, float beta2, float epsilon, const std::string& message) {
    EXPECT_ERROR(Error, optim::Adam::init(m, beta1, beta2, epsilon), "Adam: " + message);
    EXPECT_ERROR(Error, optim::AdamW::init(m, {.beta1 = beta1, .beta2 = beta2, .epsilon = epsilon}),
                 "AdamW: " + message);
    optim::Adam adam = optim::Adam::init(m);
    adam.beta1 = beta1, adam.beta2 = beta2, adam.epsilon = epsilon;
    EXPECT_ERROR(Error, adam.update(m, m, 0.1f), "Adam: " + message);
    EXPECT_EQ(adam.step.item(), 0);
    EXPECT_EQ(expect::tree_bits(m), before);
  };
  refuses(1, 0.999f, 1e-8f, "beta1 must be at least 0 and below 1: 1");
  refuses(-0.5f, 0.999f, 1e-8f, "beta1 must be at least 0 and below 1: -0.5");
  refuses(0.9f, 1.5f, 1e-8f, "beta2 must be at least 0 and below 1: 1.5");
  refuses(0.9f, std::nanf(""), 1e-8f, "beta2 must be at least 0 and below 1: nan");
  refuses(0.9f, 0.999f, 0, "epsilon must be positive: 0");
  refuses(0.9f, 0.999f, -1e-8f, "epsilon must be positive: -1e-08");
  optim::Adam plain = optim::Adam::init(m, 0, 0);  // no memory: steps along the sign
  plain.update(m, Two{ones({7}), -ones({2, 3})}, 0.5f);
  EXPECT_EQ(expect::tree_bits(m), expect::tree_bits(Two{start().a - 0.5f, start().b + 0.5f}));
}

TEST(OptimErrors, LionsNumbersMustMakeSense) {
  Two m = start();
  const std::string before = expect::tree_bits(m);
  auto refuses = [&](float beta1, float beta2, const std::string& message) {
    EXPECT_ERROR(Error, optim::Lion::init(m, {.beta1 = beta1, .beta2 = beta2}), "Lion: " + message);
    optim::Lion lion = optim::Lion::init(m);
    lion.beta1 = beta1, lion.beta2 = beta2;
    EXPECT_ERROR(Error, lion.update(m, m, 0.1f), "Lion: " + message);
    EXPECT_EQ(expect::tree_bits(lion.m), expect::tree_bits(optim::Lion::init(m).m));
    EXPECT_EQ(expect::tree_bits(m), before);
  };
  refuses(1, 0.99f, "beta1 must be at least 0 and below 1: 1");
  refuses(-0.5f, 0.99f, "beta1 must be at least 0 and below 1: -0.5");
  refuses(0.9f, 1.5f, "beta2 must be at least 0 and below 1: 1.5");
  refuses(0.9f, std::nanf(""), "beta2 must be at least 0 and below 1: nan");
  optim::Lion plain = optim::Lion::init(m, {.beta1 = 0, .beta2 = 0});  // no memory: steps along the sign
  plain.update(m, Two{ones({7}), -ones({2, 3})}, 0.5f);
  EXPECT_EQ(expect::tree_bits(m), expect::tree_bits(Two{start().a - 0.5f, start().b + 0.5f}));
}

// A rate that does not fit is found before anything changes.
TEST(OptimErrors, AFailedUpdateChangesNothing) {
  Two m = start();
  auto refuses = [&](const std::string& who, auto optimizer) {
    const std::string before = expect::tree_bits(m) + expect::tree_bits(optimizer);
    EXPECT_ERROR(DTypeError, optimizer.update(m, m, full({}, 0.1, f64)),
                 who + ": the learning rate is f64[], parameter 1 is f32[7]; use .to(f32)");
    EXPECT_ERROR(ShapeError, optimizer.update(m, m, tensor({0.1, 0.2})),
                 who + ": the learning rate must be a number or one element: f32[2]");
    EXPECT_ERROR(ShapeError, optimizer.update(m, Two{m.a, m.a}, 0.1f),
                 who + ": the trees differ: parameter 2 is f32[2,3], its gradient f32[7], its state " +
                     (who == "Sgd" ? "f32[7]" : "f32[2,3]") + "; init the optimiser from this model");
    EXPECT_EQ(expect::tree_bits(m) + expect::tree_bits(optimizer), before);
  };
  refuses("Adam", optim::Adam::init(m));
  refuses("AdamW", optim::AdamW::init(m));
  refuses("Lion", optim::Lion::init(m, {.weight_decay = 0.1f}));
  refuses("Sgd", optim::Sgd::init(m, 0, {.weight_decay = 0.1f}));
}

}  // namespace
}  // namespace duet
