// Samples of operations on a device.
#pragma once

#include "cuda/on_device.h"
#include "ops/checks.h"

namespace duet::testing {

/// The sample's results and gradients on the device have the CPU's bits.
inline void expect_as_on_cpu(const Sample& s) {
  const Tensors wanted = WithGradients{&s}(s.inputs, kNumber);
  const Tensors inputs = like_on_device(s.inputs);
  set_default_device(Device::cuda());
  Tensors got;
  try {
    got = WithGradients{&s}(inputs, kNumber);
  } catch (const std::exception& e) {
    ADD_FAILURE() << e.what();
  }
  set_default_device(Device::cpu());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(device_difference(wanted[i], got[i]), "") << "result " << i;
}

}  // namespace duet::testing
