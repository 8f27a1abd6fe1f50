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

void multiply(benchmark::State& state, int64_t m, int64_t k, int64_t n) {
  auto [k1, k2] = split<2>(Key(1));
  Tensor a = uniform(k1, {m, k}), b = uniform(k2, {k, n});
  for (auto _ : state) benchmark::DoNotOptimize(matmul(a, b));
  rate(state, "GFLOP/s", 2.0 * static_cast<double>(m * k * n));
}
#define DUET_MATMUL(m, k, n) DUET_BENCH("matmul/" #m "x" #k "x" #n, [](benchmark::State& s) { multiply(s, m, k, n); })
DUET_MATMUL(32, 64, 128);
DUET_MATMUL(1, 784, 512);
DUET_MATMUL(64, 784, 512);
DUET_MATMUL(1024, 784, 512);
DUET_MATMUL(1024, 512, 256);
DUET_MATMUL(1024, 1024, 1024);

}  // namespace
