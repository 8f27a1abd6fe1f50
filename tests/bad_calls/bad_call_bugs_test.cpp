// What the generated wrong calls found, and what is said now: whole messages.
#include "expect.h"

namespace duet {
namespace {

const Tensor kEmpty;

/// A value like x that a compiled function recorded and never computed.
Tensor never_computed(const Tensor& x) {
  Tensor escaped;
  auto f = compile([&](const Tensor& t) {
    escaped = t + 1;
    throw 1;
    return t;
  });
  try {
    f(x);
  } catch (int) {
  }
  return escaped;
}

struct Two {
  Tensor a, b;
};

// The first parameter was moved on and the step counted before the second's gradient was found to be dead.
TEST(BadCallBugs, AnUpdateByADeadGradientChangesNothing) {
  Two m{expect::numbers({7}, 1), expect::numbers({2, 3}, 2)};
  const Two g{ones({7}), never_computed(ones({2, 3}))};
  const std::string text = ": the value was never computed: f32[2,3]; the compiled function that recorded it threw";
  auto refuses = [&](const std::string& who, auto optimiser) {
    const std::string before = expect::tree_bits(m) + expect::tree_bits(optimiser);
    EXPECT_ERROR(TraceError, optimiser.update(m, g, 0.1f), who + text);
    EXPECT_EQ(expect::tree_bits(m) + expect::tree_bits(optimiser), before);
  };
  refuses("Sgd", optim::Sgd::init(m, 0.9f));
  refuses("Sgd", optim::Sgd::init(m, 0, {.weight_decay = 0.1f}));
  refuses("Adam", optim::Adam::init(m));
  refuses("AdamW", optim::AdamW::init(m));
  refuses("Lion", optim::Lion::init(m));
  optim::Adam adam = optim::Adam::init(m);
  const std::string before = expect::tree_bits(adam);
  EXPECT_ERROR(TraceError, adam.update(m, m, never_computed(ones({}))),
               "Adam: the value was never computed: f32[]; the compiled function that recorded it threw");
  EXPECT_EQ(expect::tree_bits(adam), before);
}

// sum_to named no line, or one of duet's own, and spoke of reshape.
TEST(BadCallBugs, SumToSaysWhatItCannot) {
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(Error, sum_to(kEmpty, {3}), "sum_to: the operand is an empty Tensor; give it a value first");
  const std::string advice = " broadcasts to; give a shape whose axes are equal or 1";
  EXPECT_ERROR(ShapeError, sum_to(x, {2}), "sum_to: f32[2,3] is not what [2]" + advice);
  EXPECT_ERROR(ShapeError, sum_to(x, {1, 2, 3}), "sum_to: f32[2,3] is not what [1,2,3]" + advice);
  EXPECT_ERROR(ShapeError, sum_to(x, {-1, 3}), "sum_to: f32[2,3] is not what [-1,3]" + advice);
}

// The message spoke of [0,-1], which nobody had written.
TEST(BadCallBugs, ReshapeNamesTheExtentsThatWereGiven) {
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(ShapeError, reshape(x, {-1, -1}),
               "reshape: [-1,-1] has two unknown extents: f32[2,3]; one extent may be -1, the others are 0 or more");
  EXPECT_ERROR(ShapeError, reshape(x, {-2, -3}),
               "reshape: [-2,-3] has a negative extent: f32[2,3]; one extent may be -1, the others are 0 or more");
}

// n − ddof overflowed for the least of all integers; fewer than 0 are no degrees of freedom.
TEST(BadCallBugs, NegativeDegreesOfFreedom) {
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(Error, var(x, 1, -1), "var: ddof is negative: -1; give 0, or 1 for the unbiased estimate");
  EXPECT_ERROR(Error, stddev(x, 1, INT64_MIN),
               "stddev: ddof is negative: -9223372036854775808; give 0, or 1 for the unbiased estimate");
}

// Products of sizes overflowed before they were extents of a tensor.
TEST(BadCallBugs, SizesOfLayersDoNotOverflow) {
  EXPECT_ERROR(ShapeError, nn::GruCell::init(6, INT64_MAX, Key(1)),
               "GruCell: 9223372036854775807 hidden units are too many; give fewer");
  EXPECT_ERROR(ShapeError, nn::Conv2d::init(6, 4, {INT64_MAX, 3}, Key(1)),
               "shape: f32[4,6,9223372036854775807,3] has more bytes than 63 bits can count; give smaller extents");
}

// A plan counted with sizes that overflowed, and named no line.
TEST(BadCallBugs, WhatNoMachineHasIsRefusedWhenItIsRecorded) {
  auto f = [](const Tensor& x) { return std::pair{zeros({INT64_MAX}, u8), x + 1}; };
  const std::string text = "allocate: 9223372036854775807 bytes are more than any machine has; give smaller extents";
  EXPECT_ERROR(OutOfMemory, f(ones({2})), text);
  EXPECT_ERROR(OutOfMemory, compile(f)(ones({2})), text);
  EXPECT_ERROR(OutOfMemory, freeze(f)(ones({2})), text);
}

// The kernel read operands that were not there.
TEST(BadCallBugs, ARecordTakesAsManyOperandsAsItSays) {
  const Tensor x = ones({2});
  EXPECT_ERROR(ShapeError, dispatch(op<Add>(), {Operand(x)}), "add: takes 2 operands: 1 given; give as many");
  EXPECT_ERROR(ShapeError, dispatch(op<Exp>(), {Operand(x), Operand(x)}),
               "exp: takes 1 operand: 2 given; give as many");
}

// freeze named no line.
TEST(BadCallBugs, FreezeOfADeadValueNamesItsLine) {
  const Tensor x = never_computed(ones({2}));
  auto f = freeze([](const Tensor& t) { return t * 2; });
  EXPECT_ERROR(TraceError, f(x),
               "freeze: the value was never computed: f32[2]; the compiled function that recorded it threw");
}

// Functions made of others spoke of an operation that the user had not called.
TEST(BadCallBugs, CompositesSpeakOfThemselves) {
  const Tensor x = never_computed(ones({2, 3})), good = ones({2, 3}), wide = ones({3}, f64);
  const std::string dead = ": the value was never computed: f32[2,3]; the compiled function that recorded it threw";
  EXPECT_ERROR(TraceError, mean(x), "mean" + dead);
  EXPECT_ERROR(TraceError, softmax(x), "softmax" + dead);
  EXPECT_ERROR(TraceError, var(x), "var" + dead);
  EXPECT_ERROR(TraceError, squeeze(x, 0), "squeeze" + dead);
  EXPECT_ERROR(DTypeError, layer_norm(good, wide, ones({3})), "layer_norm: gamma is f64[3] for f32[2,3]; use .to(f32)");
  EXPECT_ERROR(DTypeError, batch_norm(good, ones({3}), wide, ones({3}), ones({3})),
               "batch_norm: beta is f64[3] for f32[2,3]; use .to(f32)");
}

// true was read as the bits of a floating number.
TEST(BadCallBugs, ClippingByATruthValue) {
  const Two g{ones({7}), ones({2, 3})};
  EXPECT_ERROR(Error, optim::clip_by_global_norm(g, false),
               "clip_by_global_norm: the largest norm must be positive: 0");
  EXPECT_EQ(expect::tree_bits(optim::clip_by_global_norm(g, true)),
            expect::tree_bits(optim::clip_by_global_norm(g, 1)));
}

}  // namespace
}  // namespace duet
