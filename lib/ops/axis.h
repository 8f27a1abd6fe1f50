// Positions around an axis, and rows: what kernels that move elements count with.
#pragma once

#include "duet/core/shape.h"
#include "ops/parts.h"

namespace duet {

/// The extent of an axis, and those before and after it multiplied up.
struct AroundAxis {
  int64_t outer = 1, axis, inner = 1;
  AroundAxis(const Shape& s, int64_t at) : axis(s[static_cast<int>(at)]) {
    for (int i = 0; i < s.rank(); ++i) (i < at ? outer : inner) *= i == at ? 1 : s[i];
  }
};

/// Where row `row` of a space begins in a tensor with these strides: rows run along the last axis and are counted in
/// row-major order. An axis left out counts nothing.
inline int64_t row_offset(const Shape& space, const int64_t* strides, int64_t row, int64_t left_out = -1) {
  int64_t offset = 0;
  for (int a = space.rank() - 2; a >= 0; --a) {
    if (a != left_out) offset += row % space[a] * strides[a];
    row /= space[a];
  }
  return offset;
}

/// Calls f with a zero of the unsigned integer as wide as an element: moving one needs no more of its type.
template <class F>
void visit_width(DType dtype, F f) {
  if (size_bytes(dtype) == 4)
    f(uint32_t{});
  else if (size_bytes(dtype) == 8)
    f(uint64_t{});
  else if (size_bytes(dtype) == 2)
    f(uint16_t{});
  else
    f(uint8_t{});
}

/// to += v; integers wrap.
template <class T>
void accumulate(T& to, T v) {
  if constexpr (std::is_floating_point_v<T>)
    to += v;
  else
    to = static_cast<T>(static_cast<uint64_t>(to) + static_cast<uint64_t>(v));
}

}  // namespace duet
