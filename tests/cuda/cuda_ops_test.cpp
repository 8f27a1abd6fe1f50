// The ops of every other list on the fake device: the CPU's bits, forward and backward.
#include <gtest/gtest.h>

#include "cuda/memory.h"
#include "cuda/samples.h"

namespace duet::testing {
namespace {

template <class Family>
void compare_family() {
  begin_device();
  int compared = 0;
  for (const Sample& s : family_samples<Family>()) {
    SCOPED_TRACE(s.what);
    expect_as_on_cpu(s);
    ++compared;
  }
  EXPECT_GE(compared, Family::kCount);
  EXPECT_EQ(cuda::memory_stats(Device::cuda()).live_bytes, 0);
  end_device();
  EXPECT_EQ(cuda::fake::live_bytes(), 0);
}

Tensor numbers(const Shape& shape) { return normal(Key(4), shape); }

// Lengths around those where kernels go another way: lanes, chunks, groups of chunks; views that are not dense.
TEST(CudaOpsTest, ReductionsOfManyLengths) {
  begin_device();
  auto same = [](const Tensor& x, int axis) {
    auto f = [&](const Tensors& t) { return Tensors{sum(t[0], axis), max(t[0], axis)}; };
    EXPECT_EQ(compare_devices({x}, f), "") << to_string(x.spec()) << " axis " << axis;
  };
  for (int64_t n : {1, 3, 31, 32, 33, 127, 128, 129, 256, 300, 1024, 4095, 4096, 4097, 9000}) {
    same(numbers({9, n}), 1);
    same(numbers({n, 9}).transpose(), 1);
  }
  for (int64_t n : {1, 2, 31, 32, 33, 64, 65, 96, 97, 224, 2047, 2048, 2049, 4101, 9999}) {
    same(numbers({n, 5}), 0);
    same(numbers({5, n}).transpose(), 0);
    same(numbers({2, n, 3}), 1);
  }
  same(numbers({5000000}), 0);
  end_device();
}

// Broadcasting by whole groups of four, and where that does not hold.
TEST(CudaOpsTest, BroadcastingInGroups) {
  begin_device();
  const Tensor wide = numbers({6, 24}), row = numbers({8}), column = numbers({6, 1}), odd = numbers({7});
  auto same = [](const Tensor& a, const Tensor& b) {
    auto f = [](const Tensors& t) { return Tensors{t[0] + t[1], t[0] > t[1], where(t[0] > t[1], t[0], t[1])}; };
    EXPECT_EQ(compare_devices({a, b}, f), "") << to_string(a.spec()) << " " << to_string(b.spec());
    EXPECT_EQ(
        compare_devices({a, b}, [](const Tensors& t) { return Tensors{broadcast_to(t[1], t[0].shape()).to(f64)}; }),
        "");
  };
  for (int64_t first : {0, 1, 4}) {
    const Tensor x = wide.slice(1, first, first + 8);  // rows 24 apart, from an aligned element or another one
    same(x, row);
    same(x, column);
    same(x, wide.slice(1, 8, 16));
    same(numbers({6, 8}), x);
    same(numbers({3, 6, 8}), x);
  }
  same(numbers({6, 7}), odd);
  same(numbers({6, 7}), column);
  same(numbers({4, 6}), numbers({6, 4}).transpose());
  end_device();
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
