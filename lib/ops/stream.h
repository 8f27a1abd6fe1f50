// What kernels that read whole rows share: operands as streams, storage for a while, work split over threads.
#pragma once

#include <algorithm>

#include "cpu/reduce.h"
#include "cpu/threads.h"
#include "cpu/tiles.h"
#include "duet/core/memory.h"

namespace duet {

inline constexpr int64_t kParallelElements = 64 * 1024;

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

/// Bytes from the allocator, for the length of a kernel.
struct Temporary {
  size_t bytes;
  void* data;
  explicit Temporary(size_t n) : bytes(n), data(memory::allocate(n)) {}
  ~Temporary() { memory::deallocate(data, bytes); }
  Temporary(const Temporary&) = delete;
};

/// How many threads `total` units are worth that take the time of `work` elements.
inline int64_t part_count(int64_t total, int64_t work) {
  return work < kParallelElements ? 1 : std::min<int64_t>(cpu::threads(), total);
}

/// body(begin, end) for parts of [0, total), on several threads where that pays.
void in_parts(int64_t total, int64_t work, auto&& body) {
  const int64_t parts = part_count(total, work);
  if (parts <= 1) return body(int64_t{0}, total);
  cpu::parallel_for(parts, [&](int64_t p) { body(total * p / parts, total * (p + 1) / parts); });
}

}  // namespace duet
