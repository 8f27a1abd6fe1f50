// Matmul against the machine's multiply-adds.
#include "bench.h"
#include "duet/duet.h"

using namespace duet;

namespace {

void rate(benchmark::State& state, const char* name, double amount) {
  state.counters[name] = benchmark::Counter(amount * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

DUET_BENCH("peak_fma", [](benchmark::State& state) {
  double flops = 0;
  for (auto _ : state) flops = bench::fma_steps(20'000);
  rate(state, "GFLOP/s", flops);
});

// x·W, its gradients Xᵀ·dY and dY·Wᵀ: a transposed operand is a view.
enum class Form { xw, xt_dy, dy_wt };

void multiply(benchmark::State& state, Form form, int64_t m, int64_t k, int64_t n, int64_t batch = 1) {
  auto [k1, k2] = split<2>(Key(1));
  const auto operand = [batch](const Key& key, int64_t rows, int64_t cols, bool turned) {
    Tensor x = uniform(key, {batch, turned ? cols : rows, turned ? rows : cols});
    return turned ? transpose(x, {0, 2, 1}) : x;
  };
  Tensor a = operand(k1, m, k, form == Form::xt_dy), b = operand(k2, k, n, form == Form::dy_wt);
  for (auto _ : state) benchmark::DoNotOptimize(matmul(a, b));
  rate(state, "GFLOP/s", 2.0 * static_cast<double>(batch * m * k * n));
}
#define DUET_MATMUL(form, m, k, n) \
  DUET_BENCH("matmul/" #form "/" #m "x" #k "x" #n, [](benchmark::State& s) { multiply(s, Form::form, m, k, n); })
// One layer, forward and backward, on a batch.
#define DUET_LAYER(batch, in, out)    \
  DUET_MATMUL(xw, batch, in, out);    \
  DUET_MATMUL(xt_dy, in, batch, out); \
  DUET_MATMUL(dy_wt, batch, out, in)
#define DUET_MLP(batch)        \
  DUET_LAYER(batch, 784, 512); \
  DUET_LAYER(batch, 512, 256); \
  DUET_LAYER(batch, 256, 10)
DUET_MLP(1);
DUET_MLP(8);
DUET_MLP(64);
DUET_MLP(1024);
DUET_LAYER(256, 1024, 1024);
#define DUET_DIGITS(batch)    \
  DUET_LAYER(batch, 64, 128); \
  DUET_LAYER(batch, 128, 64); \
  DUET_LAYER(batch, 64, 10)
DUET_DIGITS(1);
DUET_DIGITS(32);
DUET_DIGITS(64);
DUET_MATMUL(xw, 12, 1024, 1024);
DUET_MATMUL(xw, 1024, 1024, 1024);
// A convolution's windows, and the heads of an attention layer.
DUET_MATMUL(xw, 12544, 72, 16);
DUET_BENCH("matmul/heads/8x128x64x128", [](benchmark::State& s) { multiply(s, Form::dy_wt, 128, 64, 128, 8); });
DUET_BENCH("matmul/heads/8x128x128x64", [](benchmark::State& s) { multiply(s, Form::xw, 128, 128, 64, 8); });

}  // namespace
