// The CUDA driver, reached through one table of functions that is filled from libcuda.so.1 at first use. Nothing of
// CUDA is linked: a program starts as fast as without, and on machines that have no driver. Tests put a table of their
// own in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace duet::cuda {

// The driver's types, as its ABI has them.
using Result = int;
using DevicePtr = unsigned long long;
using Handle = void*;  // context, stream, module, function

inline constexpr Result kOutOfMemory = 2, kStubLibrary = 34, kInsufficientDriver = 35, kNoDevice = 100;

/// CUDA_KERNEL_NODE_PARAMS_v2
struct NodeParameters {
  Handle function;
  unsigned grid[3], block[3], shared_bytes;
  void** parameters;
  void** extra;
  Handle kernel, context;
};

struct Blas;
struct Driver {
  Result (*init)(unsigned flags);
  Result (*driver_version)(int* version);
  Result (*device_count)(int* count);
  Result (*device_get)(int* device, int ordinal);
  Result (*device_name)(char* name, int length, int device);
  Result (*device_attribute)(int* value, int attribute, int device);
  Result (*context_retain)(Handle* context, int device);
  Result (*context_set)(Handle context);
  Result (*memory_info)(size_t* free, size_t* total);
  Result (*memory_allocate)(DevicePtr* p, size_t bytes);
  Result (*memory_free)(DevicePtr p);
  Result (*copy_to_device)(DevicePtr to, const void* from, size_t bytes, Handle stream);
  Result (*copy_to_host)(void* to, DevicePtr from, size_t bytes, Handle stream);
  Result (*copy_on_device)(DevicePtr to, DevicePtr from, size_t bytes, Handle stream);
  Result (*set_bytes)(DevicePtr to, unsigned char value, size_t bytes, Handle stream);
  Result (*stream_create)(Handle* stream, unsigned flags);
  Result (*stream_wait)(Handle stream);
  Result (*module_unload)(Handle module);
  Result (*module_load)(Handle* module, const void* image);
  Result (*module_function)(Handle* function, Handle module, const char* name);
  Result (*launch)(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, Handle stream, void** parameters,
                   void** extra);
  Result (*graph_create)(Handle* graph, unsigned flags);
  Result (*graph_add_kernel)(Handle* node, Handle graph, const Handle* behind, size_t count, const NodeParameters* p);
  Result (*graph_instantiate)(Handle* executable, Handle graph, unsigned long long flags);
  Result (*graph_set_kernel)(Handle executable, Handle node, const NodeParameters* p);
  Result (*graph_launch)(Handle executable, Handle stream);
  Result (*graph_executable_destroy)(Handle executable);
  Result (*graph_destroy)(Handle graph);
  Result (*error_name)(Result code, const char** text);
  Result (*error_text)(Result code, const char** text);
  bool hosts_kernels = false;  // a test's table, which runs the kernels itself and needs no image
  const Blas* blas = nullptr;  // … and the cuBLAS beside it
};

/// What there is of CUDA on this machine: a table and at least one device, or why not, in one line.
struct Availability {
  const Driver* driver = nullptr;  // null when there is no device to use
  int devices = 0;
  std::string why;  // set when there is none
};
/// Looks once, at the first call.
const Availability& availability();

/// For tests: uses this table from now on, null for the machine's own again. Everything known of devices is forgotten.
void set_driver(const Driver* table);

/// The kernels of this build: one image a source in kernels/, loaded when a kernel of it is first used.
struct Image {
  const char* name;
  const void* data;  // null in a build without the CUDA toolkit
};
const Image& image(int index);
/// Whether this build has kernels for a device.
bool has_kernels();

}  // namespace duet::cuda
