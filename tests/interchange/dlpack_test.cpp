#include "duet/dlpack.h"

#include <thread>

#include "dlpack_peers.h"
#include "modes.h"

#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#define DUET_TEST_DLPACK_HEADER 1
#endif

using namespace duet;
using expect::bits;

namespace {

// --- the layout ---

static_assert(sizeof(dlpack::Device) == 8 && sizeof(dlpack::DataType) == 4);
static_assert(sizeof(dlpack::Array) == 48 && sizeof(dlpack::ManagedTensor) == 64);

#ifdef DUET_TEST_DLPACK_HEADER
#define DUET_SAME(theirs, ours, their_field, our_field)                               \
  static_assert(offsetof(theirs, their_field) == offsetof(dlpack::ours, our_field) && \
                sizeof(theirs::their_field) == sizeof(dlpack::ours::our_field))
static_assert(sizeof(DLDevice) == sizeof(dlpack::Device) && sizeof(DLDataType) == sizeof(dlpack::DataType));
static_assert(sizeof(DLTensor) == sizeof(dlpack::Array) && sizeof(DLManagedTensor) == sizeof(dlpack::ManagedTensor));
static_assert(alignof(DLTensor) == alignof(dlpack::Array) && alignof(DLDataType) == alignof(dlpack::DataType));
DUET_SAME(DLDevice, Device, device_type, device_type);
DUET_SAME(DLDevice, Device, device_id, device_id);
DUET_SAME(DLDataType, DataType, code, code);
DUET_SAME(DLDataType, DataType, bits, bits);
DUET_SAME(DLDataType, DataType, lanes, lanes);
DUET_SAME(DLTensor, Array, data, data);
DUET_SAME(DLTensor, Array, device, device);
DUET_SAME(DLTensor, Array, ndim, ndim);
DUET_SAME(DLTensor, Array, dtype, dtype);
DUET_SAME(DLTensor, Array, shape, shape);
DUET_SAME(DLTensor, Array, strides, strides);
DUET_SAME(DLTensor, Array, byte_offset, byte_offset);
DUET_SAME(DLManagedTensor, ManagedTensor, dl_tensor, dl_tensor);
DUET_SAME(DLManagedTensor, ManagedTensor, manager_ctx, manager_ctx);
DUET_SAME(DLManagedTensor, ManagedTensor, deleter, deleter);
static_assert(int{kDLCPU} == int{dlpack::kCpu} && int{kDLInt} == int{dlpack::kInt} &&
              int{kDLUInt} == int{dlpack::kUInt} && int{kDLFloat} == int{dlpack::kFloat} &&
              int{kDLBfloat} == int{dlpack::kBfloat} && int{kDLComplex} == int{dlpack::kComplex});

TEST(Dlpack, TheOwnStructOfDlpackServesAsWell) {
  const Tensor x = expect::numbers({3, 4}).transpose();
  auto* managed = to_dlpack<DLManagedTensor>(x);
  EXPECT_EQ(managed->dl_tensor.data, x.block().data);
  EXPECT_EQ(managed->dl_tensor.device.device_type, kDLCPU);
  EXPECT_EQ(managed->dl_tensor.dtype.code, kDLFloat);
  const Tensor y = from_dlpack(managed);
  EXPECT_EQ(y.block().data, x.block().data);
  EXPECT_EQ(bits(y), bits(x));
}
#endif

// --- a consumer that knows nothing of duet's tensors ---

// Exports t, reads what came out, and gives it back.
void expect_readable(const Tensor& t) {
  dlpack::ManagedTensor* managed = to_dlpack(t);
  const dlpack::Array& a = managed->dl_tensor;
  ASSERT_EQ(a.ndim, t.rank());
  EXPECT_EQ(a.device.device_type, 1);
  EXPECT_EQ(a.device.device_id, 0);
  EXPECT_EQ(a.dtype.bits, 8 * size_bytes(t.dtype()));
  EXPECT_EQ(a.dtype.lanes, 1);
  EXPECT_EQ(a.byte_offset, 0u);
  EXPECT_EQ(a.data, t.block().data);
  for (int axis = 0; axis < a.ndim; ++axis) EXPECT_EQ(a.shape[axis], t.shape()[axis]);
  visit(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    EXPECT_EQ(read<T>(a), t.to_vector<T>());
  });
  managed->deleter(managed);
}

TEST(Dlpack, ExportsEveryDtypeAndAnyStrides) {
  const Tensor x = expect::numbers({4, 6}) * 100;
  const std::pair<DType, int> codes[] = {{f32, 2}, {f64, 2}, {i32, 0}, {i64, 0}, {u8, 1}, {boolean, 6}};
  for (auto [dtype, code] : codes) {
    const Tensor t = dtype == u8 ? abs(x).to(u8) : x.to(dtype);
    expect_readable(t);
    dlpack::ManagedTensor* managed = to_dlpack(t);
    EXPECT_EQ(managed->dl_tensor.dtype.code, code);
    managed->deleter(managed);
  }
  expect_readable(x.transpose());
  expect_readable(x.slice(1, 1, 6, 2));
  expect_readable(x[2]);
  expect_readable(broadcast_to(x[1], {3, 6}));
  expect_readable(Tensor(3.f));
  expect_readable(zeros({0, 3}));
  expect_readable(expect::numbers({1, 2, 1, 3, 2, 2}));
}

