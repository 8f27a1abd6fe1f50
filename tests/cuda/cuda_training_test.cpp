// Models train on the device, and bad indices are reported.
#include <gtest/gtest.h>

#include "cuda/on_device.h"

namespace duet::testing {
namespace {

struct CudaTrainingTest : DeviceTest {};

struct Mlp {
  nn::Linear hidden, out;
};

Tensor loss_of(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(m.out(gelu(m.hidden(x))), y); }

/// The parameters after a few steps, made and trained where new tensors lie.
template <class Optimiser>
Tensors trained() {
  auto [k1, k2, k3] = split<3>(Key(7));
  Mlp m{nn::Linear::init(20, 33, k1), nn::Linear::init(33, 5, k2)};
  auto optimiser = Optimiser::init(m);
  std::vector<int32_t> labels(70);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 5);
  const Tensor x = normal(k3, {70, 20}), y = from_vector(labels, {70});
  for (int step = 0; step < 4; ++step) {
    auto [l, g] = value_and_grad(loss_of)(m, x, y);
    optim::clip_by_global_norm(g, 1.0f);
    optimiser.update(m, g, 0.01f);
  }
  return {m.hidden.weight, m.hidden.bias, m.out.weight, m.out.bias};
}

template <class Optimiser>
void compare_training() {
  const Tensors wanted = trained<Optimiser>();
  set_default_device(Device::cuda());
  const Tensors got = trained<Optimiser>();
  set_default_device(Device::cpu());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(got[i].device(), Device::cuda());
    EXPECT_EQ(difference(wanted[i], got[i].to(Device::cpu())), "") << "parameter " << i;
  }
}

TEST_F(CudaTrainingTest, AdamGivesTheBitsOfTheCpu) { compare_training<optim::Adam>(); }
TEST_F(CudaTrainingTest, AdamWGivesTheBitsOfTheCpu) { compare_training<optim::AdamW>(); }

TEST_F(CudaTrainingTest, AModelMovedToTheDeviceNeedsNoDefault) {
  auto [k1, k2] = split<2>(Key(3));
  Mlp m{nn::Linear::init(6, 8, k1), nn::Linear::init(8, 3, k2)}, there = m;
  for_each_parameter(there, [](Tensor& t) { t = t.to(Device::cuda()); });
  const Tensor x = normal(Key(5), {4, 6}), y = tensor({0, 1, 2, 1});
  auto a = optim::Adam::init(m), b = optim::Adam::init(there);
  auto [l, g] = value_and_grad(loss_of)(m, x, y);
  auto [l2, g2] = value_and_grad(loss_of)(there, x.to(Device::cuda()), y.to(Device::cuda()));
  a.update(m, g, 0.1f);
  b.update(there, g2, 0.1f);
  EXPECT_EQ(l.item(), l2.item());
  EXPECT_EQ(difference(m.hidden.weight, there.hidden.weight.to(Device::cpu())), "");
}

TEST_F(CudaTrainingTest, ABadIndexIsReportedWhereAValueIsRead) {
  const Tensor x = tensor({1.0, 2.0, 3.0}).to(Device::cuda()), k = tensor({0, 2, 7, 9}).to(Device::cuda());
  const Tensor y = gather(x, k, 0);
  const Tensor z = y + 1.0f;
  try {
    z.to_vector();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const IndexError& e) {
    const std::string text = e.what();
    EXPECT_EQ(text.substr(0, text.find(" [")),
              "gather: index 7 is out of range: element 2 of i32[4]; it must be in -3 to 2");
    EXPECT_NE(text.find("cuda_training_test.cpp:"), std::string::npos) << text;
  }
  EXPECT_EQ(x.to_vector(), (std::vector<float>{1, 2, 3}));  // the device goes on
}

}  // namespace
}  // namespace duet::testing
