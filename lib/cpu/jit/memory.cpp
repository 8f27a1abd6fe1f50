#include "cpu/jit/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace duet::cpu::jit {
namespace {

std::atomic<size_t> mapped{0};
std::atomic<bool> refuses{false};

size_t pages(size_t bytes) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

}  // namespace

const void* make_executable(const void* code, size_t bytes) {
  const size_t size = pages(bytes);
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  std::memcpy(at, code, bytes);
  if (refuses || mprotect(at, size, PROT_READ | PROT_EXEC) != 0) {
    munmap(at, size);
    return nullptr;
  }
  mapped += size;
  return at;
}

void release(const void* code, size_t bytes) {
  munmap(const_cast<void*>(code), pages(bytes));
  mapped -= pages(bytes);
}

size_t mapped_bytes() { return mapped; }

void refuse_memory(bool refused) { refuses = refused; }

}  // namespace duet::cpu::jit
