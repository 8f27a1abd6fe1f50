#include "cpu/scratch.h"

#include <cstddef>
#include <new>

namespace duet::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};

struct Block {
  void* data = nullptr;
  int64_t bytes = 0;
  ~Block() { ::operator delete(data, kAlignment); }
};

}  // namespace

void* thread_scratch(int64_t bytes) {
  thread_local Block block;
  if (block.bytes < bytes) {
    void* larger = ::operator new(static_cast<std::size_t>(bytes), kAlignment);
    ::operator delete(block.data, kAlignment);
    block.data = larger;
    block.bytes = bytes;
  }
  return block.data;
}

}  // namespace duet::cpu
