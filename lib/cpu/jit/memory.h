// Memory that holds machine code: written first, then executable and never written again.
#pragma once

#include <cstddef>

namespace duet::cpu::jit {

/// A copy of `bytes` bytes of code, in pages of its own; null where the system gives no executable memory.
const void* make_executable(const void* code, size_t bytes);
void release(const void* code, size_t bytes);
/// Bytes that are mapped now, in whole pages.
size_t mapped_bytes();
/// For tests: from now on as where the system gives no executable memory.
void refuse_memory(bool refused);

}  // namespace duet::cpu::jit
