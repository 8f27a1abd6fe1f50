// Products with their epilogues in one generated kernel: the CPU's bits in every shape and layout, one launch each, and
// where the epilogue runs is a matter of shape.
#include <gtest/gtest.h>

#include <random>

#include "cuda/cubin.h"
#include "cuda/host_compiler.h"
#include "cuda/on_device.h"

namespace duet::testing {
namespace {

struct CudaEpilogueTest : DeviceTest {};

Tensor random(const Shape& shape, uint32_t seed = 1) { return normal(Key(seed), shape); }

/// A product of random factors and what is made of it: `inputs` are a, b, and an operand of each way to be broadcast.
struct Group {
  int64_t m, n, k;
  Tensors inputs;
  std::vector<int> steps;
  bool keeps = false;  // the product itself is a result too

  explicit Group(uint32_t seed) {
    std::mt19937 random_number(seed);
    auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[random_number() % from.size()]; };
    m = pick({1, 2, 5, 31, 32, 33, 64, 97}), n = pick({1, 3, 10, 32, 65, 128}),
    k = pick({0, 1, 2, 15, 16, 17, 64, 256});
    const int64_t batches = pick({0, 0, 0, 1, 3});  // 0: none
    auto factor = [&](int64_t rows, int64_t columns, uint32_t number, bool batched) {
      const int64_t layout = pick({0, 0, 1, 2});
      Shape shape{layout == 1 ? columns : rows, layout == 1 ? rows : columns};
      if (layout == 2) shape = {rows + 1, columns + 3};
      Shape all = shape;
      if (batched) all = {batches, shape[0], shape[1]};
      Tensor x = normal(fold_in(Key(seed), number), all);
      if (layout == 1) x = batched ? transpose(x, {0, 2, 1}) : x.transpose();
      if (layout == 2) x = x.slice(all.rank() - 2, 1, rows + 1).slice(all.rank() - 1, 2, columns + 2);
      return x;
    };
    inputs = {factor(m, k, 0, batches > 0 && random_number() % 4 != 0), factor(k, n, 1, batches > 0)};
    Shape space{m, n};
    if (batches > 0) space = {batches, m, n};
    for (const Shape& shape : {Shape{n}, Shape{m, 1}, space, Shape{}})
      inputs.push_back(normal(fold_in(Key(seed), static_cast<int64_t>(inputs.size())), shape));
    inputs.push_back(inputs[4] > 0.0f);
    for (int i = 0; i < 4; ++i) steps.push_back(static_cast<int>(random_number() % 9));
    keeps = random_number() % 4 == 0;
  }
  Tensors operator()(const Tensors& x) const {
    Tensor y = matmul(x[0], x[1]);
    Tensors all;
    if (keeps) all.push_back(y);
    for (int s : steps) {
      switch (s) {
        case 0:
          y = y + x[2];
          break;
        case 1:
          y = gelu(y);
          break;
        case 2:
          y = y + x[4];
          break;
        case 3:
          y = where(x[6], y, 0.0f);
          break;
        case 4:
          y = relu(y * x[3]);
          break;
        case 5:
          all.push_back(y > 0.5f);
          break;
        case 6:
          y = y.to(bf16).to(f32) * 1.5f;
          break;
        case 7:
          all.push_back(tanh(y - x[5]));
          break;
        default:
          all.push_back(y.to(f16));
          y = exp(y * 0.125f);
      }
    }
    all.push_back(y + 1.0f);
    return all;
  }
};

TEST_F(CudaEpilogueTest, RandomGroupsHaveTheBitsOfTheCpuAndOfEagerKernels) {
  constexpr uint32_t kGroups = 120;
  std::vector<std::string> sources;
  for (uint32_t seed = 0; seed < kGroups; ++seed) {
    const Group group(seed);
    const auto f = compile(group);
    f(group.inputs);
    sources.push_back(cuda_source(f));
  }
  if (!real_device()) cuda::fake::compile_for_host(sources);
  int inside = 0;
  for (uint32_t seed = 0; seed < kGroups; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Group group(seed);
    const Tensors wanted = group(group.inputs), there = like_on_device(group.inputs), eager = group(there);
    const auto compiled = compile(group);
    for (int call = 0; call < 3; ++call) {
      const Tensors got = compiled(there);
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(difference(wanted[i], got[i].to(Device::cpu())), "") << "result " << i;
        ASSERT_EQ(difference(wanted[i], eager[i].to(Device::cpu())), "") << "result " << i;
      }
    }
    const std::string where = explain(compiled).plans[0].kernels[0].epilogue;
    inside += where.starts_with("in the product's kernel");
  }
  EXPECT_GT(inside, static_cast<int>(kGroups) * 9 / 10);
}

TEST(CudaEpilogueCodeTest, NvrtcCompilesThemWithoutLocalMemory) {
  std::string why, log;
  cuda::set_compiler(nullptr);  // the machine's own in place of the fake device's
  const cuda::Compiler* nvrtc = cuda::compiler(why);
  if (nvrtc == nullptr) GTEST_SKIP() << why;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const Group group(seed);
    const auto f = compile(group);
    f(group.inputs);
    const std::string source = cuda_source(f);
    const std::vector<char> image = cubin(*nvrtc, source, log);
    ASSERT_FALSE(image.empty()) << log << source;
    EXPECT_EQ(frames(image), 0) << source;
  }
}

