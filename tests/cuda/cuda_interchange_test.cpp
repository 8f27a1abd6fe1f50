// Tensors of a device at the library's edges: files, batches, other libraries' types.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "cuda/on_device.h"
#include "duet/dlpack.h"
#include "duet/eigen.h"

namespace duet::testing {
namespace {

const Device kGpu = Device::cuda();

class CudaInterchangeTest : public ::testing::Test {
 protected:
  void SetUp() override { cuda::fake::install(); }
  void TearDown() override { cuda::fake::uninstall(); }
};

struct Layer {
  Tensor w, b;
};

TEST_F(CudaInterchangeTest, FilesComeFromAnyDeviceAndGoWhereTheTreeIs) {
  const Layer layer{normal(Key(1), {3, 4}).to(kGpu), normal(Key(2), {4})};
  const auto folder = std::filesystem::temp_directory_path() / "duet_cuda_interchange_test";
  std::filesystem::create_directories(folder);
  for (const char* name : {"layer.safetensors", "layer.npz"}) {
    const std::string path = (folder / name).string();
    io::save(path, layer);
    Layer loaded{zeros({3, 4}).to(kGpu), zeros({4})};
    io::load(path, loaded);
    EXPECT_EQ(loaded.w.device(), kGpu) << name;
    EXPECT_EQ(loaded.b.device(), Device::cpu()) << name;
    EXPECT_TRUE(same_bits(loaded.w, layer.w) && same_bits(loaded.b, layer.b)) << name;
  }
  const io::Checkpoint checkpoint{.folder = (folder / "states").string()};
  checkpoint.save(1, layer);
  Layer restored{zeros({3, 4}).to(kGpu), zeros({4})};
  checkpoint.restore(restored);
  EXPECT_EQ(restored.w.device(), kGpu);
  EXPECT_TRUE(same_bits(restored.w, layer.w));
  std::filesystem::remove_all(folder);
}

TEST_F(CudaInterchangeTest, BatchesOfTensorsOnADeviceLieThere) {
  const Tensor x = normal(Key(1), {7, 2}), y = tensor({0, 1, 2, 3, 4, 5, 6});
  const Key key(3);
  const data::Batches there(x.to(kGpu), y.to(kGpu), 3, &key, {.prefetch = 2}), here(x, y, 3, &key, {});
  auto wanted = here.begin();
  for (const auto& [bx, by] : there) {
    EXPECT_EQ(bx.device(), kGpu);
    EXPECT_EQ(by.device(), kGpu);
    EXPECT_TRUE(same_bits(bx, (*wanted).first) && same_bits(by, (*wanted).second));
    ++wanted;
  }
}

TEST_F(CudaInterchangeTest, WhatLooksAtMemoryIsRefused) {
  const Tensor x = tensor({{1.0, 2.0}}).to(kGpu);
  EXPECT_EQ(message([&] { static_cast<void>(as_eigen<float>(x)); }),
            "as_eigen: the elements are on cuda:0: f32[1,2]; use .to(Device::cpu())");
  EXPECT_EQ(message([&] { static_cast<void>(to_dlpack(x)); }),
            "to_dlpack: the elements are on cuda:0: f32[1,2]; use .to(Device::cpu())");
}

struct Halve : Pointwise<1> {
  static constexpr std::string_view name = "halve";
  template <class T>
  DUET_FN static T forward(const T& x) {
    return x * T(0.5);
  }
};

TEST_F(CudaInterchangeTest, AnOpOfTheProgramsOwnSaysWhereItRuns) {
  const Tensor x = tensor({1.0, 2.0});
  EXPECT_EQ(call_op<Halve>({}, x)[0].to_vector(), (std::vector<float>{0.5f, 1.0f}));
  EXPECT_EQ(message([&] { call_op<Halve>({}, x.to(kGpu)); }),
            "halve: an op of the program's own runs on the CPU: cuda:0; use .to(Device::cpu())");
}

TEST_F(CudaInterchangeTest, ADuelHasARowForTheDevice) {
  const Tensor x = normal(Key(1), {8, 16}), w = normal(Key(2), {16, 4});
  const DuelReport r = duel(
      DuelOptions{.min_calls = 3, .max_calls = 3, .device = kGpu},
      [](const Tensor& x, const Tensor& w) { return relu(matmul(x, w)) + ones({4}); }, x, w);
  ASSERT_EQ(r.lives.size(), 4u);
  EXPECT_EQ(r.lives[3].name, "eager cuda:0");
  EXPECT_EQ(r.lives[3].kernels, r.lives[0].kernels);
  EXPECT_EQ(r.lives[3].operations, r.lives[0].operations);
  EXPECT_EQ(r.lives[3].bytes, r.lives[0].bytes);
  EXPECT_GT(r.lives[3].peak_bytes, 0);
  EXPECT_TRUE(r.bits_equal()) << to_string(r);
}

}  // namespace
}  // namespace duet::testing
