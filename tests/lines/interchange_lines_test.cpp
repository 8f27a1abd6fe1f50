#include "duet/dlpack.h"
#include "duet/eigen.h"
#include "lines/here.h"

namespace duet {
namespace {

TEST(Lines, Interchange) {
  nn::Linear layer{zeros({3}), zeros({3})};
  dlpack::ManagedTensor gpu = {};
  gpu.dl_tensor.device.device_type = dlpack::kCuda;
  EXPECT_HERE(to_dlpack(kEmpty));
  EXPECT_HERE(from_dlpack(&gpu));
  EXPECT_HERE(from_dlpack(static_cast<dlpack::ManagedTensor*>(nullptr)));
  EXPECT_HERE(as_eigen<float>(kEmpty));
  EXPECT_HERE(as_eigen<double>(x23()));
  EXPECT_HERE(as_eigen_vector<float>(x23()));
  EXPECT_HERE(freeze([](const Tensor& x) { return to_dlpack(x + 1) != nullptr ? x : x; })(x23()));
  EXPECT_HERE(io::save("/nowhere/x.safetensors", layer, {.linear = Layout::out_in}));
  EXPECT_HERE(io::load("/nowhere/x.safetensors", layer, {.linear = Layout::out_in}));
}

}  // namespace
}  // namespace duet
