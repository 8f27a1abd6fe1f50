// What every op says of operands that do not fit: whole messages, and inputs that are as before.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ops/cases.h"

namespace duet::testing {
namespace {

/// The message of what f throws; its place must be this file, and is left out.
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    std::string text = e.what();
    const size_t place = text.rfind(" [op_errors_test.cpp:");
    // (alias and stop_gradient take no operand, so they know no line.)
    EXPECT_TRUE(place != text.npos || text.starts_with("alias") || text.starts_with("stop_gradient"))
        << "without the user's line: " << text;
    EXPECT_TRUE(thread_state.line.file == nullptr) << "the line is left behind";
    return text.substr(0, place);
  }
  return "nothing was thrown";
}

class OpErrorsTest : public ::testing::Test {
 protected:
  const Tensor a = tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}), b = tensor({1.f, 2.f}), v = tensor({1.f, 2.f, 3.f});
  const Tensor n = tensor({{1, 2, 3}, {0, 1, 2}}), d = a.to(f64), u = n.to(u8), m = n.to(boolean), empty;
  const std::vector<const Tensor*> all = {&a, &b, &v, &n, &d, &u, &m};
  std::vector<std::vector<uint8_t>> before;
  void SetUp() override {
    for (const Tensor* t : all) before.push_back(bits(*t));
  }
  void TearDown() override {
    for (size_t i = 0; i < all.size(); ++i)
      EXPECT_EQ(bits(*all[i]), before[i]) << "an operand of a failed call changed";
    EXPECT_TRUE(thread_state.line.file == nullptr);
  }
};

/// Op on operands, with this file's line.
template <class Op>
void call(const std::vector<const Tensor*>& x) {
  std::vector<std::unique_ptr<Operand>> operands;
  std::vector<Inputs::Ref> refs;
  for (const Tensor* t : x)
    refs.emplace_back(*operands.emplace_back(std::make_unique<Operand>(*t, std::source_location::current())));
  dispatch(op<Op>(), Inputs(std::span<const Inputs::Ref>(refs)));
}

TEST_F(OpErrorsTest, EveryPointwiseOp) {
  for_each_op<PointwiseOps>([&]<class Op>() {
    const std::string name(Op::name);
    // All operands fit but the last, which is what is tested.
    auto with_last = [&](const Tensor& good, const Tensor& last) {
      std::vector<const Tensor*> x;
      for (int i = 0; i < Op::kInputs; ++i)
        x.push_back(i == Op::kInputs - 1 ? &last : (Op::kBoolIn >> i) & 1u ? &m : &good);
      return message([&] { call<Op>(x); });
    };
    EXPECT_EQ(with_last(a, empty),
              fmt::format("{}: operand {} is an empty Tensor; give it a value first", name, Op::kInputs));
    if (Op::kAccepts == kFloats) {
      EXPECT_EQ(with_last(n, n), name + ": takes floating numbers: i32[2,3]; use .to(f32)");
      EXPECT_EQ(with_last(m, m), name + ": takes floating numbers: bool[2,3]; use .to(f32)");
    } else if (Op::kAccepts == kNumbers) {
      EXPECT_EQ(with_last(m, m), name + ": takes numbers, not bool: bool[2,3]; use .to(f32)");
    } else if (Op::kBoolIn != (1u << Op::kInputs) - 1) {
      EXPECT_EQ(Op::kAccepts, kAnyDType) << name;
    } else {  // bools alone
      EXPECT_EQ(with_last(m, a), fmt::format("{}: operand {} must be bool: f32[2,3]; compare it first, as in x != 0",
                                             name, Op::kInputs));
      if (Op::kInputs > 1) {
        EXPECT_EQ(with_last(m, b != b),
                  name + ": shapes do not broadcast: bool[2,3], bool[2]; axes must be equal or 1, aligned at the last");
      }
      return;
    }
    if (Op::kInputs > 1) {
      EXPECT_EQ(with_last(a, n), name + ": element types differ: f32[2,3] and i32[2,3]; convert one with .to(f32)");
      EXPECT_EQ(with_last(n, d), name + ": element types differ: i32[2,3] and f64[2,3]; convert one with .to(f64)");
      EXPECT_EQ(with_last(a, d), name + ": element types differ: f32[2,3] and f64[2,3]; convert one with .to(f64)");
      std::string shapes = Op::kBoolIn ? "bool[2,3]" : "f32[2,3]";
      for (int i = 1; i < Op::kInputs - 1; ++i) shapes += ", f32[2,3]";
      EXPECT_EQ(with_last(a, b), name + ": shapes do not broadcast: " + shapes +
                                     ", f32[2]; axes must be equal or 1, aligned at the last");
    }
    if (Op::kBoolIn) {
      EXPECT_EQ(message([&] {
                  call<Op>({&a, &a, &a});
                }),
                name + ": operand 1 must be bool: f32[2,3]; compare it first, as in x != 0");
    }
  });
}

