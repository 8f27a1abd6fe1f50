#pragma once

#include <cstdint>

namespace duet::cpu {

/// Memory of the calling thread for one kernel at a time, 64-byte aligned, kept until the thread ends. Its contents do
/// not survive the next call.
void* thread_scratch(int64_t bytes);

}  // namespace duet::cpu
