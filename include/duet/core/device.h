// Where the elements of a tensor lie.
#pragma once

#include <cstdint>
#include <string>

namespace duet {

/// The CPU, or one of the CUDA devices.
class Device {
 public:
  constexpr Device() = default;
  static constexpr Device cpu() { return Device(); }
  /// The i-th CUDA device. Naming it looks for nothing: a DeviceError comes where it is first used and is not there.
  static constexpr Device cuda(int i = 0) { return Device(static_cast<int8_t>(i)); }
  /// What blocks keep: -1 is the CPU.
  static constexpr Device of(int8_t index) { return Device(index); }

  constexpr bool is_cuda() const { return index_ >= 0; }
  constexpr int8_t index() const { return index_; }
  friend constexpr bool operator==(Device, Device) = default;

 private:
  explicit constexpr Device(int8_t index) : index_(index) {}
  int8_t index_ = -1;
};

std::string to_string(Device device);  // "cpu", "cuda:0"

/// Where tensors are made that have no operands: the CPU, or what DUET_DEVICE ("cpu", "cuda", "cuda:1") or
/// set_default_device says.
Device default_device();
void set_default_device(Device device);

/// The default device of the calling thread while this lives: gradients make their constants where dy is.
class DeviceScope {
 public:
  explicit DeviceScope(Device device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int8_t saved_;
};

}  // namespace duet
