#include "duet/core/block.h"

#include <cstring>
#include <new>

#include "cuda/device.h"
#include "cuda/memory.h"
#include "duet/core/error.h"
#include "duet/core/memory.h"

namespace duet::block {
namespace {

constexpr size_t kHeaderBytes = (sizeof(Block) + 63) / 64 * 64;
constexpr size_t kInlineBytes = 4096;  // larger storage is allocated apart, so that size classes fit powers of two

inline Block* make_dense(DType dtype, const Shape& shape, int64_t numel, bool with_storage, Device device) {
  size_t bytes = static_cast<size_t>(numel) * size_bytes(dtype);
  bool inline_storage = with_storage && bytes <= kInlineBytes && !device.is_cuda();
  size_t header_bytes = kHeaderBytes + (inline_storage ? bytes : 0);
  void* p = memory::allocate(header_bytes);
  Block* b = new (p) Block;
  b->dtype = dtype;
  b->device = device;
  b->header_bytes = header_bytes;
  b->numel = numel;
  b->shape = shape;
  dense_strides(shape, b->strides);
  if (inline_storage) {
    b->data = static_cast<char*>(p) + kHeaderBytes;
  } else if (with_storage) {
    try {
      allocate_storage(b);
    } catch (...) {
      destroy(b);
      throw;
    }
  }
  return b;
}

}  // namespace

Block* make(DType dtype, const Shape& shape, bool with_storage, Device device) {
  return make_dense(dtype, shape, checked_numel(shape, dtype), with_storage, device);
}

Block* make_like(const Block& like, DType dtype) {
  return make_dense(dtype, like.shape, like.numel, true, like.device);
}

void allocate_storage(Block* b) {
  size_t bytes = b->data_bytes();
  b->owned = b->device.is_cuda() ? cuda::allocate(b->device, bytes) : memory::allocate(bytes);
  b->owned_bytes = bytes;
  b->data = b->owned;
}

void write(const Block& b, const void* elements) {
  if (b.device.is_cuda())
    cuda::copy_to_device(b.device, b.data, elements, b.data_bytes());
  else if (b.numel > 0)
    std::memcpy(b.data, elements, b.data_bytes());
}

Block* view(Block* of, const Shape& shape, const int64_t* strides, void* data) {
  Block* b = make(of->dtype, shape, false, of->device);
  for (int i = 0; i < shape.rank(); ++i) b->strides[i] = strides[i];
  b->dense = is_dense(shape, strides);
  adopt(b, of, data);
  return b;
}

void adopt(Block* b, Block* of, void* data) {
  Block* root = of->root != nullptr ? of->root : of;
  retain(root);
  b->root = root;
  b->data = data;
}

void destroy(Block* b) noexcept {
  if (b->root != nullptr) release(b->root);
  if (b->give_back != nullptr)
    b->give_back(b->owned);
  else if (b->owned != nullptr && b->device.is_cuda())
    cuda::deallocate(b->device, b->owned, b->owned_bytes);
  else if (b->owned != nullptr)
    memory::deallocate(b->owned, b->owned_bytes);
  memory::deallocate(b, b->header_bytes);
}

}  // namespace duet::block
