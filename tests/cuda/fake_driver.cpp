#include "cuda/fake_driver.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "cuda/blas.h"
#include "kernels/device.h"
#include "kernels/keep.h"

namespace duet::kernel {
namespace {
std::map<std::string, HostKernel>& table() {
  static std::map<std::string, HostKernel> kernels;
  return kernels;
}
}  // namespace
void keep_on_host(const Name& name, HostKernel run) { table()[name.text] = run; }
}  // namespace duet::kernel

namespace duet::cuda::fake {
namespace {

Settings now;
int count = 0;
bool broken = false;
std::vector<std::string> lines;
std::map<void*, size_t> memory;
int64_t used = 0;

// Counts a call; its answer when it is to fail.
Result called(const char* name, const char* detail = "") {
  if (!now.idle) lines.push_back(*detail == 0 ? std::string(name) : std::string(name) + " " + detail);
  if (broken) return now.failure;
  if (count++ != now.fail_at) return 0;
  broken = now.sticky;
  return now.failure;
}
#define CALLED(...) \
  if (const Result failure = called(__VA_ARGS__); failure != 0) return failure

Result init(unsigned) {
  CALLED("cuInit");
  return now.init;
}
Result driver_version(int* version) {
  CALLED("cuDriverGetVersion");
  *version = 13000;
  return 0;
}
Result device_count(int* n) {
  CALLED("cuDeviceGetCount");
  *n = now.devices;
  return 0;
}
Result device_get(int* device, int ordinal) {
  CALLED("cuDeviceGet");
  *device = ordinal;
  return 0;
}
Result device_name(char* name, int length, int) {
  CALLED("cuDeviceGetName");
  std::strncpy(name, "fake", static_cast<size_t>(length));
  return 0;
}
Result device_attribute(int* value, int attribute, int) {
  CALLED("cuDeviceGetAttribute");
  *value = attribute == 75 ? 9 : attribute == 16 ? 4 : 0;  // capability 9.0, four multiprocessors
  return 0;
}
Result context_retain(Handle* context, int) {
  CALLED("cuDevicePrimaryCtxRetain");
  *context = &now;
  return 0;
}
Result context_set(Handle) {
  CALLED("cuCtxSetCurrent");
  return 0;
}
Result memory_info(size_t* free, size_t* total) {
  CALLED("cuMemGetInfo");
  *total = now.memory_bytes;
  *free = now.memory_bytes - static_cast<size_t>(used);
  return 0;
}
Result memory_allocate(DevicePtr* p, size_t bytes) {
  CALLED("cuMemAlloc");
  if (static_cast<size_t>(used) + bytes > now.memory_bytes) return kOutOfMemory;
  void* at = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  std::memset(at, 0xcd, bytes);  // new memory is not zero
  memory[at] = bytes;
  used += static_cast<int64_t>(bytes);
  *p = reinterpret_cast<DevicePtr>(at);
  return 0;
}
Result memory_free(DevicePtr p) {
  // Counted and logged, and done even on a broken device: tests look for leaks.
  const Result failure = called("cuMemFree");
  const auto it = memory.find(reinterpret_cast<void*>(p));
  if (it == memory.end()) return 1;
  used -= static_cast<int64_t>(it->second);
  std::free(it->first);
  memory.erase(it);
  return failure;
}
Result copy_to_device(DevicePtr to, const void* from, size_t bytes, Handle) {
  CALLED("cuMemcpyHtoDAsync");
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return 0;
}
Result copy_to_host(void* to, DevicePtr from, size_t bytes, Handle) {
  CALLED("cuMemcpyDtoHAsync");
  std::memcpy(to, reinterpret_cast<void*>(from), bytes);
  return 0;
}
Result copy_on_device(DevicePtr to, DevicePtr from, size_t bytes, Handle) {
  CALLED("cuMemcpyDtoDAsync");
  std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
  return 0;
}
Result set_bytes(DevicePtr to, unsigned char value, size_t bytes, Handle) {
  CALLED("cuMemsetD8Async");
  std::memset(reinterpret_cast<void*>(to), value, bytes);
  return 0;
}
Result stream_create(Handle* stream, unsigned) {
  CALLED("cuStreamCreate");
  *stream = &now;
  return 0;
}
Result stream_wait(Handle) {
  CALLED("cuStreamSynchronize");
  return 0;
}
Result module_load(Handle* module, const void*) {
  CALLED("cuModuleLoadData");
  *module = &now;
  return 0;
}
Result module_function(Handle* function, Handle, const char* name) {
  CALLED("cuModuleGetFunction", name);
  const auto it = kernel::table().find(name);
  if (it == kernel::table().end()) return 500;
  *function = &*it;
  return 0;
}
Result launch(Handle function, unsigned grid_x, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle,
              void** parameters, void**) {
  const auto& entry = *static_cast<std::pair<const std::string, kernel::HostKernel>*>(function);
  CALLED("cuLaunchKernel", entry.first.c_str());
  for (unsigned b = 0; b < grid_x && !now.idle; ++b) {
    kernel::grid = {b, grid_x};
    entry.second(parameters[0]);
  }
  return 0;
}
Result error_name(Result code, const char** text) {
  *text = code == 719 ? "CUDA_ERROR_LAUNCH_FAILED" : code == 500 ? "CUDA_ERROR_NOT_FOUND" : "CUDA_ERROR_INVALID_VALUE";
  return 0;
}
Result error_text(Result, const char** text) {
  *text = "made by a test";
  return 0;
}

// cuBLAS: each result one sum in double, so that its bits are not duet's.
Result blas_create(Handle* handle) {
  CALLED("cublasCreate");
  *handle = &now;
  return 0;
}
Result blas_destroy(Handle) {
  lines.push_back("cublasDestroy");
  return 0;
}
Result blas_property(int which, int* value) {
  *value = which == 0 ? 13 : 1;
  return 0;
}
Result blas_set_stream(Handle, Handle) {
  CALLED("cublasSetStream");
  return 0;
}
Result blas_set_workspace(Handle, void*, size_t) {
  CALLED("cublasSetWorkspace");
  return 0;
}
template <class E>
void multiply(int a_op, int b_op, int64_t m, int64_t n, int64_t k, const E* a, int64_t a_lead, const E* b,
              int64_t b_lead, E* c, int64_t c_lead) {
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < m; ++i) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l)
        sum += static_cast<double>(a_op == 0 ? a[i + l * a_lead] : a[l + i * a_lead]) *
               static_cast<double>(b_op == 0 ? b[l + j * b_lead] : b[j + l * b_lead]);
      c[i + j * c_lead] = static_cast<E>(sum);
    }
}
Result blas_gemm(Handle, int a_op, int b_op, int64_t m, int64_t n, int64_t k, const void*, const void* a, int type,
                 int64_t a_lead, long long a_step, const void* b, int, int64_t b_lead, long long b_step, const void*,
                 void* c, int, int64_t c_lead, long long c_step, int64_t batches, int compute, int) {
  CALLED("cublasGemmStridedBatchedEx",
         fmt::format("{}{} {}x{}x{} x{}{}", "NT"[a_op], "NT"[b_op], m, n, k, batches, compute == 77 ? " tf32" : "")
             .c_str());
  for (int64_t i = 0; i < batches; ++i) {
    if (type == kCublasF64)
      multiply(a_op, b_op, m, n, k, static_cast<const double*>(a) + i * a_step, a_lead,
               static_cast<const double*>(b) + i * b_step, b_lead, static_cast<double*>(c) + i * c_step, c_lead);
    else
      multiply(a_op, b_op, m, n, k, static_cast<const float*>(a) + i * a_step, a_lead,
               static_cast<const float*>(b) + i * b_step, b_lead, static_cast<float*>(c) + i * c_step, c_lead);
  }
  return 0;
}
const char* blas_status_name(Result status) {
  return status == 719 ? "CUBLAS_STATUS_EXECUTION_FAILED" : "CUBLAS_STATUS_ALLOC_FAILED";
}
const Blas kBlas = {blas_create,        blas_destroy, blas_property,   blas_set_stream,
                    blas_set_workspace, blas_gemm,    blas_status_name};

Driver table = {init,
                driver_version,
                device_count,
                device_get,
                device_name,
                device_attribute,
                context_retain,
                context_set,
                memory_info,
                memory_allocate,
                memory_free,
                copy_to_device,
                copy_to_host,
                copy_on_device,
                set_bytes,
                stream_create,
                stream_wait,
                module_load,
                module_function,
                launch,
                error_name,
                error_text,
                true};

}  // namespace

void install(const Settings& s) {
  static const bool kept = (kernel::keep_all(), true);
  (void)kept;
  now = s;
  count = 0;
  broken = false;
  lines.clear();
  set_driver(nullptr);  // with the old table, what the devices hold goes back
  table.blas = s.blas ? &kBlas : nullptr;
  set_driver(&table);
}
void uninstall() {
  broken = false;
  now.fail_at = -1;
  set_driver(nullptr);
}
Settings& settings() { return now; }
int calls() { return count; }
const std::vector<std::string>& log() { return lines; }
int64_t live_bytes() { return used; }
void clear_log() { lines.clear(); }
std::vector<std::string> kernels() {
  std::vector<std::string> names;
  for (const auto& [name, run] : kernel::table()) names.push_back(name);
  return names;
}

}  // namespace duet::cuda::fake
