// Calls that fail half-way: arguments are as they were, whatever failed and where.
#include "expect.h"

namespace duet {
namespace {

using expect::floats;
using expect::tree_bits;

struct Model {
  Tensor w;
  std::vector<Tensor> rest;
  int steps = 0;
};
Model make() { return {tensor({1.0, 2.0, 3.0}) + 0, {tensor({4.0}) + 0, tensor({5.0}) + 0}, 0}; }

// Host code throws after half of the model was rebound.
TEST(FootgunFailures, HostCodeThrows) {
  auto f = [](Model& m, const Tensor& x, bool fail) {
    m.w = m.w * x;
    m.rest[0] = m.rest[0] + 1;
    m.rest.push_back(x);
    ++m.steps;
    if (fail) throw std::runtime_error("host");
    m.rest[1] = m.rest[1] - 1;
  };
  auto run = compile(f);
  Model m = make(), expected = make();
  const Tensor x = tensor({2.0, 2.0, 2.0});
  for (int i = 0; i < 3; ++i) {
    const std::string before = tree_bits(m);
    EXPECT_THROW(run(m, x, true), std::runtime_error);
    EXPECT_EQ(tree_bits(m), before);
    EXPECT_EQ(m.rest.size(), expected.rest.size());
    EXPECT_EQ(m.steps, i);
    run(m, x, false);
    f(expected, x, false);
    EXPECT_EQ(tree_bits(m), tree_bits(expected));
  }
}

// duet itself throws while f is recorded.
TEST(FootgunFailures, RecordingThrows) {
  auto f = [](Model& m, const Tensor& x) {
    m.w = m.w * 2;
    m.rest[0] = m.rest[0] + x;
    m.w = m.w + x;
  };
  Model m = make();
  const std::string before = tree_bits(m);
  EXPECT_ERROR(ShapeError, compile(f)(m, zeros({2})),
               "add: shapes do not broadcast: f32[3], f32[2]; axes must be equal or 1, aligned at the last");
  EXPECT_EQ(tree_bits(m), before);
  EXPECT_ERROR(ShapeError, freeze(f)(m, zeros({2})),
               "add: shapes do not broadcast: f32[3], f32[2]; axes must be equal or 1, aligned at the last");
  EXPECT_EQ(tree_bits(m), before);
}

// A kernel finds a bad index when the plan runs, after kernels that could have computed in the model's storage.
TEST(FootgunFailures, PlanThrows) {
  auto f = [](Model& m, const Tensor& index) {
    m.w = m.w * 2;
    m.rest[0] = m.rest[0] + 1;
    Tensor picked = gather(m.w, index);
    m.w = m.w + sum(picked);
    m.rest[1] = sum(picked) + m.rest[1];
  };
  const Tensor good = tensor({0, 2}), bad = tensor({0, 7});
  const std::string message = "gather: index 7 is out of range: element 1 of i32[2]; it must be in -3 to 2";
  auto check = [&](auto&& run) {
    Model m = make(), expected = make();
    for (int i = 0; i < 3; ++i) {
      run(m, good);
      f(expected, good);
      EXPECT_EQ(tree_bits(m), tree_bits(expected));
      const std::string before = tree_bits(m);
      EXPECT_ERROR(IndexError, run(m, bad), message);
      EXPECT_EQ(tree_bits(m), before);
    }
  };
  check(compile(f));
  check(freeze(f));
  // The very first call fails.
  for (Mode mode : {Mode::compiled, Mode::frozen}) {
    auto run = with_mode(mode, f);
    Model m = make();
    const std::string before = tree_bits(m);
    EXPECT_ERROR(IndexError, run(m, bad), message);
    EXPECT_EQ(tree_bits(m), before);
    run(m, good);
    EXPECT_NE(tree_bits(m), before);
  }
}

// An rvalue whose call fails is still what it was for frozen, which does not move from it before the plan has run.
TEST(FootgunFailures, RvalueOfAFailedFrozenCall) {
  auto f = freeze([](const Tensor& w, const Tensor& index) { return gather(w, index) * 2; });
  Tensor w = tensor({1.0, 2.0}) + 0;
  f(w, tensor({0}));
  EXPECT_THROW(f(std::move(w), tensor({5})), IndexError);
  EXPECT_EQ(floats(w), (std::vector<float>{1, 2}));
}

// Optimisers look at whole trees before they write.
TEST(FootgunFailures, OptimiserWithForeignGradients) {
  struct Two {
    Tensor a, b;
  };
  for (bool use_adam : {false, true}) {
    Two m{tensor({1.0, 2.0}) + 0, tensor({3.0}) + 0};
    Two wrong{ones({2}), ones({4})};
    optim::Adam adam = optim::Adam::init(m);
    optim::Sgd sgd = optim::Sgd::init(m, 0.9f);
    const std::string before = tree_bits(m) + tree_bits(adam) + tree_bits(sgd);
    if (use_adam) {
      EXPECT_ERROR(ShapeError, adam.update(m, wrong, 0.1f),
                   "Adam: the trees differ: parameter 2 is f32[1], its gradient f32[4], its state f32[1]; init the "
                   "optimiser from this model");
      EXPECT_ERROR(ShapeError, adam.update(m, m, tensor({0.1, 0.2})),
                   "Adam: the learning rate must be a number or one element: f32[2]");
    } else {
      EXPECT_ERROR(ShapeError, sgd.update(m, wrong, 0.1f),
                   "Sgd: the trees differ: parameter 2 is f32[1], its gradient f32[4], its state f32[1]; init the "
                   "optimiser from this model");
      EXPECT_ERROR(ShapeError, sgd.update(m, m, tensor({0.1, 0.2})),
                   "Sgd: the learning rate must be a number or one element: f32[2]");
    }
    EXPECT_EQ(tree_bits(m) + tree_bits(adam) + tree_bits(sgd), before);
  }
}

// x += y that fails leaves x alone, also where it would have been computed in place.
TEST(FootgunFailures, CompoundAssignment) {
  Tensor x = tensor({1.0, 2.0}) + 0;
  EXPECT_THROW(x += zeros({3}), ShapeError);
  EXPECT_THROW(x *= tensor({1, 2}), DTypeError);
  EXPECT_THROW(x -= Tensor(), Error);
  EXPECT_EQ(floats(x), (std::vector<float>{1, 2}));
}

}  // namespace
}  // namespace duet
