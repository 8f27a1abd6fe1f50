// What a test program allocates with new: its own operators count. For one file of a test program.
#pragma once

#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace duet::counted {
/// Blocks and bytes handed out so far, and bytes that were not given back.
inline std::atomic<int64_t> blocks{0}, bytes{0}, live_bytes{0};
}  // namespace duet::counted

// Not inlined: g++ 12 takes a pair of them that it sees through for a mismatch.
[[gnu::noinline]] void* operator new(size_t size) {
  void* p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  duet::counted::blocks.fetch_add(1, std::memory_order_relaxed);
  duet::counted::bytes.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  duet::counted::live_bytes.fetch_add(static_cast<int64_t>(malloc_usable_size(p)), std::memory_order_relaxed);
  return p;
}
// Sanitizers bring their own, which a plain free() does not fit.
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (...) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  if (p != nullptr)
    duet::counted::live_bytes.fetch_sub(static_cast<int64_t>(malloc_usable_size(p)), std::memory_order_relaxed);
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { operator delete(p); }