// f64, a depth of several blocks of k, and tiles of both sizes.
TEST_F(CudaEpilogueTest, EveryTile) {
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{33, 20, 700}, {900, 128, 17}, {4300, 65, 300}, {4300, 65, 200}})
    for (const DType dtype : {f32, f64}) {
      const Tensors x{random({m, k}).to(dtype), random({k, n}, 2).to(dtype), random({n}, 3).to(dtype)};
      const auto f = [](const Tensors& t) { return Tensors{relu(matmul(t[0], t[1]) + t[2])}; };
      const auto compiled = compile(f);
      EXPECT_EQ(difference(f(x)[0], compiled(like_on_device(x))[0].to(Device::cpu())), "") << m << " " << n << " " << k;
      EXPECT_EQ(explain(compiled).plans[0].kernels[0].epilogue.substr(0, 23), "in the product's kernel");
      EXPECT_NE(cuda_source(compiled).find(m > 4000 ? "tile_of<4, " : "tile_of<2, "), std::string::npos);
    }
}

template <class F>
int64_t launches_of(const F& f, const Tensors& x) {
  f(x);
  const auto before = thread_state.launches;
  f(x);
  return static_cast<int64_t>(thread_state.launches - before);
}

TEST_F(CudaEpilogueTest, OneLaunchALayer) {
  const DeviceScope there(Device::cuda());
  const Tensors x{random({64, 128}), random({128, 128}, 2), random({128}, 3), random({64, 128}, 4)};
  EXPECT_EQ(launches_of(compile([](const Tensors& t) { return relu(matmul(t[0], t[1]) + t[2]); }), x), 1);
  EXPECT_EQ(launches_of(compile([](const Tensors& t) { return gelu(matmul(t[0], t[1]) + t[2]); }), x), 1);
  EXPECT_EQ(launches_of(compile([](const Tensors& t) { return matmul(t[0], t[1]) + t[2] + t[3]; }), x), 1);
  EXPECT_EQ(launches_of(compile([](const Tensors& t) {
                          const Tensor h = relu(matmul(t[0], t[1]) + t[2]);
                          return matmul(gelu(matmul(h, t[1]) + t[2]), t[1]) + t[2];
                        }),
                        x),
            3);
  // A gradient's mask: two products forward and back, one kernel each.
  EXPECT_EQ(launches_of(compile([](const Tensors& t) {
                          const Tensor y = relu(matmul(t[0], t[1]));
                          return where(y > 0.0f, matmul(t[3], t[1].transpose()), 0.0f);
                        }),
                        x),
            2);
}

TEST_F(CudaEpilogueTest, WhichKernelHasTheEpilogueIsAMatterOfShape) {
  if (real_device()) GTEST_SKIP() << "it changes the provider";
  auto where = [](int64_t n, int64_t k, cuda::MatmulProvider provider) {
    cuda::set_matmul_provider(provider);
    const Tensors x{random({8, k}).to(Device::cuda()), random({k, n}, 2).to(Device::cuda())};
    const auto f = compile([](const Tensors& t) { return relu(matmul(t[0], t[1])); });
    f(x);
    const Explanation e = explain(f);
    EXPECT_NE(to_string(e).find("epilogue of k0 " + e.plans[0].kernels[0].epilogue), std::string::npos);
    cuda::set_matmul_provider(cuda::MatmulProvider::duet);
    return e.plans[0].kernels[0].epilogue;
  };
  using P = cuda::MatmulProvider;
  EXPECT_EQ(where(128, 256, P::automatic), "in the product's kernel: 128 columns, a depth of 256");
  EXPECT_EQ(where(129, 256, P::automatic), "behind the product's kernel: 129 columns are more than 128: cuBLAS's");
  EXPECT_EQ(where(128, 257, P::automatic), "behind the product's kernel: a depth of 257 is more than 256: cuBLAS's");
  EXPECT_EQ(where(300, 300, P::duet), "in the product's kernel: 300 columns, a depth of 300");
}

// The provider belongs to the plan.
TEST_F(CudaEpilogueTest, AnotherProviderIsAnotherPlan) {
  if (real_device()) GTEST_SKIP() << "it changes the provider";
  const Tensors x{random({8, 300}).to(Device::cuda()), random({300, 9}, 2).to(Device::cuda())};
  const auto layer = [](const Tensors& t) { return relu(matmul(t[0], t[1])); };
  const auto f = compile(layer);
  const auto frozen = freeze(layer), again = freeze(layer, {OnNewShape::retrace});
  f(x), frozen(x), again(x);
  cuda::set_matmul_provider(cuda::MatmulProvider::automatic);
  f(x), f(x);
  EXPECT_EQ(f.cache().plans().size(), 2u);
  EXPECT_THROW(frozen(x), TraceError);
  EXPECT_EQ(difference(layer(x).to(Device::cpu()), again(x).to(Device::cpu())), "");
}

}  // namespace
}  // namespace duet::testing
