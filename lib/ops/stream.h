// What kernels that read whole rows share: operands as streams.
#pragma once

#include "cpu/reduce.h"
#include "cpu/scratch.h"
#include "cpu/tiles.h"
#include "ops/parts.h"

namespace duet {

/// Elements as they lie in memory: a bool is a byte.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

/// A strided operand as a stream.
template <class T>
struct StridedStream {
  cpu::Source source;
  const void* data;
  cpu::Stream<T> stream;
  StridedStream(const Strided& x, const Shape& shape, const int64_t* strides)
      : source(cpu::make_source(x.dtype, shape, strides, shape)), data(x.data) {
    if (source.dense || shape.numel() == 1) stream.data = static_cast<const T*>(data);
    stream.ctx = this;
    stream.get = [](void* ctx, int64_t begin, int64_t n, T* scratch) -> const T* {
      auto* self = static_cast<StridedStream*>(ctx);
      cpu::gather(self->source, self->data, begin, n, scratch);
      return scratch;
    };
  }
  explicit StridedStream(const Strided& x) : StridedStream(x, *x.shape, x.strides) {}
  StridedStream(const StridedStream&) = delete;
};

}  // namespace duet
