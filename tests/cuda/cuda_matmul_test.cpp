// Matrix products by either provider: which one is taken, how cuBLAS is called, and what comes out.
#include <gtest/gtest.h>

#include "cuda/on_device.h"

namespace duet::testing {
namespace {

class CudaMatmulTest : public ::testing::Test {
 protected:
  void SetUp() override { cuda::fake::install({.blas = true}); }
  void TearDown() override {
    cuda::set_matmul_provider(cuda::MatmulProvider::automatic);
    cuda::set_matmul_precision(cuda::MatmulPrecision::f32);
    cuda::fake::uninstall();
    EXPECT_EQ(cuda::fake::live_bytes(), 0);
  }
};

const Device kGpu = Device::cuda();

Tensor ramp(const Shape& shape, DType dtype = f32) {  // small integers: any order of sums is exact
  std::vector<float> v;
  for (int64_t i = 0; i < shape.numel(); ++i) v.push_back(static_cast<float>((i * 7) % 11) - 5);
  return from_vector(v, shape).to(dtype);
}

/// The calls of cuBLAS's product since the log was cleared: "NN 3x2x4 x1", n by m by k as it sees them.
std::vector<std::string> products() {
  std::vector<std::string> found;
  for (const std::string& line : cuda::fake::log())
    if (line.starts_with("cublasGemm")) found.push_back(line.substr(line.find(' ') + 1));
  return found;
}
int64_t launches(std::string_view kernel) {
  return std::count_if(cuda::fake::log().begin(), cuda::fake::log().end(), [&](const std::string& line) {
    return line.starts_with("cuLaunchKernel") && line.find(kernel) != line.npos;
  });
}
int64_t copies() {
  return launches("4copyI") + std::count(cuda::fake::log().begin(), cuda::fake::log().end(), "cuMemcpyDtoDAsync");
}

/// a · b on the device by cuBLAS, compared with the CPU's; the calls it took.
std::vector<std::string> calls_of(const Tensor& a, const Tensor& b) {
  cuda::set_matmul_provider(cuda::MatmulProvider::cublas);
  const Tensor x = like_on_device(a), y = like_on_device(b);
  cuda::fake::clear_log();
  const Tensor product = matmul(x, y);
  EXPECT_EQ(difference(matmul(a, b), product.to(Device::cpu())), "");
  return products();
}
using Calls = std::vector<std::string>;

TEST_F(CudaMatmulTest, TransposedOperandsAreFlags) {
  const Tensor a = ramp({3, 4}), b = ramp({4, 5}), at = ramp({4, 3}).transpose(), bt = ramp({5, 4}).transpose();
  EXPECT_EQ(calls_of(a, b), Calls{"NN 5x3x4 x1"});
  EXPECT_EQ(calls_of(at, b), Calls{"NT 5x3x4 x1"});
  EXPECT_EQ(calls_of(a, bt), Calls{"TN 5x3x4 x1"});
  EXPECT_EQ(calls_of(at, bt), Calls{"TT 5x3x4 x1"});
  EXPECT_EQ(copies(), 0);
  EXPECT_EQ(calls_of(ramp({3, 4}, f64), ramp({4, 5}, f64)), Calls{"NN 5x3x4 x1"});
}

TEST_F(CudaMatmulTest, OtherLayoutsAreCopied) {
  const Tensor wide = ramp({3, 8}), b = ramp({4, 5});
  EXPECT_EQ(calls_of(wide.slice(1, 0, 4), b), Calls{"NN 5x3x4 x1"});
  EXPECT_EQ(copies(), 1);
  EXPECT_EQ(calls_of(ramp({4, 3}).slice(0, 1, 4), ramp({3, 5})), Calls{"NN 5x3x3 x1"});  // not 16-byte aligned
  EXPECT_EQ(copies(), 1);
  EXPECT_EQ(calls_of(broadcast_to(ramp({1, 4}), {3, 4}), b), Calls{"NN 5x3x4 x1"});
  EXPECT_EQ(copies(), 1);
}

TEST_F(CudaMatmulTest, BatchesAreOneCallWhereTheirStepsAreEven) {
  EXPECT_EQ(calls_of(ramp({2, 3, 4, 4}), ramp({2, 3, 4, 8})), Calls{"NN 8x4x4 x6"});
  EXPECT_EQ(calls_of(ramp({2, 3, 4, 4}), ramp({4, 8})), Calls{"NN 8x24x4 x1"});  // rows of one product
  EXPECT_EQ(calls_of(ramp({4, 4}), ramp({6, 4, 8})), Calls{"NN 8x4x4 x6"});
  EXPECT_EQ(calls_of(ramp({2, 1, 4, 4}), ramp({1, 3, 4, 8})), (Calls{"NN 8x4x4 x3", "NN 8x4x4 x3"}));
  EXPECT_EQ(calls_of(transpose(ramp({2, 3, 4, 4}), {1, 0, 2, 3}), ramp({3, 2, 4, 8})),
            (Calls{"NN 8x4x4 x2", "NN 8x4x4 x2", "NN 8x4x4 x2"}));
  EXPECT_EQ(calls_of(ramp({3, 4, 4}), transpose(ramp({3, 8, 4}), {0, 2, 1})), Calls{"TN 8x4x4 x3"});
}

TEST_F(CudaMatmulTest, NarrowProductsAndThoseWithoutCublasAreDuets) {
  auto by_cublas = [](int64_t n, int64_t k) {
    cuda::fake::clear_log();
    matmul(zeros({2, k}).to(kGpu), zeros({k, n}).to(kGpu));
    return !products().empty();
  };
  EXPECT_FALSE(by_cublas(128, 256));
  EXPECT_TRUE(by_cublas(129, 256));
  EXPECT_TRUE(by_cublas(128, 257));
  cuda::set_matmul_provider(cuda::MatmulProvider::duet);
  EXPECT_FALSE(by_cublas(500, 500));
  cuda::fake::install();
  cuda::set_matmul_provider(cuda::MatmulProvider::automatic);
  EXPECT_FALSE(by_cublas(500, 500));
  cuda::set_matmul_provider(cuda::MatmulProvider::cublas);
  EXPECT_THROW(by_cublas(2, 2), DeviceError);
}

TEST_F(CudaMatmulTest, Tf32IsAskedFor) {
  EXPECT_EQ(calls_of(ramp({3, 4}), ramp({4, 5})), Calls{"NN 5x3x4 x1"});
  cuda::set_matmul_precision(cuda::MatmulPrecision::tf32);
  EXPECT_EQ(calls_of(ramp({3, 4}), ramp({4, 5})), Calls{"NN 5x3x4 x1 tf32"});
  EXPECT_EQ(calls_of(ramp({3, 4}, f64), ramp({4, 5}, f64)), Calls{"NN 5x3x4 x1"});
}

TEST_F(CudaMatmulTest, TheHandleAndItsWorkspaceAreMadeOnce) {
  cuda::set_matmul_provider(cuda::MatmulProvider::cublas);
  const Tensor x = ramp({4, 4}).to(kGpu);
  matmul(matmul(x, x), x);
  int made = 0;
  for (const std::string& line : cuda::fake::log()) made += line == "cublasCreate" || line == "cublasSetWorkspace";
  EXPECT_EQ(made, 2);
}

// Every size of tile, and edges of it, in the one order.
TEST_F(CudaMatmulTest, DuetsKernelHasTheBitsOfTheCpuInEveryTile) {
  cuda::set_matmul_provider(cuda::MatmulProvider::duet);
  const auto keys = split<2>(Key(3));
  for (auto [m, k, n] : {std::array<int64_t, 3>{1, 1, 1},
                         {5, 3, 7},
                         {33, 300, 31},
                         {64, 17, 70},
                         {130, 520, 129},
                         {300, 5, 300},
                         {257, 257, 1},
                         {3, 0, 4}}) {
    const Tensor a = normal(keys[0], {m, k}), b = normal(keys[1], {k, n}), bt = normal(keys[1], {n, k}).transpose();
    for (const Tensor& right : {b, bt}) {
      EXPECT_EQ(difference(matmul(a, right), matmul(a.to(kGpu), like_on_device(right)).to(Device::cpu())), "")
          << m << " " << k << " " << n;
      const Tensor a64 = a.to(f64), right64 = right.to(f64);
      EXPECT_EQ(difference(matmul(a64, right64), matmul(a64.to(kGpu), right64.to(kGpu)).to(Device::cpu())), "");
    }
  }
  for (const char* instance : {"6matmulILi0ELi2E", "6matmulILi0ELi4E", "6matmulILi0ELi8E", "6matmulILi1ELi4E"})
    EXPECT_GT(launches(instance), 0) << instance;
}

}  // namespace
}  // namespace duet::testing
