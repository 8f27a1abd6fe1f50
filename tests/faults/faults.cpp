#include "faults.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <new>

namespace duet::faults {
namespace {

std::atomic<int> armed{-1};
std::atomic<int64_t> calls{0}, first_to_fail{0};
std::atomic<bool> all_after{false}, any_failed{false};
std::atomic<int64_t> live{0}, peak{0};

bool fails(Kind kind) {
  if (armed.load(std::memory_order_relaxed) != static_cast<int>(kind)) return false;
  const int64_t n = calls.fetch_add(1, std::memory_order_relaxed);
  const bool bad = n == first_to_fail || (all_after && n > first_to_fail);
  if (bad) any_failed = true;
  return bad;
}

void* counted(void* p) {
  if (p == nullptr) return p;
  const auto bytes = static_cast<int64_t>(malloc_usable_size(p));
  const int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t most = peak.load(std::memory_order_relaxed);
  while (now > most && !peak.compare_exchange_weak(most, now)) {
  }
  return p;
}

}  // namespace

void arm(Kind kind, int64_t k, bool onwards) {
  calls = 0;
  first_to_fail = k;
  all_after = onwards;
  any_failed = false;
  peak = live.load();
  armed = static_cast<int>(kind);
}
int64_t disarm() {
  armed = -1;
  return calls;
}
bool struck() { return any_failed; }
int64_t live_heap_bytes() { return live; }
int64_t peak_heap_bytes() { return peak; }

}  // namespace duet::faults

using duet::faults::fails;
using duet::faults::Kind;

extern "C" {

void* __real_malloc(size_t);
void* __real_aligned_alloc(size_t, size_t);
void* __real_mmap(void*, size_t, int, int, int, off_t);
int __real_inflate(z_streamp, int);
int __real_open(const char*, int, ...);
ssize_t __real_pread(int, void*, size_t, off_t);
ssize_t __real_write(int, const void*, size_t);
int __real_fsync(int);
int __real_close(int);
int __real_rename(const char*, const char*);

void* __wrap_malloc(size_t bytes) { return fails(Kind::memory) ? nullptr : __real_malloc(bytes); }
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return fails(Kind::memory) ? nullptr : __real_aligned_alloc(alignment, bytes);
}
void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  if (!fails(Kind::memory)) return __real_mmap(at, bytes, protection, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

int __wrap_inflate(z_streamp z, int flush) { return fails(Kind::inflate) ? Z_MEM_ERROR : __real_inflate(z, flush); }

int __wrap_open(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : mode_t{0};
  va_end(rest);
  if (!fails(Kind::open)) return __real_open(path, flags, mode);
  errno = EMFILE;
  return -1;
}
ssize_t __wrap_pread(int fd, void* to, size_t bytes, off_t offset) {
  if (fails(Kind::short_read)) return 0;
  if (fails(Kind::few_bytes)) bytes = std::min<size_t>(bytes, 1);
  const bool interrupted = fails(Kind::interrupt);
  if (!interrupted && !fails(Kind::read)) return __real_pread(fd, to, bytes, offset);
  errno = interrupted ? EINTR : EIO;
  return -1;
}
ssize_t __wrap_write(int fd, const void* from, size_t bytes) {
  if (fails(Kind::few_bytes)) bytes = std::min<size_t>(bytes, 1);
  const bool interrupted = fails(Kind::interrupt);
  if (!interrupted && !fails(Kind::write)) return __real_write(fd, from, bytes);
  errno = interrupted ? EINTR : ENOSPC;
  return -1;
}
int __wrap_fsync(int fd) {
  if (!fails(Kind::flush)) return __real_fsync(fd);
  errno = ENOSPC;
  return -1;
}
int __wrap_close(int fd) {
  const int result = __real_close(fd);  // Linux frees the handle also when it reports an error
  if (!fails(Kind::close)) return result;
  errno = ENOSPC;
  return -1;
}
int __wrap_rename(const char* from, const char* to) {
  if (!fails(Kind::rename)) return __real_rename(from, to);
  errno = EACCES;
  return -1;
}

}  // extern "C"

// Not inlined: g++ 12 takes a pair of them that it sees through for a mismatch.
[[gnu::noinline]] void* operator new(size_t bytes) {
  void* p = fails(Kind::memory) ? nullptr : duet::faults::counted(__real_malloc(bytes));
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void* operator new(size_t bytes, std::align_val_t alignment) {
  const auto to = static_cast<size_t>(alignment);
  const bool fail = fails(Kind::memory);
  void* p = fail ? nullptr : duet::faults::counted(__real_aligned_alloc(to, (bytes + to - 1) / to * to));
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return fails(Kind::memory) ? nullptr : duet::faults::counted(__real_malloc(bytes));
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  if (p != nullptr) duet::faults::live -= static_cast<int64_t>(malloc_usable_size(p));
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { operator delete(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { operator delete(p); }
[[gnu::noinline]] void operator delete(void* p, size_t, std::align_val_t) noexcept { operator delete(p); }
