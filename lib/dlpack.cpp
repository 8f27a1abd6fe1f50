#include "duet/dlpack.h"

#include <fmt/format.h>

#include <optional>

namespace duet::dlpack::detail {
namespace {

// As other libraries call it: "float16", "int32 x 4".
std::string text_of(DataType t) {
  static constexpr const char* kNames[] = {"int", "uint", "float", "handle", "bfloat", "complex", "bool"};
  std::string s = t.code < std::size(kNames) ? fmt::format("{}{}", kNames[t.code], t.bits)
                                             : fmt::format("type {} of {} bits", t.code, t.bits);
  return t.lanes == 1 ? s : fmt::format("{} x {}", s, t.lanes);
}

constexpr DType kAll[] = {f32, f64, i32, i64, u8, boolean, f16, bf16};

DataType data_type(DType t) {
  const TypeCode code = t == bf16 ? kBfloat : is_float(t) ? kFloat : t == boolean ? kBool : t == u8 ? kUInt : kInt;
  return {code, static_cast<uint8_t>(8 * size_bytes(t)), 1};
}

std::optional<DType> dtype_of(DataType wanted) {
  for (DType t : kAll) {
    const DataType has = data_type(t);
    if (has.code == wanted.code && has.bits == wanted.bits && has.lanes == wanted.lanes) return t;
  }
  return std::nullopt;
}

// Whether an element can be named by an offset in bytes; there are elements.
bool reaches_too_far(const Spec& spec, const int64_t* strides, uint64_t byte_offset) {
  const auto size = static_cast<int64_t>(size_bytes(spec.dtype));
  int64_t low = 0, high = 0, step = 0;
  bool overflow = byte_offset > INT64_MAX || __builtin_add_overflow(high, static_cast<int64_t>(byte_offset), &high);
  for (int a = 0; a < spec.shape.rank(); ++a) {
    overflow |= __builtin_mul_overflow(strides[a], size, &step);
    overflow |= __builtin_mul_overflow(step, spec.shape[a] - 1, &step);
    int64_t& end = step < 0 ? low : high;
    overflow |= __builtin_add_overflow(end, step, &end);
  }
  return overflow || __builtin_add_overflow(high, size, &high);
}

}  // namespace

const Block& exported(const Tensor& t, DataType& dtype, std::source_location line) {
  LineScope scope(line);
  check<Error>(t.defined(), "to_dlpack: the Tensor is empty; give it a value first");
  check<DeviceError>(!t.device().is_cuda(), "to_dlpack: the elements are on {}: {}; use .to(Device::cpu())", t.device(),
                     t.spec());
  materialize(t, "to_dlpack");
  dtype = data_type(t.dtype());
  return t.block();
}

Tensor adopt(const Foreign* foreign, void* owner, void (*give_back)(void* owner), std::source_location line) {
  LineScope scope(line);
  check<Error>(foreign != nullptr, "from_dlpack: the DLManagedTensor is null; give one");
  const Foreign& x = *foreign;
  check<Error>(x.device_type == kCpu,
               "from_dlpack: the elements are on a device of type {}{}; copy them to the CPU first", x.device_type,
               x.device_type == kCuda ? " (CUDA)" : "");
  const std::optional<DType> dtype = dtype_of(x.dtype);
  if (!dtype)
    fail<DTypeError>("from_dlpack: duet has no dtype for the elements: {}; convert them first", text_of(x.dtype));
  check<ShapeError>(x.ndim >= 0 && x.ndim <= kMaxRank, "from_dlpack: {} axes; a tensor has 0 to {}", x.ndim, kMaxRank);
  check<ShapeError>(x.ndim == 0 || x.shape != nullptr, "from_dlpack: the extents of {} axes are missing; set shape",
                    x.ndim);
  const Spec spec{*dtype, Shape(x.shape, static_cast<int>(x.ndim))};
  const int64_t numel = checked_numel(spec.shape, spec.dtype);
  Strides strides;
  dense_strides(spec.shape, strides);
  if (x.strides != nullptr)
    for (int a = 0; a < spec.shape.rank(); ++a)
      if (spec.shape[a] != 1) strides[a] = x.strides[a];  // that of one element may be any number
  if (numel != 0) {
    check<Error>(x.data != nullptr, "from_dlpack: the elements are missing: {}; set data", spec);
    check<ShapeError>(!reaches_too_far(spec, strides, x.byte_offset),
                      "from_dlpack: the strides reach further than 63 bits can count: {} with strides {} and {} bytes "
                      "before the first element; copy them first",
                      spec, Shape(strides, spec.shape.rank()), x.byte_offset);
    check<Error>((reinterpret_cast<uintptr_t>(x.data) + x.byte_offset) % size_bytes(spec.dtype) == 0,
                 "from_dlpack: the elements do not lie at multiples of {} bytes: {}; copy them first",
                 size_bytes(spec.dtype), spec);
  }
  Block* b = block::make(spec.dtype, spec.shape, numel == 0);
  for (int a = 0; a < spec.shape.rank(); ++a) b->strides[a] = strides[a];
  b->dense = is_dense(spec.shape, strides);
  if (numel != 0) b->data = static_cast<char*>(x.data) + x.byte_offset;
  b->owned = owner;
  b->give_back = give_back;
  return Tensor::adopt(b, fresh_ids(1));
}

}  // namespace duet::dlpack::detail
