// Tests on the fake device: operands that lie there as they do on the CPU, and the same program in both places.
#pragma once

#include <functional>

#include "cuda/fake_driver.h"
#include "duet/cuda.h"
#include "ops/cases.h"

namespace duet::testing {

/// Whether tests compare with the machine's own device (DUET_TEST_DEVICE=cuda) in place of the fake one.
inline bool real_device() {
  const char* device = std::getenv("DUET_TEST_DEVICE");
  return device != nullptr && std::string_view(device) == "cuda";
}
inline void begin_device() {
  if (!real_device()) cuda::fake::install();
  cuda::set_matmul_provider(cuda::MatmulProvider::duet);  // the one with the CPU's bits
}
inline void end_device() {
  set_default_device(Device::cpu());
  cuda::set_matmul_provider(cuda::MatmulProvider::automatic);
  cuda::set_driver(nullptr);
}
/// Begins with a device, and ends with nothing left on the fake one.
struct DeviceTest : ::testing::Test {
  void SetUp() override { begin_device(); }
  void TearDown() override {
    end_device();
    EXPECT_EQ(cuda::fake::live_bytes(), 0);
    EXPECT_EQ(cuda::fake::live_modules(), 0);
    EXPECT_EQ(cuda::fake::live_graphs(), 0);
  }
};

/// How a device's result differs from the CPU's, by bits. CUDA's own f64 functions may differ in the last place: on a
/// real device only f32 and the others are compared.
inline std::string device_difference(const Tensor& cpu, const Tensor& device) {
  return real_device() && cpu.dtype() == f64 ? "" : difference(cpu, device.to(Device::cpu()));
}

/// t on the device, in the same layout: its whole storage is copied.
inline Tensor like_on_device(const Tensor& t, Device device = Device::cuda()) {
  Block& b = t.block();
  if (b.root == nullptr || b.numel == 0) return t.to(device);
  block::retain(b.root);
  const Tensor root = Tensor::adopt(b.root, fresh_ids(1)).to(device);
  auto* first = static_cast<char*>(root.block().data) + (static_cast<char*>(b.data) - static_cast<char*>(b.root->data));
  return Tensor::adopt(block::view(&root.block(), b.shape, b.strides, first), fresh_ids(1));
}
inline Tensors like_on_device(const Tensors& all) {
  Tensors y;
  for (const Tensor& t : all) y.push_back(like_on_device(t));
  return y;
}

/// f's results on the CPU and on the device: empty when they have the same bits.
template <class F>
std::string compare_devices(const Tensors& inputs, F f) {
  const Tensors wanted = f(inputs);
  const Tensors got = f(like_on_device(inputs));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!got[i].device().is_cuda()) return fmt::format("result {} is on the CPU", i);
    if (const std::string d = device_difference(wanted[i], got[i]); !d.empty())
      return fmt::format("result {}: {}", i, d);
  }
  return "";
}

/// What f throws, without its place.
inline std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    const std::string text = e.what();
    return text.substr(0, text.find(" ["));
  }
  return "nothing was thrown";
}

}  // namespace duet::testing
