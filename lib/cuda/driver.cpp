#include "cuda/driver.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <atomic>
#include <mutex>

#include "cuda/device.h"

namespace duet::cuda {
namespace {

template <class F>
bool find(void* library, F*& function, const char* name) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  return function != nullptr;
}

// The name of the function that is missing, or null.
const char* fill(void* lib, Driver& d) {
#define DUET_FIND(member, name) \
  if (!find(lib, d.member, name)) return name
  DUET_FIND(init, "cuInit");
  DUET_FIND(driver_version, "cuDriverGetVersion");
  DUET_FIND(device_count, "cuDeviceGetCount");
  DUET_FIND(device_get, "cuDeviceGet");
  DUET_FIND(device_name, "cuDeviceGetName");
  DUET_FIND(device_attribute, "cuDeviceGetAttribute");
  DUET_FIND(context_retain, "cuDevicePrimaryCtxRetain");
  DUET_FIND(context_set, "cuCtxSetCurrent");
  DUET_FIND(memory_info, "cuMemGetInfo_v2");
  DUET_FIND(memory_allocate, "cuMemAlloc_v2");
  DUET_FIND(memory_free, "cuMemFree_v2");
  DUET_FIND(copy_to_device, "cuMemcpyHtoDAsync_v2");
  DUET_FIND(copy_to_host, "cuMemcpyDtoHAsync_v2");
  DUET_FIND(copy_on_device, "cuMemcpyDtoDAsync_v2");
  DUET_FIND(set_bytes, "cuMemsetD8Async");
  DUET_FIND(stream_create, "cuStreamCreate");
  DUET_FIND(stream_wait, "cuStreamSynchronize");
  DUET_FIND(module_unload, "cuModuleUnload");
  DUET_FIND(module_load, "cuModuleLoadData");
  DUET_FIND(module_function, "cuModuleGetFunction");
  DUET_FIND(launch, "cuLaunchKernel");
  DUET_FIND(graph_create, "cuGraphCreate");
  DUET_FIND(graph_add_kernel, "cuGraphAddKernelNode_v2");
  DUET_FIND(graph_instantiate, "cuGraphInstantiateWithFlags");
  DUET_FIND(graph_set_kernel, "cuGraphExecKernelNodeSetParams_v2");
  DUET_FIND(graph_launch, "cuGraphLaunch");
  DUET_FIND(graph_executable_destroy, "cuGraphExecDestroy");
  DUET_FIND(graph_destroy, "cuGraphDestroy");
  DUET_FIND(error_name, "cuGetErrorName");
  DUET_FIND(error_text, "cuGetErrorString");
#undef DUET_FIND
  return nullptr;
}

// A table is usable when the driver starts and has a device. Whatever says otherwise means «no device».
Availability look(const Driver& d) {
  Availability a;
  int count = 0;  // some drivers leave it untouched
  Result code = d.init(0);
  if (code == 0) code = d.device_count(&count);
  if (code == kStubLibrary)
    a.why = "libcuda.so.1 is the toolkit's stub, not a driver";
  else if (code == kInsufficientDriver)
    a.why = "the driver is too old for this program";
  else if (code == kNoDevice || (code == 0 && count == 0))
    a.why = "the driver finds no CUDA device";
  else if (code != 0)
    a.why = fmt::format("the driver does not start (error {})", code);
  else
    a.driver = &d, a.devices = count;
  return a;
}

Availability look_at_machine() {
  static Driver table;
  void* lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (lib == nullptr) return {nullptr, 0, "there is no CUDA driver (libcuda.so.1)"};
  if (const char* missing = fill(lib, table)) return {nullptr, 0, fmt::format("the driver is too old: no {}", missing)};
  return look(table);
}

std::mutex mutex;
Availability current;
std::atomic<bool> looked = false;  // current is set; only tests set it anew

}  // namespace

const Availability& availability() {
  if (looked.load(std::memory_order_acquire)) return current;
  const std::lock_guard lock(mutex);
  if (!looked) current = look_at_machine(), looked = true;
  return current;
}

void set_driver(const Driver* table) {
  forget_devices();
  const std::lock_guard lock(mutex);
  looked = table != nullptr;
  if (looked) current = look(*table);
}

}  // namespace duet::cuda
