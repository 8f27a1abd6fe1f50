// What normalisations, losses, dropout and attention say of operands that do not fit: whole messages, and inputs that
// are as before.
#include "expect.h"

namespace duet {
namespace {

using namespace expect;

class NeuralErrors : public testing::Test {
 protected:
  const Tensor x = ones({2, 3, 4}), c = ones({3}), v = ones({4}), n = tensor({{1, 2, 3}}), d = x.to(f64), empty;
  const std::string before = bits(x) + bits(c) + bits(v) + bits(n) + bits(d);
  void TearDown() override { EXPECT_EQ(bits(x) + bits(c) + bits(v) + bits(n) + bits(d), before); }
};

TEST_F(NeuralErrors, Normalisations) {
  EXPECT_ERROR(ShapeError, rms_norm(zeros({}), v),
               "rms_norm: a scalar has no axis to normalise: f32[]; give at least one axis");
  EXPECT_ERROR(DTypeError, rms_norm(n, v), "rms_norm: takes floating numbers: i32[1,3]; use .to(f32)");
  EXPECT_ERROR(Error, rms_norm(empty, v), "rms_norm: the operand is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, rms_norm(2.f, v), "rms_norm: the operand is a number; give a tensor");
  EXPECT_ERROR(ShapeError, rms_norm(x, c),
               "rms_norm: gamma is f32[3] for f32[2,3,4]; it must have one number a feature: [4]");
  // What broadcasts would make more of x.
  EXPECT_ERROR(ShapeError, rms_norm(v, x),
               "rms_norm: gamma is f32[2,3,4] for f32[4]; it must have one number a feature: [4]");
  EXPECT_ERROR(ShapeError, rms_norm(ones({2, 1}), v),
               "rms_norm: gamma is f32[4] for f32[2,1]; it must have one number a feature: [1]");
  EXPECT_ERROR(ShapeError, layer_norm(ones({2, 1}), v, v),
               "layer_norm: gamma is f32[4] for f32[2,1]; it must have one number a feature: [1]");
  EXPECT_ERROR(ShapeError, layer_norm(x, v, x),
               "layer_norm: beta is f32[2,3,4] for f32[2,3,4]; it must have one number a feature: [4]");
  EXPECT_ERROR(ShapeError, nn::LayerNorm::init(4)(ones({2, 1})),
               "layer_norm: gamma is f32[4] for f32[2,1]; it must have one number a feature: [1]");
  EXPECT_EQ(bits(layer_norm(x, 2.f, 1.f)), bits(layer_norm(x, full({4}, 2.f), ones({4}))));
  EXPECT_ERROR(ShapeError, group_norm(v, 1, v, v), "group_norm: channels are axis 1: f32[4]; give [N,C,…]");
  EXPECT_ERROR(ShapeError, group_norm(x, 2, c, c),
               "group_norm: 2 groups do not divide 3 channels: f32[2,3,4]; give a divisor");
  EXPECT_ERROR(ShapeError, group_norm(x, 0, c, c),
               "group_norm: 0 groups do not divide 3 channels: f32[2,3,4]; give a divisor");
  EXPECT_ERROR(ShapeError, group_norm(x, 3, v, c),
               "group_norm: gamma is f32[4] for f32[2,3,4]; it must have one number a channel: [3]");
  EXPECT_ERROR(Error, group_norm(x, 3, c, empty), "group_norm: the beta is an empty Tensor; give it a value first");
  EXPECT_ERROR(DTypeError, group_norm(n, 1, c, c), "group_norm: takes floating numbers: i32[1,3]; use .to(f32)");
  EXPECT_ERROR(ShapeError, batch_norm(c, c, c, c, c), "batch_norm: channels are axis 1: f32[3]; give [N,C,…]");
  EXPECT_ERROR(ShapeError, batch_norm(x, c, c, c, v),
               "batch_norm: variance is f32[4] for f32[2,3,4]; it must have one number a channel: [3]");
  EXPECT_ERROR(ShapeError, batch_norm(x, c, c, 0.5f, c), "batch_norm: the mean is a number; give a tensor");
  EXPECT_ERROR(DTypeError, batch_norm(x, c, n, c, c), "batch_norm: takes floating numbers: i32[1,3]; use .to(f32)");
  EXPECT_ERROR(ShapeError, batch_statistics(c), "batch_statistics: channels are axis 1: f32[3]; give [N,C,…]");
  EXPECT_ERROR(DTypeError, batch_statistics(n), "batch_statistics: takes floating numbers: i32[1,3]; use .to(f32)");
}

// Labels are data: a wrong one is found when the plan runs, and named as its user wrote it.
TEST_F(NeuralErrors, ALabelOutOfRange) {
  const Tensor logits = ones({2, 3}), good = tensor({2, 0}), bad = tensor({0, 3});
  const auto loss = [](const Tensor& a, const Tensor& labels) { return cross_entropy(a * 2, labels); };
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto f = with_mode(mode, loss);
    const std::string right = bits(f(logits, good));
    EXPECT_ERROR(IndexError, f(logits, bad),
                 "cross_entropy: label 3 is out of range: element 1 of i32[2]; it must be in 0 to 2");
    EXPECT_EQ(bits(f(logits, good)), right);
    auto codes = with_mode(mode, [](const Tensor& labels) { return one_hot(labels, 3); });
    codes(good);
    EXPECT_ERROR(IndexError, codes(bad), "one_hot: label 3 is out of range: element 1 of i32[2]; it must be in 0 to 2");
  }
}

TEST_F(NeuralErrors, Losses) {
  EXPECT_ERROR(ShapeError, binary_cross_entropy(x, c),
               "binary_cross_entropy: shapes do not broadcast: f32[2,3,4], f32[3]; axes must be equal or 1, aligned at "
               "the last");
  EXPECT_ERROR(Error, binary_cross_entropy(x, empty),
               "binary_cross_entropy: operand 2 is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, huber(x, c),
               "sub: shapes do not broadcast: f32[2,3,4], f32[3]; axes must be equal or 1, aligned at the last");
  EXPECT_ERROR(Error, huber(x, x, 0), "huber: delta is 0; give a number above 0");
  EXPECT_ERROR(Error, huber(x, x, INFINITY), "huber: delta is inf; give a number above 0");
}

TEST_F(NeuralErrors, Dropout) {
  const Key key(1);
  EXPECT_ERROR(Error, dropout(x, 1, key),
               "dropout: 1 is no share to drop; give a number from 0 up to, not including, 1");
  EXPECT_ERROR(Error, dropout(x, -0.5, key),
               "dropout: -0.5 is no share to drop; give a number from 0 up to, not including, 1");
  EXPECT_ERROR(Error, dropout(x, NAN, key),
               "dropout: nan is no share to drop; give a number from 0 up to, not including, 1");
  EXPECT_ERROR(DTypeError, dropout(n, 0.5, key), "dropout: takes floating numbers: i32[1,3]; use .to(f32)");
  EXPECT_ERROR(ShapeError, dropout(1.5f, 0.5, key), "dropout: the operand is a number; give a tensor");
}

TEST_F(NeuralErrors, Attention) {
  const Tensor k = ones({5, 4}), s = ones({2, 5, 6});
  EXPECT_ERROR(ShapeError, attention(v, k, k),
               "attention: two axes are needed, [T,D]: q f32[4], k f32[5,4], v f32[5,4]");
  EXPECT_ERROR(ShapeError, attention(x, s, s),
               "attention: queries and keys differ in width: q f32[2,3,4], k f32[2,5,6], v f32[2,5,6] (4 vs 6); both "
               "must be [.., D]");
  EXPECT_ERROR(ShapeError, attention(x, k, x),
               "attention: there must be a value for each key: q f32[2,3,4], k f32[5,4], v f32[2,3,4] (3 vs 5)");
  EXPECT_ERROR(DTypeError, attention(x, k, k, {.mask = ones({3, 5}, i32)}),
               "attention: the mask is i32[3,5] beside f32[2,3,4]; give bool, or numbers of the same type to add");
  EXPECT_ERROR(ShapeError, attention(x, k, k, {.mask = ones({3, 4})}),
               "attention: the mask is f32[3,4] for scores [2,3,5]; it must broadcast to them");
  EXPECT_ERROR(ShapeError, attention(x, k, k, {.mask = ones({7, 2, 3, 5}, boolean)}),
               "attention: the mask is bool[7,2,3,5] for scores [2,3,5]; it must broadcast to them");
  EXPECT_ERROR(DTypeError, attention(n, n, n), "attention: takes floating numbers: i32[1,3]; use .to(f32)");
  EXPECT_ERROR(Error, attention(x, empty, x), "attention: the key is an empty Tensor; give it a value first");
  EXPECT_ERROR(DTypeError, attention(x, d, d),
               "matmul: takes two floating tensors of one type: f32[2,3,4] · f64[2,4,3]; use .to(f32)");
  EXPECT_ERROR(ShapeError, attention(x, ones({3, 5, 4}), ones({3, 5, 4})),
               "matmul: leading axes do not broadcast: f32[2,3,4] · f32[3,4,5]; they must be equal or 1");
}

}  // namespace
}  // namespace duet
