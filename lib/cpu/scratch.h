#pragma once

#include <cstddef>
#include <cstdint>

namespace duet::cpu {

/// Memory of the calling thread for one kernel at a time, 64-byte aligned, kept until the thread ends. Its contents do
/// not survive the next call.
void* thread_scratch(int64_t bytes);
/// The same for the tiles of a program, which a kernel with scratch of its own may run.
char* tile_scratch(size_t bytes);

/// Room for what kernels need while they run, kept by a plan from one run to the next.
class Room {
 public:
  Room() = default;
  Room(const Room&) = delete;
  ~Room();

  /// While this lives, temporaries of the calling thread lie in the room as far as there is place; at the end the room
  /// grows to what would have held all of them.
  class Use {
   public:
    explicit Use(Room& room);
    ~Use();
    Use(const Use&) = delete;

   private:
    Room* before_;
  };

 private:
  friend class Temporary;
  void grow() noexcept;

  std::byte* data_ = nullptr;
  size_t bytes_ = 0, used_ = 0, most_ = 0;
};

/// Bytes for the length of a kernel, 64-byte aligned: of the room in use, else from the allocator. The last one made is
/// the first one to go.
class Temporary {
 public:
  explicit Temporary(size_t bytes);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  void* data() const { return data_; }

 private:
  Room* room_;
  size_t bytes_;
  void* data_;
};

}  // namespace duet::cpu
