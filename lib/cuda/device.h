// One device: its context, its one stream, its memory, its kernels, and what went wrong on it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cuda/driver.h"
#include "duet/core/device.h"
#include "duet/core/memory.h"
#include "duet/core/shape.h"
#include "kernels/call.h"
#include "kernels/names.h"

namespace duet::cuda {

using kernel::Fault;

/// What a launch that can find a bad index needs for its message.
struct FaultSite {
  std::string op, what, spec, line;
  int64_t low, high;
};

/// A piece of a segment of device memory; pieces of one segment are neighbours in a list.
struct Piece {
  DevicePtr at;
  size_t bytes;
  bool free = true;
  Piece *before = nullptr, *behind = nullptr;
  std::string_view op = {};  // who asked, for OutOfMemory
};

/// An instance of a kernel.
struct FunctionKey {
  const kernel::Kernel* kernel;
  uint64_t arguments;
  bool operator==(const FunctionKey&) const = default;
  struct Hash {
    size_t operator()(const FunctionKey& k) const {
      return (reinterpret_cast<size_t>(k.kernel) ^ k.arguments) * 0x9e3779b97f4a7c15u >> 16;
    }
  };
};

struct State {
  Device device;
  Handle context = nullptr, stream = nullptr;
  int processors = 0;  // how many blocks it works on at once, or a part of it
  std::mutex mutex;
  // memory
  std::multimap<size_t, Piece*> free[2];  // by size: pieces of small and of large segments
  std::unordered_map<DevicePtr, Piece*> live;
  std::vector<DevicePtr> segments;
  MemoryStats stats;
  // kernels
  std::vector<Handle> modules;
  std::unordered_map<FunctionKey, Handle, FunctionKey::Hash> functions;
  // cuBLAS, from the first product on
  Handle blas = nullptr;
  DevicePtr blas_workspace = 0;
  // faults
  DevicePtr fault = 0;
  std::vector<FaultSite> sites;
  int checks_on_their_way = 0;               // that have a site and are not launched yet: no other thread forgets it
  std::map<uint32_t, FaultSite> plan_sites;  // of checks that plans repeat; their numbers begin behind all others
  uint32_t next_plan_site = 0x80000000u;
  bool plan_checks = false;                                           // some ran since values were read last
  std::shared_ptr<const char> life = std::make_shared<const char>();  // ends with what is known of the device
  std::string first_cause;  // of an error that the device does not recover from
  ~State();
};

/// The device, started. DeviceError when it is not there.
State& state(Device device);
/// The same if it was started and is still known, else null; makes nothing and never throws.
State* known_state(Device device) noexcept;
void forget_devices();

/// CudaError unless the driver's answer is 0: names the running operation and the call. An error that the device does
/// not recover from is kept, and is what later errors name.
void check_result(State& s, Result code, std::string_view call, std::string_view detail = {});

void copy_to_device(Device device, void* to, const void* from, size_t bytes);
/// Waits for everything queued before, and reports what kernels noted: an IndexError, or the failure of a launch.
void copy_to_host(Device device, void* to, const void* from, size_t bytes);

}  // namespace duet::cuda
