// What convolution and pooling say of operands that do not fit: whole messages, and inputs that are as before.
#include <fmt/format.h>

#include <limits>

#include "expect.h"

namespace duet {
namespace {

using namespace expect;

class ConvErrors : public testing::Test {
 protected:
  const Tensor x = ones({2, 4, 5, 6}), w = ones({3, 4, 3, 3}), v = ones({4}), n = ones({2, 4, 5, 6}, i32), empty;
  const std::string before = bits(x) + bits(w) + bits(v) + bits(n);
  void TearDown() override { EXPECT_EQ(bits(x) + bits(w) + bits(v) + bits(n), before); }
};

TEST_F(ConvErrors, Convolution) {
  EXPECT_ERROR(ShapeError, conv2d(v, w), "conv2d: takes images [N,C,H,W]: f32[4]");
  EXPECT_ERROR(ShapeError, conv2d(x, v), "conv2d: the weight is f32[4]; it must be [O,C/groups,kh,kw]");
  EXPECT_ERROR(DTypeError, conv2d(n, w), "conv2d: takes floating numbers: i32[2,4,5,6]; use .to(f32)");
  EXPECT_ERROR(Error, conv2d(x, empty), "conv2d: the weight is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, conv2d(1.f, w), "conv2d: the operand is a number; give a tensor");
  EXPECT_ERROR(ShapeError, conv2d(x, ones({3, 5, 3, 3})),
               "conv2d: channels differ: f32[2,4,5,6], weight f32[3,5,3,3] (4 vs 5 in 1 groups of 5); weight must be "
               "[O,C/groups,kh,kw]");
  EXPECT_ERROR(ShapeError, conv2d(x, w, {.groups = 2}),
               "conv2d: 2 groups do not divide 4 channels in and 3 out: f32[2,4,5,6], weight f32[3,4,3,3]; give a "
               "divisor of both");
  EXPECT_ERROR(ShapeError, conv2d(x, w, {.groups = 0}),
               "conv2d: 0 groups do not divide 4 channels in and 3 out: f32[2,4,5,6], weight f32[3,4,3,3]; give a "
               "divisor of both");
  EXPECT_ERROR(
      ShapeError, conv2d(x, w, {.dilation = {1, 3}}),
      "conv2d: a window of 7 does not fit 6 with padding 0: f32[2,4,5,6]; give a smaller kernel or more padding");
  EXPECT_ERROR(ShapeError, conv2d(x, w, {.stride = 0}),
               "conv2d: kernel 3, stride 0, padding 0, dilation 1 make no windows; padding may be 0, the others are "
               "above 0");
  EXPECT_ERROR(ShapeError, conv2d(x, w, {.padding = {0, -1}}),
               "conv2d: kernel 3, stride 1, padding -1, dilation 1 make no windows; padding may be 0, the others are "
               "above 0");
  EXPECT_ERROR(ShapeError, conv2d(x, w, {.padding = std::numeric_limits<int64_t>::max()}),
               "conv2d: kernel 3, stride 1, padding 9223372036854775807, dilation 1 make no windows; padding may be 0, "
               "the others are above 0");
  EXPECT_ERROR(DTypeError, conv2d(x, w.to(f64)),
               "conv2d: images and weight differ in type: f32[2,4,5,6], weight f64[3,4,3,3]; use .to(f32)");
}

TEST_F(ConvErrors, PoolsAndColumns) {
  EXPECT_ERROR(ShapeError, max_pool2d(v, 2), "max_pool2d: takes images [N,C,H,W]: f32[4]");
  EXPECT_ERROR(DTypeError, max_pool2d(n, 2), "max_pool2d: takes floating numbers: i32[2,4,5,6]; use .to(f32)");
  EXPECT_ERROR(ShapeError, max_pool2d(x, 3, {.padding = {1, 2}}),
               "max_pool2d: a padding of 1x2 is more than half a kernel of 3x3; give less");
  EXPECT_ERROR(
      ShapeError, max_pool2d(x, 7),
      "max_pool2d: a window of 7 does not fit 5 with padding 0: f32[2,4,5,6]; give a smaller kernel or more padding");
  EXPECT_ERROR(
      ShapeError, max_pool2d(x, 2, {.padding = std::numeric_limits<int64_t>::max()}),
      "max_pool2d: kernel 2, stride 2, padding 9223372036854775807, dilation 1 make no windows; padding may be "
      "0, the others are above 0");
  for (const Shape& s : {Shape{1, 1, 0, 2}, Shape{1, 1, 2, 0}, Shape{0, 1, 0, 0}}) {
    EXPECT_ERROR(ShapeError, max_pool2d(zeros(s), 2, {.padding = 1}),
                 fmt::format("max_pool2d: there is no maximum of no elements: f32{}; give at least one", s));
    const int64_t attrs[] = {2, 2, 2, 2, 1, 1, 1, 1};
    const Tensor none = zeros(s);
    EXPECT_ERROR(ShapeError, dispatch(op<MaxPoolIndex>(), {Operand(none, std::source_location::current())}, attrs),
                 fmt::format("max_pool_index: there is no maximum of no elements: f32{}; give at least one", s));
  }
  EXPECT_EQ(max_pool2d(zeros({0, 1, 2, 2}), 2).shape(), (Shape{0, 1, 1, 1}));
  EXPECT_ERROR(ShapeError, avg_pool2d(v, 2), "avg_pool2d: takes images [N,C,H,W]: f32[4]");
  EXPECT_ERROR(
      ShapeError, avg_pool2d(x, {2, 7}),
      "avg_pool2d: a window of 7 does not fit 6 with padding 0: f32[2,4,5,6]; give a smaller kernel or more padding");
  EXPECT_ERROR(ShapeError, avg_pool2d(x, 2, {.padding = 2}),
               "avg_pool2d: a padding of 2x2 is more than half a kernel of 2x2; give less");
  EXPECT_ERROR(ShapeError, unfold(v, 2), "unfold: takes images [N,C,H,W]: f32[4]");
  EXPECT_ERROR(DTypeError, unfold(n, 2), "unfold: takes floating numbers: i32[2,4,5,6]; use .to(f32)");
  const int64_t attrs[] = {2, 2, 1, 1, 0, 0, 1, 1, 5, 6};
  auto fold = [&](const Tensor& t) {
    return Tensor(dispatch(op<Fold>(), {Operand(t, std::source_location::current())}, attrs));
  };
  EXPECT_ERROR(ShapeError, fold(x), "fold: takes the columns of unfold: f32[2,4,5,6]");
  EXPECT_ERROR(ShapeError, fold(ones({4, 2, 2, 2, 4, 4})), "fold: takes the columns of unfold: f32[4,2,2,2,4,4]");
  EXPECT_ERROR(Error, max_pool2d(empty, 2), "max_pool2d: the operand is an empty Tensor; give it a value first");
}

TEST_F(ConvErrors, Layers) {
  const Key key(1);
  EXPECT_ERROR(ShapeError, nn::Conv2d::init(0, 3, 3, key),
               "Conv2d: 0 channels in, 3 out, a kernel of 3x3 make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::Conv2d::init(2, 3, {3, 0}, key),
               "Conv2d: 2 channels in, 3 out, a kernel of 3x0 make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::Conv2d::init(2, 3, 3, key, {.groups = 2}),
               "Conv2d: 2 groups do not divide 2 channels in and 3 out; give a divisor of both");
  nn::Conv2d layer = nn::Conv2d::init(4, 3, 3, key);
  layer.bias = ones({1});
  EXPECT_ERROR(ShapeError, layer(x), "Conv2d: the bias is f32[1] for f32[2,3,3,4]; it must be [3]");
  EXPECT_ERROR(ShapeError, nn::Conv2d::init(2, 3, 3, key)(x),
               "conv2d: channels differ: f32[2,4,5,6], weight f32[3,2,3,3] (4 vs 2 in 1 groups of 2); weight must be "
               "[O,C/groups,kh,kw]");
}

}  // namespace
}  // namespace duet