TEST_F(OpErrorsTest, Numbers) {
  EXPECT_EQ(message([&] { n + 0.5f; }), "add: the floating number 0.5 beside i32 tensors; convert them with .to(f32)");
  EXPECT_EQ(message([&] { n * 2.0; }), "mul: the floating number 2 beside i32 tensors; convert them with .to(f32)");
  EXPECT_EQ(message([&] { u + 300; }), "add: 300 does not fit u8; convert the tensor to a wider type");
  EXPECT_EQ(message([&] { n - 3'000'000'000; }),
            "sub: 3000000000 does not fit i32; convert the tensor to a wider type");
  EXPECT_EQ(message([&] { static_cast<void>(m == 2); }), "eq: 2 does not fit bool; convert the tensor to a wider type");
  EXPECT_EQ(message([&] { neg(true); }), "neg: takes numbers, not bool: true; use .to(f32)");
  EXPECT_EQ(exp(0).dtype(), f32) << "numbers alone take a type that the op takes";
}

/// A wrong call and what it must say.
struct Wrong {
  std::string wanted;
  std::function<void()> call;
};

TEST_F(OpErrorsTest, EveryOtherOp) {
  const Key key(1);
  Tensor deep = zeros({1, 1, 1, 1, 1, 2});
  auto unslice = [](const Operand& x) {
    int64_t attrs[] = {0, 0, 4, 1};
    dispatch(op<Unslice>(), {x}, attrs);
  };
  auto on_key = [](const auto& record, const Operand& x) {
    int64_t attrs[] = {3};
    dispatch(record, {x}, attrs);
  };
  const std::vector<Wrong> wrongs = {
      // movement
      {"reshape: 6 elements do not fill [4]: f32[2,3]; give extents whose product is 6", [&] { reshape(a, {4}); }},
      {"reshape: 6 elements do not fill [4,-1]: f32[2,3]; give extents whose product is 6",
       [&] {
         reshape(a, {4, -1});
       }},
      {"reshape: operand 1 is an empty Tensor; give it a value first", [&] { reshape(empty, {4}); }},
      {"transpose: axes [0,0] are no order of f32[2,3]; name each axis once",
       [&] {
         transpose(a, {0, 0});
       }},
      {"transpose: axes [0] are no order of f32[2,3]; name each axis once", [&] { transpose(a, {0}); }},
      {"transpose: operand 1 is an empty Tensor; give it a value first", [&] { transpose(empty); }},
      {"broadcast_to: f32[2,3] does not repeat to [2,4]; only axes of extent 1 repeat",
       [&] {
         broadcast_to(a, {2, 4});
       }},
      {"broadcast_to: f32[2,3] does not repeat to [3]; only axes of extent 1 repeat", [&] { broadcast_to(a, {3}); }},
      {"broadcast_to: operand 1 is an empty Tensor; give it a value first", [&] { broadcast_to(empty, {3}); }},
      {"slice: there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { a.slice(2, 0, 1); }},
      {"slice: the step 0 is not positive: f32[2,3]; give 1 or more, flip turns round", [&] { a.slice(0, 0, 1, 0); }},
      {"slice: the operand is an empty Tensor; give it a value first", [&] { slice_axis(empty, 0, 0, 1); }},
      {"slice: the operand is a number; give a tensor", [&] { slice_axis(1.5f, 0, 0, 1); }},
      {"unslice: operand 1 is an empty Tensor; give it a value first", [&] { unslice(empty); }},
      {"concat: element types differ: f32[2,3] and i32[2,3]; convert one with .to(f32)",
       [&] {
         concat({a, n});
       }},
      {"concat: shapes differ beside axis 1: f32[2,3] and f32[3]; only that axis may",
       [&] {
         concat({a, v}, 1);
       }},
      {"concat: there are no tensors; give at least one", [&] { concat({}); }},
      {"concat: operand 2 is an empty Tensor; give it a value first",
       [&] {
         concat({a, empty});
       }},
      {"concat: operand 1 is an empty Tensor; give it a value first",
       [&] {
         concat({empty, a});
       }},
      {"concat: there is no axis 0: f32[]; a scalar has no axes",
       [&] {
         concat({zeros({}), zeros({})});
       }},
      {"copy: operand 1 is an empty Tensor; give it a value first", [&] { contiguous(empty); }},
      {"cast: operand 1 is an empty Tensor; give it a value first", [&] { cast(empty, f32); }},
      {"alias: the operand is an empty Tensor; give it a value first", [&] { alias(empty); }},
      {"stop_gradient: the operand is an empty Tensor; give it a value first", [&] { stop_gradient(empty); }},
      // products
      {"matmul: inner axes differ: f32[2,3] · f32[2,3] (3 vs 2); did you mean transpose(b)?", [&] { matmul(a, a); }},
      {"matmul: takes two floating tensors of one type: f32[2,3] · f64[3,2]; use .to(f32)",
       [&] { matmul(a, transpose(d)); }},
      {"matmul: takes two floating tensors of one type: i32[2,3] · i32[3,2]; use .to(f32)",
       [&] { matmul(n, transpose(n)); }},
      {"matmul: leading axes do not broadcast: f32[2,1,3] · f32[3,3,1]; they must be equal or 1",
       [&] {
         matmul(reshape(a, {2, 1, 3}), zeros({3, 3, 1}));
       }},
      {"matmul: operand 2 is an empty Tensor; give it a value first", [&] { matmul(a, empty); }},
      {"matmul: operand 1 is an empty Tensor; give it a value first", [&] { matmul(empty, a); }},
      {"matmul: a matrix needs two axes: f32[2,3] · 2", [&] { matmul(a, 2.0f); }},
      {"matmul: a matrix or vector is needed: f32[2,3] · f32[]; multiply by a number with *",
       [&] { matmul(a, zeros({})); }},
      // indices
      {"gather: indices must be integers: f32[2]; use .to(i64)", [&] { gather(a, b); }},
      {"gather: there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { gather(a, n, 2); }},
      {"gather: index 2 is out of range: element 1 of i32[2,3]; it must be in -2 to 1", [&] { gather(a, n, 0); }},
      {"gather: the result of f32[1,1,1,1,1,2] at i32[2,3] has too many axes; at most 6", [&] { gather(deep, n); }},
      {"gather: the operand is an empty Tensor; give it a value first", [&] { gather(empty, n); }},
      {"gather: operand 2 is an empty Tensor; give it a value first", [&] { gather(a, empty); }},
      {"take: index 6 is out of range: element 1 of i32[2]; it must be in -6 to 5",
       [&] {
         take(a, tensor({0, 6}));
       }},
      {"scatter_add: indices must be integers: bool[2,3]; use .to(i64)", [&] { scatter_add(a, m, a); }},
      {"scatter_add: takes numbers of one type: f32[3] and f64[2,3]", [&] { scatter_add(v, n, d); }},
      {"scatter_add: updates do not fit: f32[2,3] into f32[2,3] at i32[2,3]; they must be [2,3,3]",
       [&] { scatter_add(a, n, a); }},
      {"scatter_add: index 3 is out of range: element 2 of i32[2,3]; it must be in -3 to 2",
       [&] { scatter_add(v, n, a); }},
      {"scatter_add: operand 3 is an empty Tensor; give it a value first", [&] { scatter_add(v, n, empty); }},
      {"one_hot: indices must be integers: f32[2,3]; use .to(i64)", [&] { one_hot(a, 3); }},
      {"one_hot: label 3 is out of range: element 2 of i32[2,3]; it must be in 0 to 2", [&] { one_hot(n, 3); }},
      {"one_hot: the number of classes is negative: -1; give 0 or more", [&] { one_hot(n, -1); }},
      {"one_hot: i32[1,1,1,1,1,2] has too many axes already; give at most 5", [&] { one_hot(deep.to(i32), 3); }},
      {"one_hot: operand 1 is an empty Tensor; give it a value first", [&] { one_hot(empty, 3); }},
      {"embedding: the table has not two axes: f32[3]; give f32[V,D]", [&] { embedding(v, n); }},
      {"embedding: index 2 is out of range: element 1 of i32[2,3]; it must be in 0 to 1", [&] { embedding(a, n); }},
      // from nothing
      {"full: the value is a tensor: f32[3]; use broadcast_to", [&] { full({3}, v); }},
      {"shape: an extent is negative: [-1]; extents are 0 or more", [&] { full({-1}, 1); }},
      {"shape: f32[4611686018427387904] has more bytes than 63 bits can count; give smaller extents",
       [&] { zeros({int64_t{1} << 62}); }},
      {"full: the floating number 0.5 for i32 elements; give an integer, or ask for f32",
       [&] { full({3}, 0.5f, i32); }},
      {"full: 256 does not fit u8; choose a wider type", [&] { full({3}, 256, u8); }},
      {"arange: the number of elements is negative: -1; give 0 or more", [&] { arange(-1); }},
      {"arange: there is no range of bool; use i32", [&] { arange(3, boolean); }},
      {"arange: 0 to 1 by 0 is no range; give finite numbers and a step that is not 0", [&] { arange(0.0, 1.0, 0.0); }},
      {"arange: 0 to 1e+300 by 1 has too many elements; give a larger step", [&] { arange(0.0, 1e300); }},
      {"arange: 0.5 is no i32; give whole numbers, or ask for f32", [&] { arange(0.5, 3.0, 1, i32); }},
      // random
      {"uniform: operand 1 is no key: f32[3]; keys come from Key(seed), split and fold_in",
       [&] { on_key(op<Uniform>(), v); }},
      {"normal: operand 1 is no key: f32[3]; keys come from Key(seed), split and fold_in",
       [&] { on_key(op<Normal>(), v); }},
      {"permutation: operand 1 is no key: i32[2,3]; keys come from Key(seed), split and fold_in",
       [&] { on_key(op<Permutation>(), n); }},
      {"permutation: the number of elements is negative: -1; give 0 or more", [&] { permutation(key, -1); }},
      {"split: operand 1 is no key: f32[3]; keys come from Key(seed), split and fold_in",
       [&] { on_key(op<Split>(), v); }},
      {"split: the number of keys is negative: -1; give 0 or more", [&] { split(key, -1); }},
      {"fold_in: the number must be one integer: f32[3]", [&] { fold_in(key, v); }},
      {"fold_in: operand 2 is an empty Tensor; give it a value first", [&] { fold_in(key, empty); }},
      {"bernoulli: 1.5 is no probability; give a number in 0 to 1", [&] { bernoulli(key, 1.5, {3}); }},
      // composites
      {"softmax: takes floating numbers: i32[2,3]; use .to(f32)", [&] { softmax(n); }},
      {"softmax: there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { softmax(a, 2); }},
      {"softmax: the operand is an empty Tensor; give it a value first", [&] { softmax(empty); }},
      {"softmax: the operand is a number; give a tensor", [&] { softmax(1.5f); }},
      {"log_softmax: takes floating numbers: bool[2,3]; use .to(f32)", [&] { log_softmax(m); }},
      {"cross_entropy: labels must be integers: f32[2]; use .to(i32)", [&] { cross_entropy(a, b); }},
      {"cross_entropy: the labels are not a tensor; give i32 labels", [&] { cross_entropy(a, empty); }},
      {"cross_entropy: logits and labels do not fit: f32[2,3] and i32[2,3]; labels have the logits' shape without the "
       "last axis",
       [&] { cross_entropy(a, n); }},
      {"cross_entropy: label 3 is out of range: element 0 of i32[2]; it must be in 0 to 2",
       [&] {
         cross_entropy(a, tensor({3, 0}));
       }},
      {"layer_norm: a scalar has no axis to normalise: f32[]; give at least one axis",
       [&] { layer_norm(zeros({}), v, v); }},
      {"layer_norm: takes floating numbers: u8[2,3]; use .to(f32)", [&] { layer_norm(u, v, v); }},
      {"layer_norm: gamma is f32[2] for f32[2,3]; it must have one number a feature: [3]",
       [&] { layer_norm(a, b, v); }},
      {"layer_norm: beta is f32[2,3] for f32[2,3]; it must have one number a feature: [3]",
       [&] { layer_norm(a, v, a); }},
      {"matmul: inner axes differ: f32[2,3] · f32[2,3] (3 vs 2); did you mean transpose(b)?", [&] { linear(a, a, v); }},
      {"sub: shapes do not broadcast: f32[2,3], f32[2]; axes must be equal or 1, aligned at the last",
       [&] { mse(a, b); }},
  };
  std::set<std::string> named;
  for (const Wrong& w : wrongs) {
    EXPECT_EQ(message(w.call), w.wanted);
    named.insert(w.wanted.substr(0, w.wanted.find(':')));
  }
  // No op of the other lists is without a message here.
  auto check_named = [&]<class Op>() {
    EXPECT_TRUE(named.count(std::string(Op::name))) << Op::name << " has no wrong call here";
  };
  for_each_op<MovementOps>(check_named);
  for_each_op<MatmulOps>(check_named);
  for_each_op<IndexOps>(check_named);
  for_each_op<CreateOps>(check_named);
  for_each_op<RandomOps>(check_named);
}

}  // namespace
}  // namespace duet::testing