TEST(Dlpack, AnExportKeepsTheElementsAlive) {
  const int64_t before = memory_stats().live_bytes;
  dlpack::ManagedTensor* managed = nullptr;
  {
    const Tensor x = ones({64, 64});
    managed = to_dlpack(x.transpose());
  }
  EXPECT_GE(memory_stats().live_bytes - before, 64 * 64 * 4);
  EXPECT_EQ(read<float>(managed->dl_tensor), std::vector<float>(64 * 64, 1));
  std::thread([&] { managed->deleter(managed); }).join();
  EXPECT_EQ(memory_stats().live_bytes, before);
}

// --- a producer ---

TEST(Dlpack, AnImportSharesTheElementsUntilItsLastUserDies) {
  Producer<float> p = six();
  Tensor view;
  {
    const Tensor x = from_dlpack(&p.managed);
    EXPECT_EQ(x.spec(), (Spec{f32, {2, 3}}));
    EXPECT_TRUE(x.is_contiguous());
    EXPECT_EQ(x.data(), p.elements.data());
    EXPECT_EQ(x.to_vector(), kSix);
    view = x.transpose()[1];
  }
  EXPECT_EQ(p.given_back, 0);
  EXPECT_EQ(view.to_vector(), (std::vector<float>{2, 5}));
  std::thread([t = std::move(view)] {}).join();
  EXPECT_EQ(p.given_back, 1);

  Producer<float> q = six();
  q.managed.deleter = nullptr;
  EXPECT_EQ(from_dlpack(&q.managed).to_vector(), kSix);
}

TEST(Dlpack, ImportsStridesOffsetsAndDtypes) {
  const auto check_values = [](auto& p, const auto& values) {
    using T = typename std::remove_cvref_t<decltype(values)>::value_type;
    {
      const Tensor x = from_dlpack(&p.managed);
      EXPECT_EQ(x.to_vector<T>(), values);
      const Tensor copy = from_vector<T>(values, x.shape());
      // As an operand too, of every kind of kernel.
      expect::in_every_mode([](const Tensor& t) { return t.to(f32) * 2; }, x);
      EXPECT_EQ(bits(x.to(f64) * 2), bits(copy.to(f64) * 2));
      EXPECT_EQ(bits(sum(x.to(f32))), bits(sum(copy.to(f32))));
    }
    EXPECT_EQ(p.given_back, 1);
  };
  Producer<double> transposed({1, 2, 3, 4, 5, 6}, {3, 2}, {1, 3});
  check_values(transposed, std::vector<double>{1, 4, 2, 5, 3, 6});
  Producer<int32_t> repeated({7, 8}, {3, 2}, {0, 1});
  check_values(repeated, std::vector<int32_t>{7, 8, 7, 8, 7, 8});
  Producer<int64_t> deep({1, 2, 3, 4}, {1, 2, 1, 1, 2, 1});
  check_values(deep, std::vector<int64_t>{1, 2, 3, 4});
  Producer<uint8_t> offset({9, 9, 9, 1, 2}, {2});
  offset.managed.dl_tensor.byte_offset = 3;
  check_values(offset, std::vector<uint8_t>{1, 2});
  Producer<float> scalar({4}, {});
  check_values(scalar, std::vector<float>{4});
  // NumPy makes the strides of axes of one element what it likes.
  Producer<float> odd({1, 2}, {1, 2}, {INT64_MAX, 1});
  check_values(odd, std::vector<float>{1, 2});
  Producer<float> none({}, {0, 3}, {-7, 99});
  none.managed.dl_tensor.data = nullptr;
  check_values(none, std::vector<float>{});

  Producer<uint8_t> flags({1, 0, 1}, {3});
  flags.managed.dl_tensor.dtype.code = dlpack::kBool;
  EXPECT_EQ(from_dlpack(&flags.managed).to_vector<bool>(), (std::vector<bool>{true, false, true}));
}

TEST(Dlpack, ImportsNegativeStrides) {
  // A matrix of numbers, rows and columns reversed as NumPy's x[::-1, ::-1] has them.
  const Tensor x = expect::numbers({40, 70}, 3);
  const Tensor reversed = flip(flip(x, 0), 1).contiguous();
  Producer<float> p(x.to_vector(), {40, 70}, {-70, -1});
  p.managed.dl_tensor.byte_offset = (40 * 70 - 1) * 4;
  {
    const Tensor y = from_dlpack(&p.managed);
    EXPECT_FALSE(y.is_contiguous());
    EXPECT_EQ(bits(y), bits(reversed));
    const auto all = [](const Tensor& t) {
      return std::vector<Tensor>{exp(t) * t,
                                 sum(t, 0),
                                 softmax(t, 1),
                                 matmul(t, t.transpose()),
                                 matmul(t.transpose(), t),
                                 t.slice(1, 3, 60, 4) + 1,
                                 t.reshape({70, 40}) * 2,
                                 argmax(t, 1),
                                 cumsum(t, 0),
                                 sort(t, 1).values,
                                 gather(t, tensor({3, 1})),
                                 concat({t, t}, 0)};
    };
    EXPECT_EQ(expect::in_every_mode(all, y), expect::tree_bits(all(reversed)));
  }
  EXPECT_EQ(p.given_back, 1);
}

