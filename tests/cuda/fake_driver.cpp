#include "cuda/fake_driver.h"

#include <malloc.h>
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "cuda/blas.h"
#include "kernels/device.h"
#include "kernels/keep.h"
#include "cuda/host_compiler.h"

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

std::mutex mutex;
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
#define CALLED(...)                  \
  const std::lock_guard turn(mutex); \
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
  *value = attribute == 75 ? now.capability / 10 : attribute == 76 ? now.capability % 10 : attribute == 16 ? 4 : 0;
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
  const std::lock_guard turn(mutex);
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
// A module of kernels/, or of a generated program that was compiled for the host.
struct Module {
  std::string program;
};
// What a launch finds behind a function: one of the two.
struct Function {
  std::string name;
  kernel::HostKernel fixed = nullptr;
  HostGenerated generated = nullptr;
};
std::map<std::string, Function> functions;
int modules = 0;

Result module_load(Handle* module, const void* image) {
  CALLED("cuModuleLoadData");
  static Module fixed;
  *module = &fixed;
  if (std::string program = host_program(static_cast<const char*>(image)); !program.empty())
    *module = new Module{std::move(program)}, ++modules;
  return 0;
}
Result module_unload(Handle module) {
  const std::lock_guard turn(mutex);
  const Result failure = called("cuModuleUnload");  // done all the same: tests look for leaks
  delete static_cast<Module*>(module);
  --modules;
  return failure;
}
Result module_function(Handle* function, Handle module, const char* name) {
  CALLED("cuModuleGetFunction", name);
  const std::string& program = static_cast<Module*>(module)->program;
  if (!program.empty()) {
    Function& f = functions[program + " " + name];
    f = {name, nullptr, host_kernel(program, name)};
    *function = &f;
    return f.generated != nullptr ? 0 : 500;
  }
  const auto it = kernel::table().find(name);
  if (it == kernel::table().end()) return 500;
  Function& f = functions[name];
  f = {name, it->second, nullptr};
  *function = &f;
  return 0;
}
void run(const Function& f, unsigned blocks, const void* call) {
  for (unsigned b = 0; b < blocks && !now.idle; ++b) {
    kernel::grid = {b, blocks};
    f.fixed != nullptr ? f.fixed(call) : f.generated(call, b, blocks);
  }
}
Result launch(Handle function, unsigned grid_x, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle,
              void** parameters, void**) {
  const auto& f = *static_cast<const Function*>(function);
  CALLED("cuLaunchKernel", f.name.c_str());
  run(f, grid_x, parameters[0]);
  return 0;
}
// A graph is a list of launches, whose parameters are copied when a node is made or changed.
struct Node {
  const Function* function;
  unsigned blocks;
  std::vector<char> call;
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};
int graphs = 0;
void fill(Node& node, const NodeParameters& p) {
  node.function = static_cast<const Function*>(p.function);
  node.blocks = p.grid[0];
  // A driver knows how long the parameters are; here the heap does.
  const auto* call = static_cast<const char*>(p.parameters[0]);
  node.call.assign(call, call + malloc_usable_size(p.parameters[0]));
}
Result graph_create(Handle* graph, unsigned) {
  CALLED("cuGraphCreate");
  *graph = new Graph;
  ++graphs;
  return 0;
}
Result graph_add_kernel(Handle* node, Handle graph, const Handle* behind, size_t count, const NodeParameters* p) {
  CALLED("cuGraphAddKernelNode");
  auto& nodes = static_cast<Graph*>(graph)->nodes;
  if (count != (nodes.empty() ? 0u : 1u) || (count == 1 && behind[0] != nodes.back().get())) return 1;
  nodes.push_back(std::make_unique<Node>());
  fill(*nodes.back(), *p);
  *node = nodes.back().get();
  return 0;
}
Result graph_instantiate(Handle* executable, Handle graph, unsigned long long) {
  CALLED("cuGraphInstantiate");
  *executable = graph;
  ++graphs;
  return 0;
}
Result graph_set_kernel(Handle, Handle node, const NodeParameters* p) {
  CALLED("cuGraphExecKernelNodeSetParams");
  fill(*static_cast<Node*>(node), *p);
  return 0;
}
Result graph_launch(Handle executable, Handle) {
  CALLED("cuGraphLaunch");
  for (const auto& node : static_cast<Graph*>(executable)->nodes) run(*node->function, node->blocks, node->call.data());
  return 0;
}
Result graph_executable_destroy(Handle) {
  const std::lock_guard turn(mutex);
  --graphs;
  return called("cuGraphExecDestroy");
}
Result graph_destroy(Handle graph) {
  const std::lock_guard turn(mutex);
  --graphs;
  delete static_cast<Graph*>(graph);
  return called("cuGraphDestroy");
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
                module_unload,
                module_load,
                module_function,
                launch,
                graph_create,
                graph_add_kernel,
                graph_instantiate,
                graph_set_kernel,
                graph_launch,
                graph_executable_destroy,
                graph_destroy,
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
  set_compiler(&host_compiler());
}
void uninstall() {
  broken = false;
  now.fail_at = -1;
  set_driver(nullptr);
  set_compiler(nullptr);
}
Settings& settings() { return now; }
int calls() { return count; }
const std::vector<std::string>& log() { return lines; }
int64_t live_bytes() { return used; }
int live_modules() { return modules; }
int live_graphs() { return graphs; }
void clear_log() { lines.clear(); }
std::vector<std::string> kernels() {
  std::vector<std::string> names;
  for (const auto& [name, run] : kernel::table()) names.push_back(name);
  return names;
}

}  // namespace duet::cuda::fake
