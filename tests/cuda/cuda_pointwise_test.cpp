// Pointwise ops and their gradients on the fake device: the CPU's bits.
#include <gtest/gtest.h>

#include "cuda/memory.h"
#include "cuda/on_device.h"
#include "ops/checks.h"

namespace duet::testing {
namespace {

/// The op and its gradients, by ops of the list alone.
Tensors with_gradients(const Sample& s, const Tensors& x) {
  Tensors results{s.f(x, kNumber)};
  const Tensor y = results[0];
  for (size_t i = 0; i < x.size() && i < 3; ++i) {
    if (!is_float(x[i].dtype()) || !is_float(y.dtype()) || x[i].shape() != y.shape()) continue;
    const auto changed_at_i = [&](const Tensor& v) {
      Tensors changed = x;
      changed[i] = v;
      return s.f(changed, kNumber);
    };
    auto [value, pullback] = vjp(changed_at_i, x[i]);
    results.push_back(std::get<0>(pullback(value)));
  }
  return results;
}

TEST(CudaPointwiseTest, EveryOpOfTheListHasTheBitsOfTheCpu) {
  begin_device();
  int compared = 0;
  for (const Sample& s : family_samples<PointwiseOps>()) {
    const std::string wrong = compare_devices(s.inputs, [&](const Tensors& x) { return with_gradients(s, x); });
    EXPECT_EQ(wrong, "") << s.what;
    ++compared;
  }
  EXPECT_GT(compared, PointwiseOps::kCount);
  EXPECT_EQ(cuda::memory_stats(Device::cuda()).live_bytes, 0);
  end_device();
  EXPECT_EQ(cuda::fake::live_bytes(), 0);
}

}  // namespace
}  // namespace duet::testing