// --- what is refused stays the caller's ---

template <class E, class T>
void expect_refused(Producer<T>& p, const std::string& text) {
  EXPECT_ERROR(E, static_cast<void>(from_dlpack(&p.managed)), text);
  EXPECT_EQ(p.given_back, 0);
}

TEST(Dlpack, Refusals) {
  EXPECT_ERROR(Error, static_cast<void>(from_dlpack(static_cast<dlpack::ManagedTensor*>(nullptr))),
               "from_dlpack: the DLManagedTensor is null; give one");
  EXPECT_ERROR(Error, static_cast<void>(to_dlpack(Tensor())), "to_dlpack: the Tensor is empty; give it a value first");
  const auto refused = [](auto change, auto error, const std::string& text) {
    Producer<float> p = six();
    change(p);
    expect_refused<decltype(error)>(p, "from_dlpack: " + text);
  };
  using P = Producer<float>;
  refused([](P& p) { p.managed.dl_tensor.device.device_type = dlpack::kCuda; }, Error(""),
          "the elements are on a device of type 2 (CUDA); copy them to the CPU first");
  refused([](P& p) { p.managed.dl_tensor.device.device_type = 10; }, Error(""),
          "the elements are on a device of type 10; copy them to the CPU first");
  const auto dtype = [&](uint8_t code, uint8_t n, uint16_t lanes, const std::string& name) {
    refused(
        [&](P& p) {
          p.managed.dl_tensor.dtype = {code, n, lanes};
        },
        DTypeError(""), "duet has no dtype for the elements: " + name + "; convert them first");
  };
  dtype(dlpack::kFloat, 8, 1, "float8");
  dtype(dlpack::kBfloat, 8, 1, "bfloat8");
  dtype(dlpack::kInt, 8, 1, "int8");
  dtype(dlpack::kUInt, 32, 1, "uint32");
  dtype(dlpack::kComplex, 64, 1, "complex64");
  dtype(dlpack::kBool, 1, 1, "bool1");
  dtype(dlpack::kFloat, 32, 4, "float32 x 4");
  dtype(dlpack::kFloat, 32, 0, "float32 x 0");
  dtype(77, 8, 1, "type 77 of 8 bits");
  refused([](P& p) { p.managed.dl_tensor.ndim = -1; }, ShapeError(""), "-1 axes; a tensor has 0 to 6");
  refused([](P& p) { p.managed.dl_tensor.ndim = 7; }, ShapeError(""), "7 axes; a tensor has 0 to 6");
  refused([](P& p) { p.managed.dl_tensor.shape = nullptr; }, ShapeError(""),
          "the extents of 2 axes are missing; set shape");
  refused([](P& p) { p.managed.dl_tensor.data = nullptr; }, Error(""), "the elements are missing: f32[2,3]; set data");
  refused([](P& p) { p.managed.dl_tensor.byte_offset = 2; }, Error(""),
          "the elements do not lie at multiples of 4 bytes: f32[2,3]; copy them first");
  refused(
      [](P& p) { p.managed.dl_tensor.byte_offset = UINT64_MAX - 3; }, ShapeError(""),
      "the strides reach further than 63 bits can count: f32[2,3] with strides [3,1] and 18446744073709551612 bytes "
      "before the first element; copy them first");
  refused(
      [](P& p) {
        p.strides = {INT64_MAX / 2, 1}, p.managed.dl_tensor.strides = p.strides.data();
      },
      ShapeError(""),
      "the strides reach further than 63 bits can count: f32[2,3] with strides [4611686018427387903,1] and 0 bytes "
      "before the first element; copy them first");
  refused(
      [](P& p) {
        p.strides = {INT64_MIN, 1}, p.managed.dl_tensor.strides = p.strides.data();
      },
      ShapeError(""),
      "the strides reach further than 63 bits can count: f32[2,3] with strides [-9223372036854775808,1] and 0 bytes "
      "before the first element; copy them first");

  Producer<float> negative({}, {2, -1}), huge({}, {int64_t{1} << 40, int64_t{1} << 40});
  expect_refused<ShapeError>(negative, "shape: an extent is negative: [2,-1]; extents are 0 or more");
  expect_refused<ShapeError>(
      huge, "shape: f32[1099511627776,1099511627776] has more bytes than 63 bits can count; give smaller extents");
}

}  // namespace
