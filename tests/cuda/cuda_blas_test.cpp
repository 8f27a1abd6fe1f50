// cuBLAS against the CPU: close, in every layout, and the same bits twice. On the machine's own device with
// DUET_TEST_DEVICE=cuda.
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/blas.h"
#include "cuda/on_device.h"

namespace duet::testing {
namespace {

// A sum of k products of standard normal numbers is of the size of the root of k, its rounding errors grow as that
// root.
double allowed(const Tensor& wanted, int64_t k) {
  const double unit = wanted.dtype() == f64 ? 0x1p-53 : 0x1p-24;
  return 8 * unit * static_cast<double>(k);
}
Tensor swap_last(const Tensor& t) {
  return t.rank() == 2 ? t.transpose() : t.rank() == 3 ? transpose(t, {0, 2, 1}) : transpose(t, {0, 1, 3, 2});
}
double worst(const Tensor& a, const Tensor& b) { return max(abs(a - b)).item<double>(); }

TEST(CudaBlasTest, IsCloseToTheCpuAndTheSameTwice) {
  if (real_device())
    begin_device();
  else
    cuda::fake::install({.blas = true});
  if (cuda::blas_availability().blas == nullptr) GTEST_SKIP() << cuda::blas_availability().why;
  cuda::set_matmul_provider(cuda::MatmulProvider::cublas);
  const auto keys = split<2>(Key(11));
  struct Sizes {
    Shape a, b;
  };
  for (const auto& [a_shape, b_shape] :
       {Sizes{{64, 784}, {784, 512}}, Sizes{{33, 65}, {65, 1}}, Sizes{{1, 300}, {300, 7}},
        Sizes{{3, 17, 40}, {3, 40, 9}}, Sizes{{2, 3, 16, 8}, {8, 12}}, Sizes{{2, 1, 16, 8}, {3, 8, 12}}})
    for (DType dtype : {f32, f64})
      for (unsigned flips : {0u, 1u, 2u, 3u}) {
        auto factor = [&](const Key& key, const Shape& shape, bool flipped) {
          Shape stored = shape;
          const int last = shape.rank() - 1;
          if (flipped) std::swap(stored[last - 1], stored[last]);
          const Tensor t = normal(key, stored).to(dtype);
          return flipped ? swap_last(t) : t;
        };
        const Tensor a = factor(keys[0], a_shape, flips & 1u), b = factor(keys[1], b_shape, (flips & 2u) != 0);
        const Tensor da = like_on_device(a), db = like_on_device(b);
        const Tensor wanted = matmul(a, b), once = matmul(da, db).to(Device::cpu());
        EXPECT_LE(worst(wanted, once), allowed(wanted, a_shape[a_shape.rank() - 1]))
            << to_string(a.spec()) << " " << to_string(b.spec()) << " " << flips;
        EXPECT_EQ(difference(once, matmul(da, db).to(Device::cpu())), "");
      }
  end_device();
}

}  // namespace
}  // namespace duet::testing
