// The caching allocator of device memory. Each device has one stream, and what is freed may still be in use by work
// queued there: its next user is queued behind, so that reuse needs no waiting.
#pragma once

#include <cstddef>

#include "duet/core/device.h"
#include "duet/core/memory.h"

namespace duet::cuda {

/// 512-byte aligned device memory. When the device has no more, cached segments are given back and it is tried once
/// again; then OutOfMemory says who holds the most.
void* allocate(Device device, size_t bytes);
void deallocate(Device device, void* p, size_t bytes) noexcept;

/// Counters of a device's allocator, as memory_stats() has them of the CPU's.
MemoryStats memory_stats(Device device);
void reset_peak(Device device);
/// Gives unused segments back to the driver.
void trim_memory(Device device);

}  // namespace duet::cuda
