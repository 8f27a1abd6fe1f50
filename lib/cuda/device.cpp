#include "cuda/device.h"

#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <optional>

#include "cuda/blas.h"
#include "duet/core/error.h"
#include "duet/cuda.h"

namespace duet::cuda {
namespace {

// Never destroyed: tensors that live until the program ends give their memory back after this file's objects are gone.
std::mutex& mutex = *new std::mutex;
constexpr size_t kMostDevices = 128;  // of an int8_t
std::atomic<State*> states[kMostDevices];

constexpr unsigned kNonBlocking = 1;
// After these the driver answers every call with the same error until the process ends.
constexpr bool is_sticky(Result code) {
  return code == 700 || code == 214 || code == 710 || (code >= 714 && code <= 719);
}

void start(State& s, const Driver& d) {
  int device = 0;
  check_result(s, d.device_get(&device, s.device.index()), "cuDeviceGet");
  check_result(s, d.context_retain(&s.context, device), "cuDevicePrimaryCtxRetain");
  check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
  constexpr int kMultiprocessors = 16;
  check_result(s, d.device_attribute(&s.processors, kMultiprocessors, device), "cuDeviceGetAttribute");
  check_result(s, d.stream_create(&s.stream, kNonBlocking), "cuStreamCreate");
  check_result(s, d.memory_allocate(&s.fault, sizeof(Fault)), "cuMemAlloc");
  check_result(s, d.set_bytes(s.fault, 0, sizeof(Fault), s.stream), "cuMemsetD8Async");
}

void report_fault(State& s, const Fault& fault) {
  std::optional<FaultSite> found;  // unless it was of a plan that is gone
  if (const auto of_plan = s.plan_sites.find(fault.site); of_plan != s.plan_sites.end())
    found = of_plan->second;
  else if (fault.site < s.sites.size())
    found = s.sites[fault.site];
  if (s.checks_on_their_way == 0) s.sites.clear();
  check_result(s, availability().driver->set_bytes(s.fault, 0, sizeof(Fault), s.stream), "cuMemsetD8Async");
  // The line is that of the operation which met the index, not of the one that reads a value now.
  const Line reader = std::exchange(thread_state.line, Line());
  try {
    if (!found)
      fail<IndexError>(
          "compiled function: index {} is out of range: element {} of a tensor; the function is gone that found it, "
          "read its results before",
          fault.index, fault.element);
    const FaultSite& site = *found;
    if (site.low > site.high)
      fail<IndexError>("{}: {} {} is out of range: element {} of {}; the axis is empty{}", site.op, site.what,
                       fault.index, fault.element, site.spec, site.line);
    fail<IndexError>("{}: {} {} is out of range: element {} of {}; it must be in {} to {}{}", site.op, site.what,
                     fault.index, fault.element, site.spec, site.low, site.high, site.line);
  } catch (...) {
    thread_state.line = reader;
    throw;
  }
}

}  // namespace

State::~State() {
  for (auto& [at, piece] : live) delete piece;
  for (auto& pool : free)
    for (auto& [bytes, piece] : pool) delete piece;
}

State& state(Device device) {
  std::atomic<State*>& known = states[static_cast<size_t>(device.index())];
  if (State* s = known.load(std::memory_order_acquire)) return *s;
  const Availability& a = availability();
  check<DeviceError>(a.driver != nullptr, "{}: no CUDA device: {}", device, a.why);
  check<DeviceError>(device.index() < a.devices, "{}: there is no such device: this machine has {}", device, a.devices);
  const std::lock_guard lock(mutex);
  if (State* s = known.load(std::memory_order_acquire)) return *s;
  auto s = std::make_unique<State>();
  s->device = device;
  try {
    start(*s, *a.driver);
  } catch (...) {
    if (s->fault != 0) a.driver->memory_free(s->fault);
    throw;
  }
  known.store(s.get(), std::memory_order_release);
  return *s.release();
}

State* known_state(Device device) noexcept {
  return states[static_cast<size_t>(device.index())].load(std::memory_order_acquire);
}

void forget_devices() {
  const std::lock_guard lock(mutex);
  for (auto& known : states) {
    const std::unique_ptr<State> s(known.exchange(nullptr));
    if (s == nullptr) continue;
    const Driver& d = *availability().driver;
    forget_blas(*s);
    for (DevicePtr p : s->segments) d.memory_free(p);
    d.memory_free(s->fault);
  }
}

void check_result(State& s, Result code, std::string_view call, std::string_view detail) {
  if (code == 0) return;
  const char *name = nullptr, *text = nullptr;
  const Driver& d = *availability().driver;
  d.error_name(code, &name);
  d.error_text(code, &text);
  std::string what = fmt::format("{}{} failed: {} ({})", call, detail, name != nullptr ? name : std::to_string(code),
                                 text != nullptr ? text : "unknown");
  if (!s.first_cause.empty()) fail<CudaError>("{}: {}; the first cause was: {}", s.device, what, s.first_cause);
  if (is_sticky(code)) {
    s.first_cause = what;
    if (thread_state.line.file != nullptr) s.first_cause += fmt::format(" [{}]", to_string(thread_state.line));
  }
  fail<CudaError>("{}: {}", s.device, what);
}

void copy_to_device(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  State& s = state(device);
  const Driver& d = *availability().driver;
  check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
  // From pageable memory the driver returns when it has read `from`: the caller may let go of it.
  check_result(s, d.copy_to_device(reinterpret_cast<DevicePtr>(to), from, bytes, s.stream), "cuMemcpyHtoDAsync");
}

void copy_to_host(Device device, void* to, const void* from, size_t bytes) {
  State& s = state(device);
  const Driver& d = *availability().driver;
  check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
  if (bytes != 0)
    check_result(s, d.copy_to_host(to, reinterpret_cast<DevicePtr>(from), bytes, s.stream), "cuMemcpyDtoHAsync");
  const std::lock_guard lock(s.mutex);
  Fault fault{};
  const bool look = !s.sites.empty() || s.plan_checks;
  if (look) check_result(s, d.copy_to_host(&fault, s.fault, sizeof(fault), s.stream), "cuMemcpyDtoHAsync");
  check_result(s, d.stream_wait(s.stream), "cuStreamSynchronize");
  if (fault.set != 0) report_fault(s, fault);
  s.plan_checks = false;
  if (s.checks_on_their_way == 0) s.sites.clear();
}

void synchronize(Device device) { copy_to_host(device, nullptr, nullptr, 0); }

}  // namespace duet::cuda
