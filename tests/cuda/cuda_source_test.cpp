// What cuda_source prints, as committed files.
#include <gtest/gtest.h>

#include "explain/golden.h"

namespace duet::testing {
namespace {

template <class F, class... A>
std::string source(const F& f, const A&... x) {
  const auto compiled = compile(f);
  compiled(x...);
  return cuda_source(compiled);
}

TEST(CudaSourceTest, Pointwise) {
  const auto f = [](const Tensor& x, const Tensor& b) { return gelu(x + b) * 0.5f; };
  expect_golden("cuda_pointwise.txt", source(f, ones({512, 128}), ones({128})));
}

TEST(CudaSourceTest, Rows) {
  const auto f = [](const Tensor& x) { return softmax(x, -1); };
  expect_golden("cuda_rows.txt", source(f, ones({64, 1000})));
}

TEST(CudaSourceTest, Columns) {
  const auto f = [](const Tensor& x, const Tensor& dy) { return sum(relu(x) * dy, 0); };
  expect_golden("cuda_columns.txt", source(f, ones({256, 100}), ones({256, 100})));
}

TEST(CudaSourceTest, Products) {
  const auto f = [](const Tensor& x, const Tensor& w, const Tensor& b) {
    return matmul(gelu(matmul(x, w) + b), w) + b + x;
  };
  expect_golden("cuda_products.txt", source(f, ones({64, 128}), ones({128, 128}), ones({128})));
}

TEST(CudaSourceTest, APlanWithoutFusedKernelsHasNone) {
  const auto f = [](const Tensor& x) { return matmul(x, x); };
  EXPECT_EQ(source(f, ones({8, 8})), "");
}

}  // namespace
}  // namespace duet::testing
