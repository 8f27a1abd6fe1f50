#include "duet/core/shape.h"

#include "duet/core/error.h"

namespace duet {

Shape::Shape(const int64_t* dims, int rank, std::source_location line) : rank_(rank) {
  LineScope scope(line);
  check<ShapeError>(rank <= kMaxRank, "shape: {} axes are too many: a tensor has at most {}", rank, kMaxRank);
  for (int i = 0; i < rank; ++i) dims_[i] = dims[i];
}

void Shape::push_back(int64_t extent) {
  check<ShapeError>(rank_ < kMaxRank, "shape: {} axes are too many: a tensor has at most {}", rank_ + 1, kMaxRank);
  dims_[rank_++] = extent;
}

int64_t checked_numel(const Shape& shape, DType dtype) {
  int64_t n = 1, bytes = 0;
  bool overflow = false, empty = false;
  for (int64_t d : shape) {
    check<ShapeError>(d >= 0, "shape: an extent is negative: {}; extents are 0 or more", shape);
    empty |= d == 0;
    overflow |= __builtin_mul_overflow(n, d == 0 ? 1 : d, &n);
  }
  overflow |= __builtin_mul_overflow(n, static_cast<int64_t>(size_bytes(dtype)), &bytes);
  check<ShapeError>(!overflow, "shape: {}{} has more bytes than 63 bits can count; give smaller extents", dtype, shape);
  return empty ? 0 : n;
}

bool is_dense(const Shape& shape, const int64_t* strides) {
  if (shape.numel() == 0) return true;
  int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

bool broadcast_shapes(const Shape& a, const Shape& b, Shape& out) {
  if (a == b) {
    out = a;
    return true;
  }
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  out = longer;
  int lead = longer.rank() - shorter.rank();
  for (int i = 0; i < shorter.rank(); ++i) {
    int64_t x = longer[lead + i], y = shorter[i];
    if (x != y && x != 1 && y != 1) return false;
    out[lead + i] = x == 1 ? y : x;
  }
  return true;
}

std::string to_string(const Shape& shape) {
  std::string s = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) s += ',';
    s += std::to_string(shape[i]);
  }
  s += ']';
  return s;
}

std::string to_string(const Spec& spec) { return std::string(name(spec.dtype)) + to_string(spec.shape); }

}  // namespace duet
