#include "cpu/scratch.h"

#include <algorithm>
#include <new>

#include "duet/core/error.h"
#include "duet/core/memory.h"

namespace duet::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};

// Of the system: the caching allocator counts what tensors hold.
struct Block {
  void* data = nullptr;
  int64_t bytes = 0;
  ~Block() { ::operator delete(data, kAlignment); }

  void* get(int64_t wanted) {
    if (bytes < wanted) {
      void* larger = ::operator new(static_cast<std::size_t>(wanted), kAlignment);
      ::operator delete(data, kAlignment);
      data = larger;
      bytes = wanted;
    }
    return data;
  }
};

constinit thread_local Room* room_in_use = nullptr;

}  // namespace

void* thread_scratch(int64_t bytes) {
  thread_local Block block;
  return block.get(bytes);
}
char* tile_scratch(size_t bytes) {
  thread_local Block block;
  return static_cast<char*>(block.get(static_cast<int64_t>(bytes)));
}

Room::~Room() {
  if (data_ != nullptr) memory::deallocate(data_, bytes_);
}

void Room::grow() noexcept {
  if (most_ <= bytes_) return;
  try {
    auto* larger = static_cast<std::byte*>(memory::allocate(most_));
    if (data_ != nullptr) memory::deallocate(data_, bytes_);
    data_ = larger;
    bytes_ = most_;
  } catch (const std::exception&) {  // OutOfMemory, or bad_alloc when there is none even for its message
    most_ = bytes_;                  // temporaries come from the allocator the next time too
  }
}

Room::Use::Use(Room& room) : before_(room_in_use) { room_in_use = &room; }
Room::Use::~Use() {
  room_in_use->grow();
  room_in_use = before_;
}

Temporary::Temporary(size_t bytes) : room_(room_in_use), bytes_((bytes + 63) / 64 * 64) {
  if (room_ != nullptr && room_->used_ + bytes_ <= room_->bytes_)
    data_ = room_->data_ + room_->used_;
  else
    data_ = memory::allocate(bytes_);
  if (room_ == nullptr) return;
  room_->used_ += bytes_;
  room_->most_ = std::max(room_->most_, room_->used_);
}

Temporary::~Temporary() {
  if (room_ != nullptr) room_->used_ -= bytes_;
  // What did not fit into the room began behind its end.
  if (room_ == nullptr || room_->used_ + bytes_ > room_->bytes_) memory::deallocate(data_, bytes_);
}

}  // namespace duet::cpu
