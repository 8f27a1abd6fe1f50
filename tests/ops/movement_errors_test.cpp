// What movements and operations with an index an element say of operands that do not fit, whole messages.
#include <climits>
#include <set>

#include "expect.h"
#include "ops/cases.h"

namespace duet {
namespace {

class MovementErrorsTest : public ::testing::Test {
 protected:
  const Tensor a = tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}), v = tensor({1.f, 2.f, 3.f}), s = zeros({});
  const Tensor n = tensor({{1, 2, 3}, {0, 1, 2}}), m = n.to(boolean), deep = zeros({1, 1, 1, 1, 1, 2}), empty;
  const std::string before = expect::bits(a) + expect::bits(v) + expect::bits(n);
  void TearDown() override { EXPECT_EQ(expect::bits(a) + expect::bits(v) + expect::bits(n), before); }
};

TEST_F(MovementErrorsTest, Rearrange) {
  EXPECT_ERROR(ShapeError, squeeze(a, 1), "squeeze: axis 1 has extent 3: f32[2,3]; only an axis of extent 1 goes");
  EXPECT_ERROR(ShapeError, squeeze(a, 2), "squeeze: there is no axis 2: f32[2,3]; axes go from -2 to 1");
  EXPECT_ERROR(ShapeError, squeeze(1.5f), "squeeze: the operand is a number; give a tensor");
  EXPECT_ERROR(Error, squeeze(empty, 0), "squeeze: the operand is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, unsqueeze(a, 3), "unsqueeze: there is no place for axis 3: f32[2,3]; it goes from -3 to 2");
  EXPECT_ERROR(ShapeError, unsqueeze(deep, 0), "unsqueeze: f32[1,1,1,1,1,2] has 6 axes already; at most 6");
  EXPECT_ERROR(Error, unsqueeze(empty, 0), "unsqueeze: the operand is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, stack({}), "stack: there are no tensors; give at least one");
  EXPECT_ERROR(ShapeError, stack({a, v}), "stack: shapes differ: f32[2,3] and f32[3]; they must be the same");
  EXPECT_ERROR(DTypeError, stack({a, n}),
               "stack: element types differ: f32[2,3] and i32[2,3]; convert one with .to(f32)");
  EXPECT_ERROR(Error, stack({a, empty}), "stack: operand 2 is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, stack({a, a}, -4), "stack: there is no place for axis -4: f32[2,3]; it goes from -3 to 2");
  EXPECT_ERROR(ShapeError, stack({deep, deep}), "stack: f32[1,1,1,1,1,2] has 6 axes already; at most 6");
  EXPECT_ERROR(ShapeError, flip(a, 2), "flip: there is no axis 2: f32[2,3]; axes go from -2 to 1");
  EXPECT_ERROR(ShapeError, flip(1.5f, 0), "flip: the operand is a number; give a tensor");
  EXPECT_ERROR(ShapeError, flip(s, 0), "flip: there is no axis 0: f32[]; a scalar has no axes");
  EXPECT_ERROR(ShapeError, roll(a, 1, -3), "roll: there is no axis -3: f32[2,3]; axes go from -2 to 1");
  EXPECT_ERROR(Error, roll(empty, 1, 0), "roll: the operand is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, repeat(a, {2, -1}), "repeat: a count is negative: [2,-1] of f32[2,3]; give 0 or more");
  EXPECT_ERROR(ShapeError, repeat(a, {int64_t{1} << 62, 2}),
               "repeat: too many elements: [4611686018427387904,2] of f32[2,3]; give smaller counts");
  EXPECT_ERROR(ShapeError, repeat(a, {int64_t{1} << 59, 2}),
               "shape: f32[1152921504606846976,6] has more bytes than 63 bits can count; give smaller extents");
  EXPECT_ERROR(Error, repeat(empty, {2}), "repeat: the operand is an empty Tensor; give it a value first");
}

TEST_F(MovementErrorsTest, PadsAndTriangles) {
  EXPECT_ERROR(ShapeError, pad(a, {{1, 1}}), "pad: 1 pairs for f32[2,3]; give one {before, after} an axis");
  EXPECT_ERROR(ShapeError, pad(a, {{0, 0}, {-1, 2}}),
               "pad: the pads {-1, 2} of axis 1 are negative: f32[2,3]; cut with slice");
  EXPECT_ERROR(ShapeError, pad(a, {{0, 0}, {0, LLONG_MAX}}),
               "pad: the pads {0, 9223372036854775807} of axis 1 are too large: f32[2,3]; give smaller ones");
  EXPECT_ERROR(ShapeError, pad(a, {{0, 0}, {int64_t{1} << 61, 0}}),
               "shape: f32[2,2305843009213693955] has more bytes than 63 bits can count; give smaller extents");
  EXPECT_ERROR(ShapeError, pad(a, {{1, 1}, {1, 1}}, v), "pad: the value is a tensor: f32[3]; give a number");
  EXPECT_ERROR(DTypeError, pad(n, {{1, 1}, {1, 1}}, 0.5f),
               "pad: the floating number 0.5 beside i32 tensors; convert them with .to(f32)");
  EXPECT_ERROR(DTypeError, pad(m, {{1, 1}, {1, 1}}, 2), "pad: 2 does not fit bool; convert the tensor to a wider type");
  EXPECT_ERROR(Error, pad(empty, {}), "pad: operand 1 is an empty Tensor; give it a value first");
  const std::vector<std::pair<int64_t, int64_t>> seven(7);
  EXPECT_ERROR(ShapeError, pad(a, seven), "pad: 7 pairs are too many; a tensor has at most 6 axes");
  EXPECT_ERROR(ShapeError, tril(v), "tril: a triangle needs two axes: f32[3]");
  EXPECT_ERROR(Error, tril(empty), "tril: the operand is an empty Tensor; give it a value first");
  EXPECT_ERROR(ShapeError, triu(s, 1), "triu: a triangle needs two axes: f32[]");
  EXPECT_ERROR(ShapeError, triu(2, 1), "triu: the operand is a number; give a tensor");
}

TEST_F(MovementErrorsTest, Update) {
  EXPECT_ERROR(IndexError, update(a, 1, 4, a),
               "update: there is no element 4 along axis 1: f32[2,3]; it must be in -3 to 3");
  EXPECT_ERROR(IndexError, update(a, 0, -3, a),
               "update: there is no element -3 along axis 0: f32[2,3]; it must be in -2 to 2");
  EXPECT_ERROR(ShapeError, update(a, 1, 1, a),
               "update: the value does not fit: f32[2,3] into f32[2,3] from 1 on along axis 1; it must end within the "
               "axis and be like the tensor beside it");
  EXPECT_ERROR(ShapeError, update(a, 0, -1, v),
               "update: the value does not fit: f32[3] into f32[2,3] from 1 on along axis 0; it must end within the "
               "axis and be like the tensor beside it");
  EXPECT_ERROR(DTypeError, update(n, 0, 0, n.to(i64)),
               "update: element types differ: i32[2,3] and i64[2,3]; convert one with .to(i32)");
  EXPECT_ERROR(ShapeError, update(a, 0, 0, 1), "update: the operand is a number; give a tensor");
  EXPECT_ERROR(ShapeError, update(a, 2, 0, a), "update: there is no axis 2: f32[2,3]; axes go from -2 to 1");
  EXPECT_ERROR(Error, update(a, 0, 0, empty), "update: the operand is an empty Tensor; give it a value first");
}

TEST_F(MovementErrorsTest, Windows) {
  EXPECT_ERROR(ShapeError, windows(v, 1, 1), "windows: an image has 2 to 4 axes: f32[3]; reshape it");
  EXPECT_ERROR(ShapeError, windows(zeros({1, 1, 1, 2, 2}), 1, 1),
               "windows: an image has 2 to 4 axes: f32[1,1,1,2,2]; reshape it");
  EXPECT_ERROR(ShapeError, windows(a, 3, 1),
               "windows: 3x1 elements, 1x1 apart, are more than the image: f32[2,3]; pad it");
  EXPECT_ERROR(ShapeError, windows(a, 1, 2, 1, 1, 1, LLONG_MAX),
               "windows: 1x2 elements, 1x9223372036854775807 apart, are more than the image: f32[2,3]; pad it");
  EXPECT_ERROR(ShapeError, windows(a, 1, 0),
               "windows: sizes 1x0, strides 1x1 and dilations 1x1 must all be at least 1: f32[2,3]");
  EXPECT_ERROR(ShapeError, windows(a, 1, 1, 0, 1),
               "windows: sizes 1x1, strides 0x1 and dilations 1x1 must all be at least 1: f32[2,3]");
  EXPECT_ERROR(ShapeError, windows(a, 1, 1, 1, 1, 1, -1),
               "windows: sizes 1x1, strides 1x1 and dilations 1x-1 must all be at least 1: f32[2,3]");
  EXPECT_ERROR(ShapeError, windows(zeros({0, 3}), 1, 1),
               "windows: 1x1 elements, 1x1 apart, are more than the image: f32[0,3]; pad it");
  EXPECT_ERROR(Error, windows(empty, 1, 1), "windows: operand 1 is an empty Tensor; give it a value first");
  const int64_t attrs[] = {2, 2, 1, 1, 1, 1, 4, 4};
  auto unwindows = [&](const Tensor& x) { dispatch(op<Unwindows>(), {Operand(x)}, attrs); };
  EXPECT_ERROR(ShapeError, unwindows(a), "unwindows: f32[2,3] are no windows of 2x2 elements on 4x4");
  EXPECT_ERROR(ShapeError, unwindows(zeros({3, 2, 2, 2})),
               "unwindows: f32[3,2,2,2] are no windows of 2x2 elements on 4x4");
  EXPECT_ERROR(DTypeError, unwindows(zeros({3, 3, 2, 2}, boolean)),
               "unwindows: takes numbers, not bool: bool[3,3,2,2]; use .to(f32)");
  // A step that no window takes may be as large as it likes.
  EXPECT_EQ(windows(a, 1, 1, LLONG_MAX, LLONG_MAX, LLONG_MAX, LLONG_MAX).item(), 1);
}

TEST_F(MovementErrorsTest, IndicesAlongAnAxis) {
  const Tensor k = tensor({{0, 1, 2}}), bad = tensor({{0, 1, 3}});
  EXPECT_ERROR(IndexError, take_along_axis(a, bad, 1),
               "take_along_axis: index 3 is out of range: element 2 of i32[2,3]; it must be in -3 to 2");
  EXPECT_ERROR(IndexError, take_along_axis(a, n, 0),
               "take_along_axis: index 2 is out of range: element 1 of i32[2,3]; it must be in -2 to 1");
  EXPECT_ERROR(DTypeError, take_along_axis(a, a, 1),
               "take_along_axis: indices must be integers: f32[2,3]; use .to(i64)");
  EXPECT_ERROR(DTypeError, take_along_axis(a, m, 1),
               "take_along_axis: indices must be integers: bool[2,3]; use .to(i64)");
  EXPECT_ERROR(ShapeError, take_along_axis(a, tensor({0, 1}), 1),
               "take_along_axis: f32[2,3] and indices i32[2] do not fit beside axis 1; axes must be equal or 1");
  EXPECT_ERROR(ShapeError, take_along_axis(a, tensor({{0, 0}}), 0),
               "take_along_axis: f32[2,3] and indices i32[1,2] do not fit beside axis 0; axes must be equal or 1");
  EXPECT_ERROR(ShapeError, take_along_axis(a, k, 2),
               "take_along_axis: there is no axis 2: f32[2,3]; axes go from -2 to 1");
  EXPECT_ERROR(ShapeError, take_along_axis(a, 0, 1), "take_along_axis: the operand is a number; give a tensor");
  EXPECT_ERROR(Error, take_along_axis(a, empty, 1),
               "take_along_axis: the operand is an empty Tensor; give it a value first");
  EXPECT_ERROR(IndexError, scatter_add_along_axis(a, bad, a, 1),
               "scatter_add_along_axis: index 3 is out of range: element 2 of i32[2,3]; it must be in -3 to 2");
  EXPECT_ERROR(DTypeError, scatter_add_along_axis(a, a, a, 1),
               "scatter_add_along_axis: indices must be integers: f32[2,3]; use .to(i64)");
  EXPECT_ERROR(DTypeError, scatter_add_along_axis(a, k, n, 1),
               "scatter_add_along_axis: takes numbers of one type: f32[2,3] and i32[2,3]");
  EXPECT_ERROR(DTypeError, scatter_add_along_axis(m, k, m, 1),
               "scatter_add_along_axis: takes numbers of one type: bool[2,3] and bool[2,3]");
  EXPECT_ERROR(ShapeError, scatter_add_along_axis(a, k, v, 1),
               "scatter_add_along_axis: updates f32[3] at i32[1,3] do not fit into f32[2,3]; axes must be equal or 1, "
               "but for axis 1 of the last");
  EXPECT_ERROR(ShapeError, scatter_add_along_axis(a, tensor({{0, 1}}), a, 1),
               "scatter_add_along_axis: updates f32[2,3] at i32[2,2] do not fit into f32[2,3]; axes must be equal or "
               "1, but for axis 1 of the last");
  EXPECT_ERROR(Error, scatter_add_along_axis(empty, k, a, 1),
               "scatter_add_along_axis: the operand is an empty Tensor; give it a value first");
}

TEST_F(MovementErrorsTest, TakeAndEmbedding) {
  EXPECT_ERROR(IndexError, take(a, tensor({0, 6})),
               "take: index 6 is out of range: element 1 of i32[2]; it must be in -6 to 5");
  EXPECT_ERROR(DTypeError, take(a, v), "take: indices must be integers: f32[3]; use .to(i64)");
  EXPECT_ERROR(Error, take(empty, n), "take: the operand is an empty Tensor; give it a value first");
  EXPECT_ERROR(IndexError, embedding(a, tensor({0, -1})),
               "embedding: index -1 is out of range: element 1 of i32[2]; it must be in 0 to 1");
  EXPECT_ERROR(IndexError, embedding(a, n),
               "embedding: index 2 is out of range: element 1 of i32[2,3]; it must be in 0 to 1");
  EXPECT_ERROR(IndexError, gather(zeros({0, 3}), tensor({0})),
               "gather: index 0 is out of range: element 0 of i32[1]; the axis is empty");
  EXPECT_ERROR(DTypeError, embedding(a, v), "embedding: indices must be integers: f32[3]; use .to(i64)");
  EXPECT_ERROR(ShapeError, embedding(v, n), "embedding: the table has not two axes: f32[3]; give f32[V,D]");
  EXPECT_ERROR(ShapeError, embedding(a, deep.to(i32)),
               "embedding: the rows at i32[1,1,1,1,1,2] have too many axes; at most 6");
  EXPECT_ERROR(Error, embedding(empty, n), "embedding: operand 1 is an empty Tensor; give it a value first");
}

/// What f does with a bad index, in a compiled and a frozen function that ignore its result.
template <class F>
void found_though_unread(F f, const std::string& text) {
  auto g = [f](const Tensor& x, const Tensor& k) {
    f(x, k);
    return x * 2;
  };
  const Tensor x = expect::numbers({4, 4}), good = tensor({{3}, {0}, {1}, {2}}), bad = tensor({{3}, {0}, {1}, {4}});
  const std::string before = expect::bits(x);
  auto compiled = compile(g);
  auto frozen = freeze(g);
  EXPECT_EQ(expect::bits(compiled(x, good)), expect::bits(x * 2));
  EXPECT_EQ(expect::bits(frozen(x, good)), expect::bits(x * 2));
  EXPECT_ERROR(IndexError, g(x, bad), text);
  EXPECT_ERROR(IndexError, compiled(x, bad), text);
  EXPECT_ERROR(IndexError, frozen(x, bad), text);
  EXPECT_EQ(expect::bits(compiled(x, good)), expect::bits(x * 2));
  EXPECT_EQ(expect::bits(x), before);
}

TEST(UnreadIndices, AreCheckedInEveryMode) {
  const std::string range = "index 4 is out of range: element 3 of i32[4,1]; it must be in ";
  found_though_unread([](const Tensor& x, const Tensor& k) { return take_along_axis(x, k, 1); },
                      "take_along_axis: " + range + "-4 to 3");
  found_though_unread([](const Tensor& x, const Tensor& k) { return scatter_add_along_axis(x, k, k.to(f32), 1); },
                      "scatter_add_along_axis: " + range + "-4 to 3");
  found_though_unread([](const Tensor& x, const Tensor& k) { return embedding(x, k); },
                      "embedding: " + range + "0 to 3");
  found_though_unread([](const Tensor& x, const Tensor& k) { return take(x[0], k); }, "take: " + range + "-4 to 3");
}

}  // namespace
}  // namespace duet
