// What pointwise operations say of operands that do not fit, beside what op_errors_test.cpp asks of every one.
#include "expect.h"

namespace duet {
namespace {

const Tensor kInts = tensor({1, 2, 3}), kFloats3 = tensor({1.f, 2.f, 3.f});

TEST(PointwiseErrors, Clamp) {
  EXPECT_ERROR(DTypeError, clamp(kInts, 0.5, 2),
               "clamp: the floating number 0.5 beside i32 tensors; convert them with .to(f32)");
  EXPECT_ERROR(DTypeError, clamp(kInts.to(u8), 0, 300),
               "clamp: 300 does not fit u8; convert the tensor to a wider type");
  EXPECT_ERROR(DTypeError, clamp(kFloats3 > 1, false, true), "clamp: takes numbers, not bool: bool[3]; use .to(f32)");
  EXPECT_ERROR(DTypeError, clamp(kFloats3, kFloats3, kInts),
               "clamp: element types differ: f32[3] and i32[3]; convert one with .to(f32)");
  EXPECT_ERROR(ShapeError, clamp(kFloats3, 0, tensor({1.f, 2.f})),
               "clamp: shapes do not broadcast: f32[3], f32[2]; axes must be equal or 1, aligned at the last");
}

TEST(PointwiseErrors, Pow) {
  EXPECT_ERROR(DTypeError, pow(kInts, 2), "pow: takes floating numbers: i32[3]; use .to(f32)");
  EXPECT_ERROR(DTypeError, pow(kFloats3, kInts),
               "pow: element types differ: f32[3] and i32[3]; convert one with .to(f32)");
}

TEST(PointwiseErrors, LeakyRelu) {
  EXPECT_ERROR(DTypeError, leaky_relu(kInts, 1), "leaky_relu: takes floating numbers: i32[3]; use .to(f32)");
}

TEST(PointwiseErrors, Logic) {
  const Tensor mask = kFloats3 > 1;
  EXPECT_ERROR(DTypeError, mask & kFloats3,
               "logical_and: operand 2 must be bool: f32[3]; compare it first, as in x != 0");
  EXPECT_ERROR(DTypeError, kInts | mask, "logical_or: operand 1 must be bool: i32[3]; compare it first, as in x != 0");
  EXPECT_ERROR(DTypeError, logical_not(kInts),
               "logical_not: operand 1 must be bool: i32[3]; compare it first, as in x != 0");
  EXPECT_ERROR(DTypeError, mask & 2, "logical_and: 2 does not fit bool; convert the tensor to a wider type");
  EXPECT_ERROR(DTypeError, isnan(kInts), "isnan: takes floating numbers: i32[3]; use .to(f32)");
}

}  // namespace
}  // namespace duet
