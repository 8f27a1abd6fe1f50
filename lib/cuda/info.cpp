#include "duet/cuda.h"

#include <fmt/format.h>

#include "cuda/blas.h"
#include "cuda/device.h"
#include "duet/core/error.h"

namespace duet::cuda {
namespace {

std::string version_of(const Blas& b) {
  int major = 0, minor = 0;
  b.property(0, &major);
  b.property(1, &minor);
  return fmt::format("{}.{}", major, minor);
}

}  // namespace

Info info(Device device) {
  Info i;
  const Availability& a = availability();
  if (a.driver == nullptr)
    i.why = a.why;
  else if (!has_kernels() && !a.driver->hosts_kernels)
    i.why = "this build of duet has no kernels for it: it was built without the CUDA toolkit";
  else if (!device.is_cuda() || device.index() >= a.devices)
    i.why = fmt::format("there is no {}: this machine has {}", device, a.devices);
  if (!i.why.empty()) return i;
  try {
    State& s = state(device);
    const Driver& d = *a.driver;
    char name[256] = {};
    int handle = 0;
    check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
    check_result(s, d.device_get(&handle, device.index()), "cuDeviceGet");
    check_result(s, d.device_name(name, sizeof(name) - 1, handle), "cuDeviceGetName");
    constexpr int kMajor = 75, kMinor = 76;
    check_result(s, d.device_attribute(&i.major, kMajor, handle), "cuDeviceGetAttribute");
    check_result(s, d.device_attribute(&i.minor, kMinor, handle), "cuDeviceGetAttribute");
    check_result(s, d.memory_info(&i.free_bytes, &i.total_bytes), "cuMemGetInfo");
    i.name = name;
    const BlasAvailability blas = blas_availability();
    i.matmul = blas.blas != nullptr ? "cuBLAS " + version_of(*blas.blas) : "duet's own kernel: " + blas.why;
    i.available = true;
  } catch (const Error& e) {
    i.why = e.what();
  }
  return i;
}

std::string to_string(const Info& i) {
  if (!i.available) return "no CUDA device: " + i.why;
  return fmt::format("{} · compute capability {}.{} · {} of {} MiB free · matmul by {}", i.name, i.major, i.minor,
                     i.free_bytes >> 20, i.total_bytes >> 20, i.matmul);
}

}  // namespace duet::cuda
