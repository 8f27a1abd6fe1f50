// Tensors shared with other libraries by DLPack (https://dmlc.github.io/dlpack), without a copy. duet.h does not
// include this header.
#pragma once

#include <cstddef>

#include "duet/core/tensor.h"

namespace duet {

/// DLPack's C structs with its layout, for programs without its header. DLPack's own DLManagedTensor serves as well.
namespace dlpack {

enum DeviceType : int32_t { kCpu = 1, kCuda = 2 };
enum TypeCode : uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6 };

struct Device {
  int32_t device_type;
  int32_t device_id;
};
struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};
/// DLTensor: element i lies at data + byte_offset + sum of i[a]·strides[a] elements; no strides means row-major.
struct Array {
  void* data;
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
/// DLManagedTensor: whoever holds one calls deleter(this) once, unless it is null, or hands it on.
struct ManagedTensor {
  Array dl_tensor;
  void* manager_ctx;
  void (*deleter)(ManagedTensor* self);
};

/// Any struct of that layout, such as DLPack's own DLManagedTensor.
template <class M>
concept Managed = sizeof(M) == sizeof(ManagedTensor) && requires(M m) {
  m.dl_tensor.byte_offset;
  m.manager_ctx;
  m.deleter(&m);
};

}  // namespace dlpack

namespace dlpack::detail {

/// A tensor that another library describes.
struct Foreign {
  void* data;
  int64_t device_type, ndim;
  DataType dtype;
  const int64_t *shape, *strides;
  uint64_t byte_offset;
};
Tensor adopt(const Foreign* foreign, void* owner, void (*give_back)(void* owner), std::source_location line);

/// What to_dlpack hands out, and all that it points to.
template <Managed M>
struct Export {
  M managed;
  Tensor tensor;
  int64_t shape[kMaxRank], strides[kMaxRank];
};
/// The elements' block, which exists; t's spec as DLPack says it.
const Block& exported(const Tensor& t, DataType& dtype, std::source_location line);

}  // namespace dlpack::detail

/// Hands t to another library: its elements, not a copy of them, with strides, alive until the deleter is called, in
/// any thread. They must not be written to. Inside a compiled function this runs what was recorded so far.
///
///   DLManagedTensor* managed = to_dlpack<DLManagedTensor>(t);
template <dlpack::Managed M = dlpack::ManagedTensor>
[[nodiscard]] M* to_dlpack(const Tensor& t, std::source_location line = std::source_location::current()) {
  dlpack::DataType dtype = {};
  const Block& b = dlpack::detail::exported(t, dtype, line);
  auto* all = new dlpack::detail::Export<M>{{}, t, {}, {}};
  for (int a = 0; a < b.shape.rank(); ++a) {
    all->shape[a] = b.shape[a];
    all->strides[a] = b.strides[a];
  }
  auto& y = all->managed.dl_tensor;
  y.data = b.data;
  y.device.device_type = static_cast<decltype(y.device.device_type)>(dlpack::kCpu);
  y.ndim = b.shape.rank();
  y.dtype.code = dtype.code;
  y.dtype.bits = dtype.bits;
  y.dtype.lanes = dtype.lanes;
  y.shape = all->shape;
  y.strides = all->strides;
  all->managed.manager_ctx = all;
  all->managed.deleter = [](M* self) { delete static_cast<dlpack::detail::Export<M>*>(self->manager_ctx); };
  return &all->managed;
}

/// A tensor over another library's elements, not a copy of them. It takes `managed` over and calls its deleter when the
/// last tensor that shares the elements dies, in that tensor's thread. Nobody may write to the elements meanwhile, as
/// contents of tensors never change; duet never does. bool elements have to be 0 or 1.
/// When it throws, `managed` still belongs to the caller and the deleter was not called: Error for another device than
/// the CPU, no data or elements off their alignment; DTypeError for a dtype that duet has not; ShapeError for more than
/// six axes, negative extents, or extents or strides that reach further than 63 bits can count.
template <dlpack::Managed M>
[[nodiscard]] Tensor from_dlpack(M* managed, std::source_location line = std::source_location::current()) {
  if (managed == nullptr) return dlpack::detail::adopt(nullptr, nullptr, nullptr, line);
  const auto& x = managed->dl_tensor;
  const dlpack::detail::Foreign foreign{x.data,       static_cast<int64_t>(x.device.device_type),
                                        x.ndim,       {x.dtype.code, x.dtype.bits, x.dtype.lanes},
                                        x.shape,      x.strides,
                                        x.byte_offset};
  auto give_back = [](void* owner) {
    auto* self = static_cast<M*>(owner);
    if (self->deleter != nullptr) self->deleter(self);
  };
  return dlpack::detail::adopt(&foreign, managed, give_back, line);
}

}  // namespace duet
