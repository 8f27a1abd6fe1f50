// Tensors from the host's data.
#include <memory>

#include "duet/core/tensor.h"

namespace duet {

template <class T>
Tensor from_span(std::span<const T> elements, const Shape& shape, std::source_location line) {
  LineScope scope(line);
  int64_t n = checked_numel(shape, dtype_of<T>);
  check<ShapeError>(n == static_cast<int64_t>(elements.size()), "from_span: {} elements do not fill {}{}; give as many",
                    elements.size(), dtype_of<T>, shape);
  Tensor t = Tensor::adopt(block::make(dtype_of<T>, shape, true, default_device()), fresh_ids(1));
  block::write(t.block(), elements.data());
  return t;
}

template Tensor from_span<float>(std::span<const float>, const Shape&, std::source_location);
template Tensor from_span<double>(std::span<const double>, const Shape&, std::source_location);
template Tensor from_span<int32_t>(std::span<const int32_t>, const Shape&, std::source_location);
template Tensor from_span<int64_t>(std::span<const int64_t>, const Shape&, std::source_location);
template Tensor from_span<uint8_t>(std::span<const uint8_t>, const Shape&, std::source_location);
template Tensor from_span<bool>(std::span<const bool>, const Shape&, std::source_location);
template Tensor from_span<Half>(std::span<const Half>, const Shape&, std::source_location);
template Tensor from_span<BFloat16>(std::span<const BFloat16>, const Shape&, std::source_location);

namespace {

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

template <class T>
Tensor tensor(std::initializer_list<T> row) {
  return from_rows<T>(&row, 1, {static_cast<int64_t>(row.size())});
}
template <class T>
Tensor tensor(std::initializer_list<std::initializer_list<T>> rows, std::source_location line) {
  LineScope scope(line);
  const size_t columns = rows.size() == 0 ? 0 : rows.begin()->size();
  for (const auto& row : rows)
    check<ShapeError>(row.size() == columns, "tensor: rows differ in length: {} and {}; give rows of one length",
                      columns, row.size());
  return from_rows<T>(rows.begin(), rows.size(), {static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)});
}
#define DUET_FOR_LITERAL(T)                         \
  template Tensor tensor(std::initializer_list<T>); \
  template Tensor tensor(std::initializer_list<std::initializer_list<T>>, std::source_location);
DUET_FOR_LITERAL(double)
DUET_FOR_LITERAL(float)
DUET_FOR_LITERAL(int)
DUET_FOR_LITERAL(int64_t)
DUET_FOR_LITERAL(uint8_t)
DUET_FOR_LITERAL(bool)

}  // namespace duet
