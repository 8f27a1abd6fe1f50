// What there is of CUDA on this machine.
#pragma once

#include <cstddef>
#include <string>

#include "duet/core/device.h"
#include "duet/core/memory.h"

namespace duet::graph {
class Plan;
}

namespace duet::cuda {

/// What a program may want to know of a device.
struct Info {
  bool available = false;
  std::string why;           // why it is not
  std::string name;          // "NVIDIA H200"
  int major = 0, minor = 0;  // compute capability
  size_t free_bytes = 0, total_bytes = 0;
};
/// Looks for the device; never throws because there is none.
Info info(Device device = Device::cuda());
std::string to_string(const Info& info);  // one line

/// The counters of a device's allocator. DeviceError when it is not there.
MemoryStats memory_stats(Device device);

}  // namespace duet::cuda

namespace duet {

/// The fused kernels of a plan as CUDA C++, with the operations that they compute; no device is needed.
std::string cuda_source(const graph::Plan& plan);
/// Those of all plans that the calls of a compiled or frozen function made so far.
template <class F>
auto cuda_source(const F& f) -> decltype(f.cache(), std::string()) {
  std::string all;
  for (const auto& plan : f.cache().plans()) all += cuda_source(*plan);
  return all;
}

}  // namespace duet
