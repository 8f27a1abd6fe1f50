#include "duet/data/batches.h"

#include <algorithm>
#include <cstring>

#include "io/file.h"

namespace duet::data {
namespace {

Tensor rows(const Tensor& t, const int64_t* order, int64_t first, int64_t count) {
  Shape shape = t.shape();
  shape[0] = count;
  Tensor out = io::uninitialized({t.dtype(), shape});
  size_t row_bytes = t.size_bytes() / static_cast<size_t>(t.shape()[0]);
  if (row_bytes == 0) return out;
  const uint8_t* from = io::elements(t).data();
  uint8_t* to = io::storage(out).data();
  if (order == nullptr) {
    std::memcpy(to, from + static_cast<size_t>(first) * row_bytes, static_cast<size_t>(count) * row_bytes);
    return out;
  }
  for (int64_t i = 0; i < count; ++i, to += row_bytes) {
    std::memcpy(to, from + static_cast<size_t>(order[first + i]) * row_bytes, row_bytes);
  }
  return out;
}

}  // namespace

Batches::Batches(const Tensor& x, const Tensor& y, int64_t batch, const Key* key, BatchOptions options,
                 std::source_location line)
    : batch_(batch), drop_last_(options.drop_last) {
  LineScope scope(line);
  check<Error>(x.defined() && y.defined(), "batches: a tensor is empty: default-constructed or moved from");
  check<ShapeError>(x.rank() >= 1 && y.rank() >= 1 && x.shape()[0] == y.shape()[0],
                    "batches: x and y differ in their number of rows: {}, {}", x.spec(), y.spec());
  check<ShapeError>(batch >= 1, "batches: a batch has at least one row: {}", batch);
  x_ = x.contiguous();
  y_ = y.contiguous();
  materialize(x_, "batches");
  materialize(y_, "batches");
  rows_ = x.shape()[0];
  if (key != nullptr) {
    std::vector<int64_t> order = permutation(*key, rows_).to_vector<int64_t>();
    order_.assign(order.begin(), order.end());
  }
}

int64_t Batches::size() const { return drop_last_ ? rows_ / batch_ : rows_ / batch_ + (rows_ % batch_ != 0); }

std::pair<Tensor, Tensor> Batches::at(int64_t i, std::source_location line) const {
  LineScope scope(line);
  check<IndexError>(i >= 0 && i < size(), "batches: no batch {}: there are {}", i, size());
  return copy_rows(i);
}

std::pair<Tensor, Tensor> Batches::copy_rows(int64_t i) const {
  int64_t first = i * batch_, count = std::min(batch_, rows_ - first);
  const int64_t* order = order_.empty() ? nullptr : order_.data();
  return {rows(x_, order, first, count), rows(y_, order, first, count)};
}

}  // namespace duet::data
