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
  std::string matmul;  // who multiplies matrices: "cuBLAS 13.1", or why it is not cuBLAS
};
/// Looks for the device; never throws because there is none.
Info info(Device device = Device::cuda());
std::string to_string(const Info& info);  // one line

/// Waits until a device has done all that is queued, and reports what went wrong there, as reading a value does.
void synchronize(Device device = Device::cuda());

/// The counters of a device's allocator. DeviceError when it is not there.
MemoryStats memory_stats(Device device);

/// Who multiplies matrices. `duet` is the library's own kernel, with the CPU's bits; `automatic` takes cuBLAS where it
/// is found and the product is wider than 128 columns or deeper than 256. DUET_MATMUL=duet or cublas in the
/// environment. cuBLAS's bits are the same in every run on one device and version, and not the CPU's.
enum class MatmulProvider { automatic, duet, cublas };
void set_matmul_provider(MatmulProvider provider);
MatmulProvider matmul_provider();

/// How cuBLAS multiplies f32: in f32, or, faster, with factors rounded to TF32's 10 bits of fraction.
enum class MatmulPrecision { f32, tf32 };
void set_matmul_precision(MatmulPrecision precision);
MatmulPrecision matmul_precision();

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
