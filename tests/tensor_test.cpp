// Tensors as values: construction, views, printing, access, storage.
#include <fmt/format.h>

#include <sstream>

#include "expect.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;

TEST(Tensor, Construction) {
  EXPECT_EQ(to_string(tensor({1.0, 2.5}).spec()), "f32[2]");
  EXPECT_EQ(to_string(tensor({{1, 2}, {3, 4}, {5, 6}}).spec()), "i32[3,2]");
  EXPECT_EQ(to_string(Tensor(2.5).spec()), "f64[]");
  EXPECT_EQ(Tensor(int64_t{7}).item<int64_t>(), 7);
  EXPECT_EQ(Tensor(true).dtype(), boolean);
  const std::vector<uint8_t> bytes = {1, 2, 255};
  EXPECT_EQ(from_vector(bytes, {3, 1}).to_vector<uint8_t>(), bytes);
  EXPECT_EQ(from_span(std::span<const double>(), {0, 4}).numel(), 0);
  EXPECT_EQ(floats(zeros({2})), (std::vector<float>{0, 0}));
  EXPECT_EQ(floats(ones({2})), (std::vector<float>{1, 1}));
  EXPECT_EQ(full({2, 2}, 7, i64).to_vector<int64_t>(), (std::vector<int64_t>{7, 7, 7, 7}));
  EXPECT_EQ(floats(arange(4)), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(arange(1, 10, 3, i32).to_vector<int32_t>(), (std::vector<int32_t>{1, 4, 7}));
  EXPECT_EQ(arange(5.0, 0.0, -2.0).numel(), 3);
  EXPECT_EQ(floats(eye(2)), (std::vector<float>{1, 0, 0, 1}));
  EXPECT_EQ(Tensor().defined(), false);
}

TEST(Tensor, SharesAndViews) {
  const Tensor x = arange(24).reshape({2, 3, 4});
  Tensor copy = x;
  EXPECT_EQ(copy.id(), x.id());
  EXPECT_EQ(&copy.block(), &x.block());
  EXPECT_EQ(x.reshape({6, 4}).data(), x.data());
  EXPECT_EQ(x.reshape({-1, 2}).shape(), (Shape{12, 2}));
  EXPECT_EQ(x[1].data(), x.data() + 12);
  EXPECT_EQ(floats(x[-1][2]), (std::vector<float>{20, 21, 22, 23}));
  EXPECT_EQ(floats(x[0].transpose()), (std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(floats(x.slice(2, 0, 4, 3)[0][0]), (std::vector<float>{0, 3}));
  EXPECT_EQ(floats(x.slice(1, -1, 3)[1]), (std::vector<float>{20, 21, 22, 23}));
  EXPECT_FALSE(x.transpose().is_contiguous());
  EXPECT_TRUE(x.transpose().contiguous().is_contiguous());
  EXPECT_EQ(bits(x.transpose().contiguous()), bits(x.transpose()));
  EXPECT_EQ(&x.contiguous().block(), &x.block());
  EXPECT_EQ(bits(x.transpose().transpose()), bits(x));
  EXPECT_EQ(floats(broadcast_to(tensor({1.0, 2.0}), {2, 2})), (std::vector<float>{1, 2, 1, 2}));
  EXPECT_EQ(x.shape(-1), 4);
  Tensor view = x[0];  // keeps the storage alive
  Tensor gone = x * 1;
  view = gone[1];
  gone = Tensor();
  EXPECT_EQ(view.data()[0], 12);
}

TEST(Tensor, MovedFromIsEmpty) {
  Tensor a = tensor({1.0});
  Tensor b = std::move(a);
  EXPECT_FALSE(a.defined());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(b.item(), 1);
  Tensor& self = b;
  b = self;
  b = std::move(self);
  EXPECT_EQ(b.item(), 1);
}

TEST(Tensor, Access) {
  EXPECT_EQ(tensor({3}).item<float>(), 3.0f);
  EXPECT_EQ(tensor({2.75}).item<int>(), 2);
  EXPECT_EQ(static_cast<bool>(tensor({0.5})), true);
  EXPECT_EQ(static_cast<bool>(tensor({0}) == 1), false);
  EXPECT_EQ((tensor({1.0, -1.0}) > 0).to_vector<bool>(), (std::vector<bool>{true, false}));
  const Tensor x = tensor({{1.0, 2.0}, {3.0, 4.0}});
  EXPECT_ERROR(ShapeError, x.item(), "item: the tensor has not one element: f32[2,2]; reduce it or use to_vector()");
  EXPECT_ERROR(ShapeError, zeros({0}).item(),
               "item: the tensor has not one element: f32[0]; reduce it or use to_vector()");
  EXPECT_ERROR(DTypeError, x.to_vector<int>(), "to_vector: the elements are not i32: f32[2,2]; use .to(i32)");
  EXPECT_ERROR(DTypeError, x.data<double>(), "data: the elements are not f64: f32[2,2]; use .to(f64)");
  EXPECT_ERROR(ShapeError, x.transpose().data(), "data: the elements are not contiguous: f32[2,2]; use .contiguous()");
  EXPECT_ERROR(Error, Tensor().item(), "item: the Tensor is empty; give it a value first");
  EXPECT_ERROR(IndexError, x[2], "row: there is no row 2: f32[2,2]; rows go from -2 to 1");
  EXPECT_ERROR(ShapeError, Tensor(1.f)[0], "row: a scalar has no rows: f32[]; read it with item()");
  EXPECT_ERROR(Error, Tensor()[0], "row: the Tensor is empty; give it a value first");
  EXPECT_ERROR(ShapeError, x.shape(2), "shape: there is no axis 2: f32[2,2]; axes go from -2 to 1");
  EXPECT_ERROR(ShapeError, from_vector(std::vector<float>{1, 2}, {3}),
               "from_span: 2 elements do not fill f32[3]; give as many");
  EXPECT_ERROR(ShapeError, tensor({{1.0, 2.0}, {3.0}}),
               "tensor: rows differ in length: 2 and 1; give rows of one length");
  EXPECT_ERROR(ShapeError, tensor({{1, 2}, {3}}), "tensor: rows differ in length: 2 and 1; give rows of one length");
  EXPECT_ERROR(ShapeError, (Shape{1, 2, 3, 4, 5, 6, 7}), "shape: 7 axes are too many: a tensor has at most 6");
  EXPECT_ERROR(ShapeError, zeros({2, -1}), "shape: an extent is negative: [2,-1]; extents are 0 or more");
  EXPECT_ERROR(ShapeError, zeros({int64_t{1} << 40, int64_t{1} << 40}),
               "shape: f32[1099511627776,1099511627776] has more bytes than 63 bits can count; give smaller extents");
  EXPECT_ERROR(OutOfMemory, zeros({int64_t{1} << 50}),
               "allocate: 4503599627370496 bytes are more than any machine has; give smaller extents");
  // Members of an empty tensor know no line, but say what is wrong.
  try {
    Tensor().shape();
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "Tensor: it is empty, default-constructed or moved from; give it a value first");
  }
}

TEST(Tensor, PrintsNumbers) {
  EXPECT_EQ(to_string(tensor({1.0, 2.5, -3.25})), "[ 1.00  2.50 -3.25] f32[3]");
  EXPECT_EQ(to_string(tensor({1.0, 2.0})), "[1. 2.] f32[2]");
  EXPECT_EQ(to_string(tensor({{1, -20}, {300, 4}})), "[[  1 -20]\n [300   4]] i32[2,2]");
  EXPECT_EQ(to_string(Tensor(3.f)), "3. f32[]");
  EXPECT_EQ(to_string(Tensor(7)), "7 i32[]");
  EXPECT_EQ(to_string(Tensor()), "empty Tensor");
  EXPECT_EQ(to_string(zeros({0})), "[] f32[0]");
  EXPECT_EQ(to_string(zeros({2, 0})), "[[]\n []] f32[2,0]");
  EXPECT_EQ(to_string(tensor({1.0, -2.0}) > 0), "[ True False] bool[2]");
  const double inf = INFINITY;
  EXPECT_EQ(to_string(tensor({1.0, -std::nan(""), inf, -inf})), "[  1.  nan  inf -inf] f32[4]");
  EXPECT_EQ(to_string(tensor({-0.0, 0.0})), "[-0.  0.] f32[2]");
  EXPECT_EQ(to_string(tensor({1e10, 1.0})), "[1.0000e+10 1.0000e+00] f32[2]");
  EXPECT_EQ(to_string(tensor({1e-10, 0.5})), "[1.0000e-10 5.0000e-01] f32[2]");
  EXPECT_EQ(to_string(tensor({0.1, 0.12345})), "[0.1000 0.1235] f32[2]");
  EXPECT_EQ(to_string(from_vector(std::vector<int64_t>{9007199254740993, -1}, {2})),
            "[9007199254740993               -1] i64[2]");
  EXPECT_EQ(to_string(from_vector(std::vector<uint8_t>{0, 255}, {2})), "[  0 255] u8[2]");
  EXPECT_EQ(to_string(arange(8).reshape({2, 2, 2})), "[[[0. 1.]\n  [2. 3.]]\n\n [[4. 5.]\n  [6. 7.]]] f32[2,2,2]");
  std::ostringstream out;
  out << tensor({1, 2});
  EXPECT_EQ(out.str(), "[1 2] i32[2]");
  EXPECT_EQ(fmt::format("{} {} {}", tensor({1, 2}), Shape{3, 4}, f64), "[1 2] i32[2] [3,4] f64");
}

TEST(Tensor, PrintsSummaries) {
  EXPECT_EQ(to_string(arange(1001, i32)), "[   0    1    2 ...  998  999 1000] i32[1001]");
  EXPECT_EQ(to_string(arange(2000, i32).reshape({1000, 2})),
            "[[   0    1]\n [   2    3]\n [   4    5]\n ...\n [1994 1995]\n [1996 1997]\n [1998 1999]] i32[1000,2]");
  const std::string all = to_string(arange(1000, i32));
  EXPECT_EQ(all.find("..."), std::string::npos);
}

TEST(Tensor, AllocatorCountsAndCaches) {
  const MemoryStats before = memory_stats();
  {
    Tensor x = zeros({1 << 18});
    const MemoryStats with = memory_stats();
    EXPECT_GE(with.live_bytes - before.live_bytes, 1 << 20);
    EXPECT_GE(with.allocations - before.allocations, 1);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(x.data()) % 64, 0u);
  }
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  reset_peak();
  { Tensor x = zeros({1 << 18}), y = zeros({1 << 18}); }
  EXPECT_GE(memory_stats().peak_bytes - before.live_bytes, 2 << 20);
  reset_peak();
  EXPECT_EQ(memory_stats().peak_bytes, memory_stats().live_bytes);
#if !defined(__SANITIZE_ADDRESS__)
  const void* p = memory::allocate(100000);
  memory::deallocate(const_cast<void*>(p), 100000);
  EXPECT_GT(memory_stats().cached_bytes, 0);
  void* q = memory::allocate(100000);
  EXPECT_EQ(p, q);  // used again
  memory::deallocate(q, 100000);
  trim_memory();
  EXPECT_EQ(memory_stats().cached_bytes, 0);
#endif
  // A small result is one allocation, its header included.
  const Tensor a = tensor({1.0, 2.0});
  const int64_t allocations = memory_stats().allocations;
  const Tensor b = a + a;
  EXPECT_EQ(memory_stats().allocations - allocations, 1);
}

TEST(Tensor, CompoundAssignmentReusesStorage) {
  Tensor x = zeros({5000}) + 0;
  const Tensor& itself = x;  // clang 16 takes x -= x for a mistake
  const float* before = x.data();
  x += 1;
  x *= 2;
  x -= itself;
  x /= 4;
  EXPECT_EQ(x.data(), before);
  Tensor y = x;
  y += 1;
  EXPECT_NE(y.data(), x.data());  // shared
  EXPECT_EQ(x.data()[0], 0);
  Tensor view = x.slice(0, 0, 2);
  x += 1;
  EXPECT_EQ(floats(view), (std::vector<float>{0, 0}));
  before = x.data();
  x += x.slice(0, 0, 5000).reshape({5000});  // a view of itself is alive meanwhile
  EXPECT_NE(x.data(), before);
  EXPECT_EQ(x.data()[7], 2);
  Tensor small = ones({3}) + 0;
  small += ones({2, 3});  // grows
  EXPECT_EQ(small.shape(), (Shape{2, 3}));
  Tensor whole = tensor({1, 2}) + 0;
  whole += 1;
  EXPECT_EQ(whole.to_vector<int>(), (std::vector<int>{2, 3}));
}

TEST(Tensor, OpenTapeKeepsOldValues) {
  Tensor x = tensor({2.0, 3.0}) + 0;
  Tape tape;
  tape.watch(x);
  Tensor y = x * 1.f;
  const float* before = y.data();
  Tensor z = square(y);
  y += 10;
  EXPECT_NE(y.data(), before);
  auto g = tape.backward(sum(z));
  EXPECT_EQ(floats(g(x)), (std::vector<float>{4, 6}));
}

TEST(Tensor, Temporaries) {
  // The storage of a temporary serves its result; that of a named tensor never does.
  const Tensor x = expect::numbers({5000});
  const std::string before = bits(x);
  reset_peak();
  const int64_t live = memory_stats().live_bytes;
  Tensor y = exp((x + 1) * 2 - 3);
  EXPECT_LT(memory_stats().peak_bytes - live, 3 * 5000 * 4);
  EXPECT_EQ(bits(x), before);
}

}  // namespace
}  // namespace duet
