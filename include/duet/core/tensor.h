// The value everything else is about.
#pragma once

#include <concepts>
#include <cstdio>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "duet/core/block.h"
#include "duet/core/error.h"

namespace duet {

/// An index that knows where it was written.
struct RowIndex {
  int64_t i;
  std::source_location line;
  template <std::integral I>
  RowIndex(I index, std::source_location where = std::source_location::current())
      : i(static_cast<int64_t>(index)), line(where) {}
};

/// Throws the Error for the use of a Tensor that has no value.
[[noreturn]] void reject_empty();

/// An immutable n-dimensional array: a shared block and the id of this value. Copies share both and cost a count.
/// Contents never change; `x += y` rebinds x. Views (reshape, transpose, slice, broadcast_to) share storage.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor& t) : block_(t.block_), id_(t.id_) {
    if (block_) block::retain(block_);
  }
  Tensor(Tensor&& t) noexcept : block_(std::exchange(t.block_, nullptr)), id_(t.id_) {}
  Tensor& operator=(const Tensor& t) { return *this = Tensor(t); }
  Tensor& operator=(Tensor&& t) noexcept {
    std::swap(block_, t.block_);
    std::swap(id_, t.id_);
    return *this;
  }
  ~Tensor() {
    if (block_) block::release(block_);
  }
  /// A scalar value, f32[] or i32[] …; unlike a C++ number in an expression it has a dtype of its own.
  template <class T>
  requires std::is_arithmetic_v<T>
  explicit Tensor(T value);

  bool defined() const { return block_ != nullptr; }
  DType dtype() const { return block().dtype; }
  const Shape& shape() const { return block().shape; }
  int64_t shape(int axis, std::source_location line = std::source_location::current()) const;
  int rank() const { return block().shape.rank(); }
  int64_t numel() const { return block().numel; }
  size_t size_bytes() const { return block().data_bytes(); }
  Spec spec() const { return {block().dtype, block().shape}; }
  Device device() const { return block().device; }
  /// Whether elements lie densely in row-major order.
  bool is_contiguous() const { return block().dense; }

  /// The one element, converted to T. ShapeError unless there is exactly one. While a compiled function records, this
  /// runs what was recorded so far.
  template <class T = float>
  T item(std::source_location line = std::source_location::current()) const;
  /// All elements in row-major order. DTypeError unless T is the element type.
  template <class T = float>
  std::vector<T> to_vector(std::source_location line = std::source_location::current()) const;
  /// The elements of a contiguous tensor, valid while it lives. DTypeError, ShapeError (use contiguous()).
  template <class T = float>
  const T* data(std::source_location line = std::source_location::current()) const;
  /// item() of a tensor with one element, compared with zero.
  explicit operator bool() const;

  // Members that are operations; see ops/ for each.
  Tensor to(DType dtype, std::source_location line = std::source_location::current()) const;
  /// The same elements on another device; this tensor where it is there already. A copy to a device does not wait.
  Tensor to(Device device, std::source_location line = std::source_location::current()) const;
  Tensor contiguous(std::source_location line = std::source_location::current()) const;
  Tensor reshape(const Shape& shape, std::source_location line = std::source_location::current()) const;
  Tensor transpose(std::source_location line = std::source_location::current()) const;
  /// Elements start, start+step, … before stop along an axis; negative positions count from the end.
  Tensor slice(int axis, int64_t start, int64_t stop, int64_t step = 1,
               std::source_location line = std::source_location::current()) const;
  /// The i-th row: the first axis is removed.
  Tensor operator[](RowIndex i) const { return row(i.i, i.line); }
  Tensor row(int64_t i, std::source_location line = std::source_location::current()) const;

  uint64_t id() const { return id_; }
  Block& block() const {
    if (block_ == nullptr) [[unlikely]]
      reject_empty();
    return *block_;
  }
  /// Takes over one reference to b.
  static Tensor adopt(Block* b, uint64_t id) {
    Tensor t;
    t.block_ = b;
    t.id_ = id;
    return t;
  }

 private:
  Block* block_ = nullptr;
  uint64_t id_ = 0;
};
static_assert(sizeof(Tensor) == 16);

/// Runs what a recording function has recorded so far if t is part of it, so that t's elements exist.
void materialize(const Tensor& t, const char* why);

/// A tensor with a copy of the given elements in row-major order. ShapeError when their number is not the shape's.
template <class T>
Tensor from_span(std::span<const T> elements, const Shape& shape,
                 std::source_location line = std::source_location::current());
template <class T>
Tensor from_vector(const std::vector<T>& elements, const Shape& shape,
                   std::source_location line = std::source_location::current()) {
  return from_span(std::span<const T>(elements), shape, line);
}
/// tensor({1.0, 2.0}) is f32[2], tensor({{1, 2}, {3, 4}}) is i32[2,2], tensor({{1.0}, {2.0}}) is f32[2,1]: float and
/// double make f32, int i32, int64_t i64, bool bool. ShapeError when rows differ in length.
template <class T>
Tensor tensor(std::initializer_list<T> row);
template <class T>
Tensor tensor(std::initializer_list<std::initializer_list<T>> rows,
              std::source_location line = std::source_location::current());

/// NumPy-like text: "[[1. 2.]\n [3. 4.]] f32[2,2]"; more than 1,000 elements are summarised.
std::string to_string(const Tensor& t);
std::ostream& operator<<(std::ostream& out, const Tensor& t);
/// For a debugger: prints t to stderr (`call duet::show(t)`). In the user's own file, so that a debugger knows its type
/// whatever the library was built with.
[[gnu::used]] inline void show(const Tensor& t) { std::fputs((to_string(t) + "\n").c_str(), stderr); }

}  // namespace duet

template <>
struct fmt::formatter<duet::Tensor> : duet::TextFormatter {};
