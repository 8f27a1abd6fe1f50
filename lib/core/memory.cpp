#include "duet/core/memory.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include "duet/core/error.h"
#include "core/limits.h"

namespace duet {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaching = false;  // a cache would hide use after free from the sanitizer
#else
constexpr bool kCaching = true;
#endif

// Four classes an octave from 64 bytes on: at most a quarter is lost to rounding, an eighth on average.
constexpr int kClasses = 4 * 40;
// What is kept beyond what a program needed at once: a loop finds all its blocks again, and blocks of sizes that do not
// come back are not kept for ever.
constexpr int64_t kSpareBytes = int64_t{64} << 20;
// Blocks from here on are mapped by themselves, in huge pages where the system has them: fewer faults at first touch.
constexpr size_t kHugePage = size_t{2} << 20, kMappedBytes = 2 * kHugePage;
// A thread counts by itself until so many bytes came or went: then it adds to what all threads share.
constexpr int64_t kUntoldBytes = int64_t{64} << 10;

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

/// A number that one thread writes and others may read: no locked instruction.
class Counter {
 public:
  int64_t get() const { return value_.load(std::memory_order_relaxed); }
  void set(int64_t v) { value_.store(v, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

std::atomic<int64_t> live_bytes{0}, peak_bytes{0}, allocations{0};  // what threads told
std::atomic<size_t> cache_limit{size_t{512} << 20};

void tell(int64_t live, int64_t highest, int64_t blocks) noexcept {
  const int64_t most = live_bytes.fetch_add(live, std::memory_order_relaxed) + highest;
  int64_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (most > peak && !peak_bytes.compare_exchange_weak(peak, most, std::memory_order_relaxed)) {
  }
  allocations.fetch_add(blocks, std::memory_order_relaxed);
}

struct FreeBlock {
  FreeBlock* next;
  size_t bytes;
};

/// A thread's free blocks, and what it counted and has not told yet.
struct Cache {
  FreeBlock* lists[kClasses] = {};
  size_t bytes = 0;
  Counter live, peak, blocks;  // peak: the most that live was
  Cache* next = nullptr;

  void count(size_t size, int64_t sign) noexcept {
    const int64_t now = live.get() + sign * static_cast<int64_t>(size);
    live.set(now);
    if (now > peak.get()) peak.set(now);
    if (now > kUntoldBytes || now < -kUntoldBytes) [[unlikely]]
      tell_all();
  }
  [[gnu::noinline]] void tell_all() noexcept {
    tell(live.get(), peak.get(), blocks.get());
    live.set(0);
    peak.set(0);
    blocks.set(0);
  }
  void drop_all() noexcept;
};

// Not the thread's own storage: after a fork that is handed to new threads, while counts of the old ones must stay.
constinit thread_local Cache* cache = nullptr;  // null before a thread's first block and after its end
constinit thread_local bool ended = false;
constinit std::mutex caches_mutex;
Cache* caches = nullptr;

void* from_system(size_t bytes) noexcept {
  if (!kCaching || bytes < kMappedBytes) return std::aligned_alloc(64, bytes);
  const size_t room = bytes + kHugePage;
  void* p = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  auto* first = static_cast<char*>(p);
  auto* aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(first) + kHugePage - 1) & ~(kHugePage - 1));
  const auto before = static_cast<size_t>(aligned - first), after = kHugePage - before;
  if (before != 0) munmap(first, before);
  if (after != 0) munmap(aligned + bytes, after);
#if defined(MADV_HUGEPAGE)
  madvise(aligned, bytes, MADV_HUGEPAGE);
#endif
  return aligned;
}

void to_system(void* p, size_t bytes) noexcept {
  if (!kCaching || bytes < kMappedBytes)
    std::free(p);
  else
    munmap(p, bytes);
}

void Cache::drop_all() noexcept {
  for (FreeBlock*& list : lists)
    while (list != nullptr) {
      FreeBlock* block = std::exchange(list, list->next);
      to_system(block, block->bytes);
    }
  bytes = 0;
}

/// Ends a thread's cache when the thread ends; kept apart so that `cache` needs no guard on each access.
struct Reaper {
  ~Reaper() {
    Cache* mine = std::exchange(cache, nullptr);
    ended = true;
    mine->drop_all();
    const std::lock_guard lock(caches_mutex);
    mine->tell_all();
    Cache** at = &caches;
    while (*at != mine) at = &(*at)->next;
    *at = mine->next;
    std::free(mine);
  }
};

/// The thread's cache, made at its first block; null when the thread is ending or there is no memory.
[[gnu::noinline]] Cache* begin_thread() noexcept {
  void* p = ended ? nullptr : std::malloc(sizeof(Cache));
  if (p == nullptr) return nullptr;
  cache = new (p) Cache;
  // A child forked while another thread holds the lock could never take it.
  [[maybe_unused]] static const int guarded =
      pthread_atfork([] { caches_mutex.lock(); }, [] { caches_mutex.unlock(); }, [] { caches_mutex.unlock(); });
  static thread_local Reaper reaper;
  const std::lock_guard lock(caches_mutex);
  cache->next = std::exchange(caches, cache);
  return cache;
}

[[gnu::noinline]] void* system_allocate(size_t bytes) {
  void* p = from_system(bytes);
  if (p == nullptr && cache != nullptr && cache->bytes > 0) {
    cache->drop_all();
    p = from_system(bytes);
  }
  check<OutOfMemory>(p != nullptr, "allocate: the system has no {} bytes more; {} bytes are live", bytes,
                     memory_stats().live_bytes);
  return p;
}

[[gnu::noinline]] void drop_spare(Cache& c) noexcept {
  const MemoryStats now = memory_stats();
  if (static_cast<int64_t>(c.bytes) > kSpareBytes + now.peak_bytes - now.live_bytes) c.drop_all();
}

/// Whether a thread keeps a block, given what it keeps already; makes room for it.
bool keeps(Cache& c, size_t bytes) noexcept {
  if (c.bytes + bytes > cache_limit.load(std::memory_order_relaxed)) return false;
  if (static_cast<int64_t>(c.bytes) > kSpareBytes) [[unlikely]]
    drop_spare(c);
  return true;
}

}  // namespace

MemoryStats memory_stats() {
  MemoryStats s{live_bytes, peak_bytes, allocations, cache == nullptr ? 0 : static_cast<int64_t>(cache->bytes)};
  const std::lock_guard lock(caches_mutex);
  // Threads reach their peaks at different times: of what they have not told this is an estimate.
  int64_t peak = s.live_bytes;
  for (const Cache* c = caches; c != nullptr; c = c->next) {
    s.live_bytes += c->live.get();
    peak += c->peak.get();
    s.allocations += c->blocks.get();
  }
  s.peak_bytes = std::max(s.peak_bytes, peak);
  return s;
}

void reset_peak() {
  const std::lock_guard lock(caches_mutex);
  for (Cache* c = caches; c != nullptr; c = c->next) c->peak.set(c->live.get());
  int64_t live = live_bytes;
  for (const Cache* c = caches; c != nullptr; c = c->next) live += c->live.get();
  peak_bytes = live;
}

void trim_memory() {
  if (cache != nullptr) cache->drop_all();
}

void set_cache_limit(size_t bytes) {
  cache_limit = bytes;
  if (cache != nullptr && cache->bytes > bytes) cache->drop_all();
}

namespace memory {

void* allocate(size_t bytes) {
  check_size(bytes);
  const SizeClass size = size_class(bytes);
  Cache* c = cache != nullptr ? cache : begin_thread();
  if (c == nullptr) [[unlikely]] {
    void* p = system_allocate(size.bytes);
    tell(static_cast<int64_t>(size.bytes), static_cast<int64_t>(size.bytes), 1);
    return p;
  }
  void* p = nullptr;
  if (FreeBlock*& list = c->lists[size.index]; list != nullptr) {
    p = std::exchange(list, list->next);
    c->bytes -= size.bytes;
  } else {
    p = system_allocate(size.bytes);
  }
  c->blocks.set(c->blocks.get() + 1);
  c->count(size.bytes, 1);
  return p;
}

void deallocate(void* p, size_t bytes) noexcept {
  const SizeClass size = size_class(bytes);
  Cache* c = cache != nullptr ? cache : begin_thread();
  if (c == nullptr) [[unlikely]] {
    tell(-static_cast<int64_t>(size.bytes), 0, 0);
    return to_system(p, size.bytes);
  }
  c->count(size.bytes, -1);
  if (!kCaching || !keeps(*c, size.bytes)) return to_system(p, size.bytes);
  FreeBlock*& list = c->lists[size.index];
  list = new (p) FreeBlock{list, size.bytes};
  c->bytes += size.bytes;
}

}  // namespace memory
}  // namespace duet
