#include "duet/data/batches.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

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

// Makes the batches from `first` on, at most `ahead` of them before they are taken.
class Prefetcher {
 public:
  Prefetcher(const Batches& batches, int64_t first, int64_t ahead)
      : batches_(batches), next_(first), ahead_(static_cast<size_t>(ahead)), thread_([this] { work(); }) {}
  ~Prefetcher() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // Batch i. A batch that was asked for before, or skips one, is made here and now.
  std::pair<Tensor, Tensor> take(int64_t i) {
    std::unique_lock lock(mutex_);
    while (taken_ < i && !ready_.empty()) pop();
    changed_.wait(lock, [&] { return !ready_.empty() || error_ || taken_ != i; });
    if (taken_ == i && !ready_.empty()) {
      std::pair<Tensor, Tensor> batch = std::move(ready_.front());
      pop();
      return batch;
    }
    if (taken_ == i) std::rethrow_exception(error_);
    lock.unlock();
    return batches_.copy_rows(i);
  }

 private:
  void pop() {
    ready_.pop_front();
    ++taken_;
    changed_.notify_all();
  }
  void work() {
    try {
      for (int64_t i = next_; i < batches_.size(); ++i) {
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [&] { return stop_ || ready_.size() < ahead_; });
          if (stop_) return;
        }
        std::pair<Tensor, Tensor> batch = batches_.copy_rows(i);
        std::lock_guard lock(mutex_);
        ready_.push_back(std::move(batch));
        changed_.notify_all();
      }
    } catch (...) {
      std::lock_guard lock(mutex_);
      error_ = std::current_exception();
      changed_.notify_all();
    }
  }

  const Batches& batches_;
  const int64_t next_;
  const size_t ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Tensor, Tensor>> ready_;
  int64_t taken_ = next_;  // the batch that ready_ begins with
  std::exception_ptr error_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

Batches::Iterator::value_type Batches::Iterator::operator*() const {
  if (batches_->prefetch_ == 0) return batches_->copy_rows(i_);
  if (!ahead_) ahead_ = std::make_shared<Prefetcher>(*batches_, i_, batches_->prefetch_);
  return ahead_->take(i_);
}

Batches Batches::from(int64_t i, std::source_location line) const {
  LineScope scope(line);
  check<IndexError>(i >= 0 && i <= size(), "batches: cannot go on at batch {}: there are {}; give 0 to {}", i, size(),
                    size());
  Batches rest = *this;
  rest.first_ = i;
  return rest;
}

Batches::Batches(const Tensor& x, const Tensor& y, int64_t batch, const Key* key, BatchOptions options,
                 std::source_location line)
    : batch_(batch), prefetch_(options.prefetch), drop_last_(options.drop_last) {
  LineScope scope(line);
  check<Error>(x.defined() && y.defined(),
               "batches: a tensor is empty: default-constructed or moved from; give it a value first");
  check<ShapeError>(x.rank() >= 1 && y.rank() >= 1 && x.shape()[0] == y.shape()[0],
                    "batches: x and y differ in their number of rows: {}, {}; give each row a label", x.spec(),
                    y.spec());
  check<ShapeError>(batch >= 1, "batches: a batch has at least one row: {}", batch);
  check<Error>(prefetch_ >= 0, "batches: prefetch is a number of batches, not negative: {}; give 0 for none",
               prefetch_);
  x_device_ = x.device();
  y_device_ = y.device();
  x_ = x.contiguous().to(Device::cpu());
  y_ = y.contiguous().to(Device::cpu());
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
  check<IndexError>(i >= 0 && i < size(), "batches: no batch {}: there are {}; they count from 0", i, size());
  return copy_rows(i);
}

std::pair<Tensor, Tensor> Batches::copy_rows(int64_t i) const {
  int64_t first = i * batch_, count = std::min(batch_, rows_ - first);
  const int64_t* order = order_.empty() ? nullptr : order_.data();
  return {rows(x_, order, first, count).to(x_device_), rows(y_, order, first, count).to(y_device_)};
}

}  // namespace duet::data
