// The ops of every other list on the fake device: the CPU's bits, forward and backward.
#include <gtest/gtest.h>

#include "cuda/memory.h"
#include "cuda/on_device.h"
#include "ops/along_cases.h"
#include "ops/checks.h"
#include "ops/conv_cases.h"
#include "ops/create_cases.h"
#include "ops/families.h"
#include "ops/index_cases.h"
#include "ops/matmul_cases.h"
#include "ops/movement_cases.h"
#include "ops/pad_cases.h"
#include "ops/rearrange_cases.h"
#include "ops/reduce_cases.h"
#include "ops/scan_cases.h"
#include "ops/sort_cases.h"
#include "ops/windows_cases.h"

namespace duet::testing {
namespace {

template <class Family>
void compare_family() {
  begin_device();
  int compared = 0;
  for (const Sample& s : family_samples<Family>()) {
    SCOPED_TRACE(s.what);
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
    ++compared;
  }
  EXPECT_GE(compared, Family::kCount);
  EXPECT_EQ(cuda::memory_stats(Device::cuda()).live_bytes, 0);
  end_device();
  EXPECT_EQ(cuda::fake::live_bytes(), 0);
}

TEST(CudaOpsTest, Create) { compare_family<CreateOps>(); }
TEST(CudaOpsTest, Movement) { compare_family<MovementOps>(); }
TEST(CudaOpsTest, Pad) { compare_family<PadOps>(); }
TEST(CudaOpsTest, Rearrange) { compare_family<RearrangeOps>(); }
TEST(CudaOpsTest, Index) { compare_family<IndexOps>(); }
TEST(CudaOpsTest, Along) { compare_family<AlongOps>(); }
TEST(CudaOpsTest, Reduce) { compare_family<ReduceOps>(); }
TEST(CudaOpsTest, Matmul) { compare_family<MatmulOps>(); }
TEST(CudaOpsTest, Scan) { compare_family<ScanOps>(); }
TEST(CudaOpsTest, Sort) { compare_family<SortOps>(); }
TEST(CudaOpsTest, Conv) { compare_family<ConvOps>(); }
TEST(CudaOpsTest, Random) { compare_family<RandomOps>(); }
TEST(CudaOpsTest, Windows) { compare_family<WindowOps>(); }

}  // namespace
}  // namespace duet::testing
