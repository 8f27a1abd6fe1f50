#include "duet/core/memory.h"

#include <atomic>
#include <bit>
#include <cstdlib>

#include "duet/core/error.h"

namespace duet {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaching = false;  // a cache would hide use after free from the sanitizer
#else
constexpr bool kCaching = true;
#endif

std::atomic<int64_t> live_bytes{0}, peak_bytes{0}, allocations{0};

struct FreeBlock {
  FreeBlock* next;
};

// Four classes an octave from 64 bytes on: at most a quarter is lost to rounding, an eighth on average.
constexpr int kClasses = 4 * 40;
constexpr size_t kCacheLimitBytes = size_t{512} << 20;
// What is kept beyond what a program needed at once: a loop finds all its blocks again, and blocks of sizes that do not
// come back are not kept for ever.
constexpr int64_t kSpareBytes = int64_t{64} << 20;

struct SizeClass {
  int index;
  size_t bytes;
};
SizeClass size_class(size_t bytes) {
  if (bytes <= 256) {  // multiples of 64
    size_t n = bytes == 0 ? 1 : (bytes + 63) / 64;
    return {static_cast<int>(n - 1), n * 64};
  }
  const int octave = static_cast<int>(std::bit_width(bytes - 1)) - 1;  // bytes in (2^octave, 2^(octave+1)]
  size_t quarter = size_t{1} << (octave - 2);
  size_t n = (bytes - (size_t{1} << octave) + quarter - 1) / quarter;  // 1..4
  return {4 + (octave - 8) * 4 + static_cast<int>(n) - 1, (size_t{1} << octave) + n * quarter};
}

struct Cache {
  FreeBlock* lists[kClasses];
  size_t bytes;
  enum : uint8_t { untouched, live, ended } state;
};
constinit thread_local Cache cache{};

void drop_all() noexcept {
  for (FreeBlock*& list : cache.lists)
    while (list != nullptr) std::free(std::exchange(list, list->next));
  cache.bytes = 0;
}

// Frees a thread's cache when the thread ends; kept apart so that the cache itself needs no guard on each access.
struct Reaper {
  Reaper() { cache.state = Cache::live; }
  ~Reaper() {
    drop_all();
    cache.state = Cache::ended;
  }
};
void touch_reaper() { static thread_local Reaper reaper; }

void* system_allocate(size_t bytes) {
  void* p = std::aligned_alloc(64, bytes);
  if (p == nullptr) {
    drop_all();
    p = std::aligned_alloc(64, bytes);
  }
  check<OutOfMemory>(p != nullptr, "allocate: the system has no {} bytes more; {} bytes are live", bytes,
                     live_bytes.load(std::memory_order_relaxed));
  return p;
}

}  // namespace

MemoryStats memory_stats() {
  return {live_bytes.load(), peak_bytes.load(), allocations.load(), static_cast<int64_t>(cache.bytes)};
}
void reset_peak() { peak_bytes = live_bytes.load(); }
void trim_memory() { drop_all(); }

namespace memory {

void* allocate(size_t bytes) {
  check<OutOfMemory>(bytes <= (size_t{1} << 46), "allocate: {} bytes are more than any machine has", bytes);
  SizeClass c = size_class(bytes);
  FreeBlock*& list = cache.lists[c.index];
  void* p = list;
  if (p != nullptr) {
    list = list->next;
    cache.bytes -= c.bytes;
  } else {
    p = system_allocate(c.bytes);
  }
  allocations.fetch_add(1, std::memory_order_relaxed);
  int64_t live =
      live_bytes.fetch_add(static_cast<int64_t>(c.bytes), std::memory_order_relaxed) + static_cast<int64_t>(c.bytes);
  int64_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
  return p;
}

void deallocate(void* p, size_t bytes) noexcept {
  SizeClass c = size_class(bytes);
  live_bytes.fetch_sub(static_cast<int64_t>(c.bytes), std::memory_order_relaxed);
  if (!kCaching || cache.bytes + c.bytes > kCacheLimitBytes) return std::free(p);
  if (static_cast<int64_t>(cache.bytes) > kSpareBytes) [[unlikely]] {
    const int64_t needed = peak_bytes.load(std::memory_order_relaxed) - live_bytes.load(std::memory_order_relaxed);
    if (static_cast<int64_t>(cache.bytes) > kSpareBytes + needed) drop_all();
  }
  if (cache.state == Cache::untouched) [[unlikely]]
    touch_reaper();
  if (cache.state == Cache::ended) [[unlikely]]
    return std::free(p);
  auto* block = static_cast<FreeBlock*>(p);
  block->next = cache.lists[c.index];
  cache.lists[c.index] = block;
  cache.bytes += c.bytes;
}

}  // namespace memory
}  // namespace duet
