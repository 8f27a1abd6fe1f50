// 16-bit floats on the fake device: the CPU's bits in casts, operations, gradients and mixed precision.
#include <gtest/gtest.h>

#include "cuda/memory.h"
#include "cuda/samples.h"
#include "ops/half_samples.h"

namespace duet::testing {
namespace {

struct CudaHalfTest : DeviceTest {};

TEST_F(CudaHalfTest, EveryCast) {
  std::vector<BFloat16> words(65536);
  for (size_t i = 0; i < words.size(); ++i) words[i].bits = static_cast<uint16_t>(i);
  const Tensor all = from_vector(words, {65536});
  const Tensor floats = concat({all.to(f32), all.to(f32) * 1.00390625f, all.to(f32) * 1e-7f});
  for (DType t : {f16, bf16}) {
    const Tensor h = floats.to(t);
    EXPECT_EQ(compare_devices({floats}, [t](const Tensors& x) { return Tensors{x[0].to(t)}; }), "");
    for (DType other : {f32, f64, i32, i64, u8, boolean, f16, bf16}) {
      const Tensor x = floats.to(other);
      EXPECT_EQ(compare_devices({h}, [=](const Tensors& v) { return Tensors{v[0].to(other)}; }), "") << name(other);
      EXPECT_EQ(compare_devices({x}, [=](const Tensors& v) { return Tensors{v[0].to(t)}; }), "") << name(other);
    }
  }
}

// Generated kernels convert by words of their own.
TEST_F(CudaHalfTest, EveryCastCompiled) {
  std::vector<Half> words(65536);
  for (size_t i = 0; i < words.size(); ++i) words[i].bits = static_cast<uint16_t>(i);
  const Tensor all = from_vector(words, {65536});
  const Tensor floats = concat({all.to(f32), all.to(f32) * 1.00048828125f, all.to(f32) * 1e-7f, all.to(f32) * 3e33f});
  const Tensor large = arange(floats.numel(), i64) * (int64_t{1} << 44) + 1;
  constexpr DType kTypes[] = {f32, f64, i32, i64, u8, boolean, f16, bf16};
  Tensors inputs = {large, floats.to(f64) * 1.0000000001};
  for (DType t : kTypes) inputs.push_back(floats.to(t));
  const auto casts = compile([&](const Tensors& x) {
    Tensors y;
    for (const Tensor& v : x)
      for (DType t : kTypes)
        if (is_half(t) || is_half(v.dtype())) y.push_back(v.to(t));
    return y;
  });
  EXPECT_EQ(compare_devices(inputs, [&](const Tensors& x) { return casts(x); }), "");
  const auto chain = compile([](const Tensors& x) {
    const Tensor a = x[0].reshape({256, -1}), b = x[1].reshape({256, -1});
    return Tensors{exp(a) * 0.5f + a, softmax(b, -1), sum(b * b, {.axis = {0}}), maximum(a, 1.0f)};
  });
  EXPECT_EQ(compare_devices({floats.to(f16), floats.to(bf16)}, [&](const Tensors& x) { return chain(x); }), "");
}

template <class Family>
void compare_family() {
  for (const Sample& s : half_samples<Family>()) {
    SCOPED_TRACE(s.what);
    expect_as_on_cpu(s);
  }
}

TEST_F(CudaHalfTest, EveryList) {
  for_each_family([]<class Family>(const char*) { compare_family<Family>(); });
}

struct Mlp {
  nn::Linear hidden, out;
};
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(m.out(relu(m.hidden(x))), y); }

// f16 products, scaled losses, f32 weights: the same training in both places.
TEST_F(CudaHalfTest, MixedPrecisionTrains) {
  auto train = [](Device device) {
    auto [k1, k2] = split<2>(Key(7));
    Mlp m{nn::Linear::init(12, 16, k1), nn::Linear::init(16, 4, k2)};
    for_each_leaf(m, [&](Tensor& t) { t = t.to(device); });
    const Tensor x = uniform(Key(3), {20, 12}).to(device), y = arange(20, i64).to(device);
    optim::Adam adam = optim::Adam::init(m);
    const DeviceScope there(device);
    optim::LossScale scaler = optim::LossScale::init();
    Tensors all;
    for (int i = 0; i < 5; ++i) {
      Autocast scope(f16);
      auto [l, g] = value_and_grad(
          [&](const Mlp& k) { return scaler.scaled(loss(k, x, y - 4 * (cast(y, f32) * 0.25f).to(i64))); })(m);
      all.push_back(scaler.update(adam, m, g, 0.01f));
      all.push_back(l);
    }
    for_each_leaf(m, [&](Tensor& t) { all.push_back(t); });
    return all;
  };
  const Tensors wanted = train(Device::cpu()), got = train(Device::cuda());
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(device_difference(wanted[i], got[i]), "") << i;
}

}  // namespace
}  // namespace duet::testing
