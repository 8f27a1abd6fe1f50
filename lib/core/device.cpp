#include "duet/core/device.h"

#include <atomic>
#include <cstdlib>

#include "duet/core/error.h"

namespace duet {
namespace {

Device named(std::string_view text) {
  if (text.empty() || text == "cpu") return Device::cpu();
  if (text == "cuda") return Device::cuda();
  if (text.starts_with("cuda:") && text.size() == 6 && text[5] >= '0' && text[5] <= '9')
    return Device::cuda(text[5] - '0');
  fail<DeviceError>("DUET_DEVICE: {} is no device; give cpu, cuda or cuda:1", text);
}

constexpr int8_t kUnread = -2;
std::atomic<int8_t> process_device{kUnread};

}  // namespace

std::string to_string(Device device) {
  return device.is_cuda() ? "cuda:" + std::to_string(static_cast<int>(device.index())) : "cpu";
}

Device default_device() {
  if (thread_state.device != -2) return Device::of(thread_state.device);
  int8_t index = process_device.load(std::memory_order_relaxed);
  if (index == kUnread) [[unlikely]] {
    const char* text = std::getenv("DUET_DEVICE");
    process_device = index = named(text == nullptr ? "" : text).index();
  }
  return Device::of(index);
}
void set_default_device(Device device) { process_device = device.index(); }

DeviceScope::DeviceScope(Device device) : saved_(thread_state.device) { thread_state.device = device.index(); }
DeviceScope::~DeviceScope() { thread_state.device = saved_; }

}  // namespace duet
