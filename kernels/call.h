// What kernels are told: plain structs, passed by value, the same for nvcc and for the library.
#pragma once

#include <cstdint>

namespace duet::kernel {

inline constexpr int kMaxAxes = 6, kMaxInputs = 12, kMaxOutputs = 4;

/// An operand by logical row-major position, whatever its layout.
struct Operand {
  enum Kind : int32_t { dense, single, number, strided };
  const void* data;
  uint64_t bits;  // number: the element itself
  Kind kind;
  int32_t axes;  // strided: merged axes, innermost last
  int64_t extent[kMaxAxes], stride[kMaxAxes];
};

struct PointwiseCall {
  int64_t n;
  int32_t wide;  // 16-byte loads and stores are aligned: four neighbours are neighbours in memory, or one element
  Operand in[kMaxInputs];
  void* out[kMaxOutputs];
};

/// y[i] = x[i], both by logical position.
struct CopyCall {
  int64_t n;
  int32_t wide;  // as in PointwiseCall, and y is dense
  Operand x, y;
};
struct CastCall {
  int64_t n;
  Operand x;
  void* y;
};
struct ArangeCall {
  int64_t n;
  Operand start, step;
  void* y;
};
/// Elements [i,j] of matrices with low <= j - i <= high are kept, the others are 0.
struct TriangleCall {
  int64_t n, rows, columns, low, high;
  Operand x;
  void* y;
};

/// Which index was out of range first since values were read last.
struct Fault {
  uint32_t set, site;
  int64_t index, element;
};
struct CheckCall {
  int64_t n, low, high;
  Operand index;
  Fault* fault;
  uint32_t site;
};
/// Picks or adds along the middle axis of [outer, extent, inner]; `count` indices replace the axis. Index k of part o
/// stands at o / share * count + k, or, one an element, at the element's own position.
struct IndexCall {
  int64_t n, outer, extent, inner, count, share;
  int32_t each;  // an index an element
  Operand x, index, updates;
  void* y;
};

/// Rows of n elements in `chunks` chunks each: y[row * chunks + chunk].
struct RowCall {
  int64_t n, rows, chunks;
  Operand x;
  void* y;
};
/// x[outer, n, inner] by columns: y[outer, chunks, inner].
struct ColumnCall {
  int64_t n, outer, inner, chunks;
  Operand x;
  void* y;
};
/// Chains along the middle axis of [outer, n, inner].
struct ScanCall {
  int64_t n, outer, inner;
  int32_t reverse;
  Operand x, a;
  void* y;
};
/// Rows of n elements: the first `keep` in order.
struct SortCall {
  int64_t rows, n, keep;
  int32_t descending;
  Operand x;
  void* values;
  int64_t* indices;
};
/// Rows of n elements, `count` places in each.
struct PlaceCall {
  int64_t rows, n, count;
  Operand x, places;
  void* y;
};
struct RandomCall {
  int64_t n;
  uint32_t stream;
  Operand key, number;
  void* y;
};
struct Windows {
  int64_t extent, kernel, stride, padding, dilation, count;
};
struct ImageCall {
  int64_t n, images, channels;
  Windows h, w;
  Operand x;
  void* y;
};
struct MatmulCall {
  int64_t m, n, k, batches;
  const void *a, *b;
  void* y;
  int64_t a_row, a_col, b_row, b_col;
  int32_t axes;  // of the batch, outermost first
  int64_t extent[kMaxAxes], a_step[kMaxAxes], b_step[kMaxAxes];
};

inline constexpr int kSum = 0, kMax = 1, kMin = 2, kProd = 3;  // cpu::ReduceKind's values

/// Element types as kernels' template arguments: duet::DType's values.
inline constexpr int kF32 = 0, kF64 = 1, kI32 = 2, kI64 = 3, kU8 = 4, kBool = 5;

}  // namespace duet::kernel
