// Each call of the driver fails once, in eight workloads: a typed exception, nothing leaks, inputs stay as they were.
#include <gtest/gtest.h>

#include <functional>

#include "cuda/device.h"
#include "cuda/on_device.h"
#include "duet/cuda.h"

namespace duet::testing {
namespace {

struct Workload {
  const char* name;
  std::function<Tensor(const Tensor& x, const Tensor& w, const Tensor& labels)> f;
};

Tensor logits_loss(const Tensor& x, const Tensor& w, const Tensor& labels) {
  return cross_entropy(matmul(relu(x), w), labels);
}

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = {
      {"pointwise", [](const Tensor& x, const Tensor&, const Tensor&) { return exp(x) * 2.0f + x; }},
      {"broadcast",
       [](const Tensor& x, const Tensor& w, const Tensor&) { return x.transpose() + w.slice(0, 0, 1)[0][0]; }},
      {"reduction", [](const Tensor& x, const Tensor&, const Tensor&) { return sum(x, {.axis = {0}}) / max(x); }},
      {"matmul", [](const Tensor& x, const Tensor& w, const Tensor&) { return matmul(x, w); }},
      {"softmax", [](const Tensor& x, const Tensor&, const Tensor&) { return softmax(x, -1); }},
      {"gather", [](const Tensor& x, const Tensor&, const Tensor& l) { return scatter_add(x, l, gather(x, l, 0), 0); }},
      {"sort",
       [](const Tensor& x, const Tensor&, const Tensor&) {
         return concat({sort(x, -1).values, pad(x, {{0, 0}, {0, 1}})}, 1);
       }},
      {"gradient",
       [](const Tensor& x, const Tensor& w, const Tensor& labels) {
         return grad([&](const Tensor& v) { return logits_loss(x, v, labels); })(w);
       }},
  };
  return all;
}

Tensor ramp(const Shape& shape) {
  std::vector<float> v;
  for (int64_t i = 0; i < shape.numel(); ++i) v.push_back(static_cast<float>((i * 7) % 11) - 5);
  return from_vector(v, shape);
}

/// Calls that give something back: whether they fail changes no result.
bool is_farewell(const std::string& call) {
  return call == "cuModuleUnload" || call == "cuGraphDestroy" || call == "cuGraphExecDestroy";
}

/// Every workload in a mode; compiled functions are made anew for each run and called often.
void let_every_call_fail(Mode mode) {
  cuda::set_matmul_provider(cuda::MatmulProvider::cublas);
  const Tensor x = ramp({4, 6}), w = ramp({6, 3}), labels = tensor({2, 0, 1, 2});
  const auto x_bits = bits(x), w_bits = bits(w);
  for (const Workload& workload : workloads()) {
    SCOPED_TRACE(workload.name);
    auto run = [&] {
      const DeviceScope there(Device::cuda());
      const Tensor dx = x.to(Device::cuda()), dw = w.to(Device::cuda()), dl = labels.to(Device::cuda());
      const auto f = with_mode(mode, workload.f);
      try {
        for (int call = 0; call < 3 && mode != Mode::eager; ++call) f(dx, dw, dl);  // as it is, recorded, replayed
        return f(dx, dw, dl).to(Device::cpu());
      } catch (const Error&) {
        if (!cuda::fake::settings().sticky) {
          EXPECT_EQ(bits(dx.to(Device::cpu())), x_bits);
          EXPECT_EQ(bits(dw.to(Device::cpu())), w_bits);
        }
        throw;
      }
    };
    cuda::fake::install({.blas = true});
    const Tensor wanted = run();
    const int calls = cuda::fake::calls();
    EXPECT_GT(calls, 12);
    for (const cuda::Result failure : {719, cuda::kOutOfMemory})
      for (int k = 0; k < calls; ++k) {
        cuda::fake::install({.fail_at = k, .failure = failure, .sticky = failure == 719, .blas = true});
        try {
          // Memory that is there at the second try is no failure.
          EXPECT_EQ(difference(wanted, run()), "") << "call " << k;
          EXPECT_TRUE(failure == cuda::kOutOfMemory || is_farewell(cuda::fake::log().back())) << "call " << k;
        } catch (const CudaError&) {
        } catch (const DeviceError&) {
        }
        if (cuda::State* s = cuda::known_state(Device::cuda()); s != nullptr) {
          EXPECT_EQ(s->stats.live_bytes, 0) << "call " << k;
        }
        cuda::fake::uninstall();
        EXPECT_EQ(cuda::fake::live_bytes(), 0) << "call " << k;
        EXPECT_EQ(cuda::fake::live_modules(), 0) << "call " << k;
        EXPECT_EQ(cuda::fake::live_graphs(), 0) << "call " << k;
      }
  }
  EXPECT_EQ(bits(x), x_bits);
  cuda::set_matmul_provider(cuda::MatmulProvider::automatic);
}

TEST(CudaFailureTest, EveryCallOfTheDriverMayFail) { let_every_call_fail(Mode::eager); }
TEST(CudaFailureTest, EveryCallMayFailInACompiledFunction) { let_every_call_fail(Mode::compiled); }
TEST(CudaFailureTest, EveryCallMayFailInAFrozenFunction) { let_every_call_fail(Mode::frozen); }

}  // namespace
}  // namespace duet::testing
