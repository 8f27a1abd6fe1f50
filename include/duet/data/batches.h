// Rows of two tensors, in batches: `for (auto [x, y] : train.batches(32, key))`.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "duet/random.h"

namespace duet::data {

struct BatchOptions {
  bool drop_last = false;  // leave out a last batch that is short
  int64_t prefetch = 0;    // as many batches are made ahead by a thread of their own
};

class Prefetcher;

/// A range of pairs (x: [B, …], y: [B, …]) of copied rows. Making batches is host work: it launches no kernels and is
/// never recorded. Of tensors on a device it keeps copies, and each batch is sent there.
class Batches {
 public:
  /// key: null keeps the order of the rows. ShapeError unless x and y have the same number of rows and batch >= 1.
  Batches(const Tensor& x, const Tensor& y, int64_t batch, const Key* key, BatchOptions options,
          std::source_location line = std::source_location::current());

  /// Number of batches, those before from() included.
  int64_t size() const;
  /// The same batches, of which iteration leaves out the first i: a run that stopped at batch i goes on there.
  /// IndexError unless 0 <= i <= size().
  Batches from(int64_t i, std::source_location line = std::source_location::current()) const;
  /// The i-th batch. IndexError unless 0 <= i < size().
  std::pair<Tensor, Tensor> at(int64_t i, std::source_location line = std::source_location::current()) const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::pair<Tensor, Tensor>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = value_type;

    Iterator() = default;
    Iterator(const Batches* batches, int64_t i) : batches_(batches), i_(i) {}
    /// With prefetch, the thread starts here. Copies of an iterator share it and must take turns, as input iterators
    /// do.
    value_type operator*() const;
    /// Number of the batch in the epoch; from(position()) goes on with it.
    int64_t position() const { return i_; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    void operator++(int) { ++i_; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.batches_ == b.batches_ && a.i_ == b.i_; }

   private:
    const Batches* batches_ = nullptr;
    int64_t i_ = 0;
    mutable std::shared_ptr<Prefetcher> ahead_;  // ends its thread with the last iterator
  };
  Iterator begin() const { return {this, first_}; }
  Iterator end() const { return {this, size()}; }

 private:
  friend class Prefetcher;
  std::pair<Tensor, Tensor> copy_rows(int64_t i) const;

  Tensor x_, y_;
  Device x_device_, y_device_;
  int64_t rows_, batch_, prefetch_, first_ = 0;
  bool drop_last_;
  std::vector<int64_t> order_;  // empty: as they lie
};

}  // namespace duet::data
