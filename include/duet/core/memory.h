// The caching allocator of tensor storage, and what it counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace duet {

/// What the allocator has handed out, in all threads.
struct MemoryStats {
  int64_t live_bytes = 0;    // handed out now
  int64_t peak_bytes = 0;    // the most since the last reset_peak()
  int64_t allocations = 0;   // blocks handed out so far, from the cache or not
  int64_t cached_bytes = 0;  // kept for reuse by the calling thread
};
/// The counters now; exact while other threads rest, the peak to 64 KiB for each of them.
MemoryStats memory_stats();

/// Starts a new peak at what is live now.
void reset_peak();

/// Gives the calling thread's cached blocks back to the system.
void trim_memory();
/// The most that any thread keeps for reuse, 512 MiB at first; what does not fit goes back to the system when it is
/// freed.
void set_cache_limit(size_t bytes);

namespace memory {

/// 64-byte aligned storage of at least `bytes`; OutOfMemory when the system has none. Give the same size back.
void* allocate(size_t bytes);
void deallocate(void* p, size_t bytes) noexcept;

}  // namespace memory
}  // namespace duet
