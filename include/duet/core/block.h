// What a Tensor points to: the header of one value. Ordinary code never sees it.
#pragma once

#include <atomic>

#include "duet/core/device.h"
#include "duet/core/line.h"
#include "duet/core/shape.h"

namespace duet {

/// One value: its spec, where its elements lie, and, while a compiled function records, that they do not exist yet.
struct Block {
  std::atomic<int32_t> refs{1};
  DType dtype = DType::f32;
  bool dense = true;
  Device device;                  // where data points to
  int32_t node_output = -1;       // pending: which recorded output this is
  graph::Trace* trace = nullptr;  // pending: who records it; null once the elements exist
  Block* root = nullptr;          // a view's storage belongs to this block, which the view keeps alive
  void* data = nullptr;           // first element; null while pending
  void* owned = nullptr;          // storage allocated apart from this header
  size_t owned_bytes = 0;         // of one example of a batch, which owns nothing: the id of the batch (batch.h)
  size_t header_bytes = 0;        // header and inline storage, as given to memory::allocate
  int64_t numel = 0;
  Shape shape;
  Strides strides = {};
  /// Of storage that is not duet's: called with `owned` when the last use of it ends. Nobody writes to such storage.
  void (*give_back)(void* owned) = nullptr;

  bool pending() const { return data == nullptr && numel != 0 ? true : trace != nullptr; }
  size_t data_bytes() const { return static_cast<size_t>(numel) * size_bytes(dtype); }
};

namespace block {

/// A dense value. With storage: inline for small ones, so that a small result is one pooled allocation.
Block* make(DType dtype, const Shape& shape, bool with_storage, Device device = Device());
/// The same with the shape of `like`, whose size was checked when it was made, and where it lies: `dtype` is not wider
/// than its own.
Block* make_like(const Block& like, DType dtype);
/// Fills a dense block with elements from host memory.
void write(const Block& b, const void* elements);
/// Gives a pending or foreign block storage of its own.
void allocate_storage(Block* b);
/// A block over the storage of `of`, elements at data with the given strides.
Block* view(Block* of, const Shape& shape, const int64_t* strides, void* data);
/// Makes b (pending) a view of `of`: the storage of a value that a plan computed in place or aliased.
void adopt(Block* b, Block* of, void* data);

inline void retain(Block* b) { b->refs.fetch_add(1, std::memory_order_relaxed); }
void destroy(Block* b) noexcept;
inline void release(Block* b) noexcept {
  // A sole owner needs no read-modify-write: nobody else can copy the handle meanwhile.
  if (b->refs.load(std::memory_order_acquire) == 1 || b->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(b);
}
/// Whether only the holder of `b` can reach its storage, apart from `extra` known handles. Storage that is not duet's
/// has another owner, who may look at it at any time.
inline bool sole_owner(const Block* b, int extra = 0) {
  const Block* root = b->root != nullptr ? b->root : b;
  return b->refs.load(std::memory_order_acquire) == 1 + extra && root->give_back == nullptr &&
         (root == b || root->refs.load(std::memory_order_acquire) == 1);
}

}  // namespace block
}  // namespace duet
