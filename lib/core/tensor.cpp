#include "duet/core/tensor.h"

#include <cstring>
#include <memory>

#include "duet/graph/trace.h"
#include "duet/ops/convert.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "cpu/tiles.h"
#include "cuda/device.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {

namespace {

// A tensor whose elements exist, named in errors by what was asked of it.
const Block& readable(const Tensor& t, const char* what) {  // on its own device
  check<Error>(t.defined(), "{}: the Tensor is empty; give it a value first", what);
  materialize(t, what);
  return t.block();
}

}  // namespace

void materialize(const Tensor& t, const char* why) {
  Block& b = t.block();
  if (b.trace == nullptr) return;
  if (b.trace != thread_state.trace) graph::reject_foreign(why, b);
  LineScope scope(b.trace->line_of(b.node_output));  // `if (t)` and printing know no line of their own
  b.trace->split(why);
}

template <class T>
requires std::is_arithmetic_v<T> Tensor::Tensor(T value)
    : Tensor(adopt(block::make(dtype_of<T>, Shape(), true, default_device()), fresh_ids(1))) {
  block::write(*block_, &value);
}
template Tensor::Tensor(float);
template Tensor::Tensor(double);
template Tensor::Tensor(int32_t);
template Tensor::Tensor(int64_t);
template Tensor::Tensor(uint8_t);
template Tensor::Tensor(bool);

void reject_empty() { fail<Error>("Tensor: it is empty, default-constructed or moved from; give it a value first"); }

int64_t Tensor::shape(int axis, std::source_location line) const {
  LineScope scope(line);
  return shape()[checked_axis("shape", axis, *this)];
}

template <class T>
T Tensor::item(std::source_location line) const {
  LineScope scope(line);
  const Block& b = readable(*this, "item");
  check<ShapeError>(b.numel == 1, "item: the tensor has not one element: {}; reduce it or use to_vector()", spec());
  return visit_stored(b.dtype, [&](auto zero) {
    using From = decltype(zero);
    From v;
    if (b.device.is_cuda())
      cuda::copy_to_host(b.device, &v, b.data, sizeof(From));
    else
      std::memcpy(&v, b.data, sizeof(From));
    return static_cast<T>(readable(v));
  });
}

template <class T>
std::vector<T> Tensor::to_vector(std::source_location line) const {
  LineScope scope(line);
  const Block& b = readable(*this, "to_vector");
  check<DTypeError>(b.dtype == dtype_of<T>, "to_vector: the elements are not {}: {}; use .to({})", dtype_of<T>, spec(),
                    dtype_of<T>);
  if (b.device.is_cuda()) return to(Device::cpu(), std::source_location()).template to_vector<T>(line);
  std::vector<T> v(static_cast<size_t>(b.numel));
  if (b.numel == 0) return v;
  cpu::Source source = cpu::make_source(b.dtype, b.shape, b.strides, b.shape);
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<uint8_t> bytes(v.size());
    cpu::gather(source, b.data, 0, b.numel, bytes.data());
    for (size_t i = 0; i < v.size(); ++i) v[i] = bytes[i] != 0;
  } else {
    cpu::gather(source, b.data, 0, b.numel, v.data());
  }
  return v;
}

template <class T>
const T* Tensor::data(std::source_location line) const {
  LineScope scope(line);
  const Block& b = readable(*this, "data");
  check<DTypeError>(b.dtype == dtype_of<T>, "data: the elements are not {}: {}; use .to({})", dtype_of<T>, spec(),
                    dtype_of<T>);
  check<DeviceError>(!b.device.is_cuda(), "data: the elements are on {}: {}; use .to(Device::cpu())", b.device, spec());
  check<ShapeError>(b.dense, "data: the elements are not contiguous: {}; use .contiguous()", spec());
  return static_cast<const T*>(b.data);
}

#define DUET_FOR_ELEMENT(T)                                                 \
  template T Tensor::item<T>(std::source_location) const;                   \
  template std::vector<T> Tensor::to_vector<T>(std::source_location) const; \
  template const T* Tensor::data<T>(std::source_location) const;
DUET_FOR_ELEMENT(float)
DUET_FOR_ELEMENT(double)
DUET_FOR_ELEMENT(int32_t)
DUET_FOR_ELEMENT(int64_t)
DUET_FOR_ELEMENT(uint8_t)
DUET_FOR_ELEMENT(bool)
template std::vector<Half> Tensor::to_vector<Half>(std::source_location) const;
template std::vector<BFloat16> Tensor::to_vector<BFloat16>(std::source_location) const;
template const Half* Tensor::data<Half>(std::source_location) const;
template const BFloat16* Tensor::data<BFloat16>(std::source_location) const;

// A conversion has no line of its own; an enclosing scope's is used.
Tensor::operator bool() const { return item<double>(std::source_location()) != 0; }

}  // namespace duet
