// Shapes and strides, in elements. All index arithmetic is 64-bit and checked once, in checked_numel.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <string>

#include "duet/core/dtype.h"

namespace duet {

inline constexpr int kMaxRank = 6;

/// The extents of a tensor, outermost first; at most six.
class Shape {
 public:
  constexpr Shape() = default;
  /// ShapeError for more than six.
  Shape(std::initializer_list<int64_t> dims, std::source_location line = std::source_location::current())
      : Shape(dims.begin(), static_cast<int>(dims.size()), line) {}
  Shape(const int64_t* dims, int rank, std::source_location line = {});

  constexpr int rank() const { return rank_; }
  constexpr int64_t operator[](int axis) const { return dims_[axis]; }
  constexpr int64_t& operator[](int axis) { return dims_[axis]; }
  constexpr const int64_t* begin() const { return dims_; }
  constexpr const int64_t* end() const { return dims_ + rank_; }
  void push_back(int64_t extent);

  /// Number of elements; the extents were checked when the shape was made into a tensor.
  constexpr int64_t numel() const {
    int64_t n = 1;
    for (int64_t d : *this) n *= d;
    return n;
  }
  friend constexpr bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.dims_[i] != b.dims_[i]) return false;
    return true;
  }

 private:
  int64_t dims_[kMaxRank] = {};
  int32_t rank_ = 0;
};

/// Steps between neighbours along each axis, in elements; 0 repeats one element.
using Strides = int64_t[kMaxRank];

/// Number of elements. ShapeError when an extent is negative or the size in bytes does not fit 63 bits.
int64_t checked_numel(const Shape& shape, DType dtype);

/// Row-major strides of a dense tensor.
constexpr void dense_strides(const Shape& shape, int64_t* strides) {
  int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= shape[i];
  }
}

/// Whether elements lie densely in row-major order (axes of extent 1 do not matter).
bool is_dense(const Shape& shape, const int64_t* strides);

/// The common shape of two operands after NumPy's broadcasting; false when an axis differs and neither is 1.
bool broadcast_shapes(const Shape& a, const Shape& b, Shape& out);

/// What a value is, without its contents.
struct Spec {
  DType dtype = DType::f32;
  Shape shape;
  friend bool operator==(const Spec&, const Spec&) = default;
};

std::string to_string(const Shape& shape);  // "[32,64]"
std::string to_string(const Spec& spec);    // "f32[32,64]"

}  // namespace duet
