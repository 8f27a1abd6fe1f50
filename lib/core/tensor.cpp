#include "duet/core/tensor.h"

#include <cstring>
#include <memory>

#include "duet/graph/trace.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "cpu/tiles.h"
#include "ops/records.h"

namespace duet {

namespace {

// A tensor whose elements exist, named in errors by what was asked of it.
const Block& readable(const Tensor& t, const char* what) {
  check<Error>(t.defined(), "{}: the Tensor is empty; give it a value first", what);
  materialize(t, what);
  return t.block();
}

// Literals of double make f32.
template <class From>
Tensor from_rows(const std::initializer_list<From>* rows, size_t count, const Shape& shape) {
  using T = std::conditional_t<std::is_same_v<From, double>, float, From>;
  const auto n = static_cast<size_t>(shape.numel());
  const std::unique_ptr<T[]> elements(new T[n]);
  T* next = elements.get();
  for (size_t i = 0; i < count; ++i)
    for (From x : rows[i]) *next++ = static_cast<T>(x);
  return from_span(std::span<const T>(elements.get(), n), shape, std::source_location());
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
  requires std::is_arithmetic_v<T>
Tensor::Tensor(T value) : block_(block::make(dtype_of<T>, Shape(), true)), id_(fresh_ids(1)) {
  std::memcpy(block_->data, &value, sizeof(T));
}
template Tensor::Tensor(float);
template Tensor::Tensor(double);
template Tensor::Tensor(int32_t);
template Tensor::Tensor(int64_t);
template Tensor::Tensor(uint8_t);
template Tensor::Tensor(bool);

template <class T>
Tensor from_span(std::span<const T> elements, const Shape& shape, std::source_location line) {
  LineScope scope(line);
  int64_t n = checked_numel(shape, dtype_of<T>);
  check<ShapeError>(n == static_cast<int64_t>(elements.size()), "from_span: {} elements do not fill {}{}", elements.size(),
                    dtype_of<T>, shape);
  Block* b = block::make(dtype_of<T>, shape, true);
  if (n > 0) std::memcpy(b->data, elements.data(), b->data_bytes());
  return Tensor::adopt(b, fresh_ids(1));
}

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
  return visit(b.dtype, [&](auto zero) {
    using From = decltype(zero);
    From v;
    std::memcpy(&v, b.data, sizeof(From));
    return static_cast<T>(v);
  });
}

template <class T>
std::vector<T> Tensor::to_vector(std::source_location line) const {
  LineScope scope(line);
  const Block& b = readable(*this, "to_vector");
  check<DTypeError>(b.dtype == dtype_of<T>, "to_vector: the elements are not {}: {}; use .to({})", dtype_of<T>, spec(), dtype_of<T>);
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
  check<DTypeError>(b.dtype == dtype_of<T>, "data: the elements are not {}: {}; use .to({})", dtype_of<T>, spec(), dtype_of<T>);
  check<ShapeError>(b.dense, "data: the elements are not contiguous: {}; use .contiguous()", spec());
  return static_cast<const T*>(b.data);
}

#define DUET_FOR_ELEMENT(T)                                                      \
  template Tensor from_span<T>(std::span<const T>, const Shape&, std::source_location); \
  template T Tensor::item<T>(std::source_location) const;                        \
  template std::vector<T> Tensor::to_vector<T>(std::source_location) const;      \
  template const T* Tensor::data<T>(std::source_location) const;
DUET_FOR_ELEMENT(float)
DUET_FOR_ELEMENT(double)
DUET_FOR_ELEMENT(int32_t)
DUET_FOR_ELEMENT(int64_t)
DUET_FOR_ELEMENT(uint8_t)
DUET_FOR_ELEMENT(bool)

// A conversion has no line of its own; an enclosing scope's is used.
Tensor::operator bool() const { return item<double>(std::source_location()) != 0; }

Tensor Tensor::to(DType dtype, std::source_location line) const { return cast(Operand(*this, line), dtype); }
Tensor Tensor::contiguous(std::source_location line) const { return duet::contiguous(Operand(*this, line)); }
Tensor Tensor::reshape(const Shape& shape, std::source_location line) const { return duet::reshape(Operand(*this, line), shape); }
Tensor Tensor::transpose(std::source_location line) const { return duet::transpose(Operand(*this, line)); }
Tensor Tensor::slice(int axis, int64_t start, int64_t stop, int64_t step, std::source_location line) const {
  return slice_axis(Operand(*this, line), axis, start, stop, step);
}

Tensor Tensor::row(int64_t i, std::source_location line) const {
  LineScope scope(line);
  check<Error>(defined(), "row: the Tensor is empty; give it a value first");
  check<ShapeError>(rank() > 0, "row: a scalar has no rows: {}", spec());
  int64_t n = shape()[0];
  check<IndexError>(i >= -n && i < n, "row: there is no row {}: {}; rows go from {} to {}", i, spec(), -n, n - 1);
  if (i < 0) i += n;
  Tensor one = slice_axis(*this, 0, i, i + 1);
  return duet::reshape(one, Shape(shape().begin() + 1, rank() - 1));
}

template <class T>
Tensor tensor(std::initializer_list<T> row) {
  return from_rows<T>(&row, 1, {static_cast<int64_t>(row.size())});
}
template <class T>
Tensor tensor(std::initializer_list<std::initializer_list<T>> rows, std::source_location line) {
  LineScope scope(line);
  const size_t columns = rows.size() == 0 ? 0 : rows.begin()->size();
  for (const auto& row : rows) check<ShapeError>(row.size() == columns, "tensor: rows differ in length: {} and {}", columns, row.size());
  return from_rows<T>(rows.begin(), rows.size(), {static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)});
}
#define DUET_FOR_LITERAL(T)                           \
  template Tensor tensor(std::initializer_list<T>);   \
  template Tensor tensor(std::initializer_list<std::initializer_list<T>>, std::source_location);
DUET_FOR_LITERAL(double)
DUET_FOR_LITERAL(float)
DUET_FOR_LITERAL(int)
DUET_FOR_LITERAL(int64_t)
DUET_FOR_LITERAL(uint8_t)
DUET_FOR_LITERAL(bool)

}  // namespace duet
