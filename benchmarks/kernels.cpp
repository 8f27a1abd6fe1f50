// Kernels against what the machine can do: matmul against its multiply-adds, pointwise chains against its memory.
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

Tensor pointwise_chain(const Tensor& x, const Tensor& y) { return ((x + y) * x - y) * 2.0f + 1.0f; }

// Useful bytes: two operands read and one result written, however many kernels it takes.
template <class F>
void chain(benchmark::State& state, int64_t n, const F& f) {
  auto [k1, k2] = split<2>(Key(1));
  Tensor x = uniform(k1, {n}), y = uniform(k2, {n}), z = f(x, y);
  for (auto _ : state) z = f(x, y);
  rate(state, "GB/s", 12.0 * static_cast<double>(n));
}
void floor_of_chain(benchmark::State& state, int64_t n, bool streaming) {
  Tensor x = ones({n}), y = ones({n}), z = zeros({n});
  for (auto _ : state) bench::triad(x.data(), y.data(), const_cast<float*>(z.data()), n, streaming);
  rate(state, "GB/s", 12.0 * static_cast<double>(n));
}
#define DUET_CHAIN(name, n)                                                                                  \
  DUET_BENCH("chain/" name "/eager", [](benchmark::State& s) { chain(s, n, eager(pointwise_chain)); });      \
  DUET_BENCH("chain/" name "/compiled", [](benchmark::State& s) { chain(s, n, compile(pointwise_chain)); }); \
  DUET_BENCH("chain/" name "/frozen", [](benchmark::State& s) { chain(s, n, freeze(pointwise_chain)); });    \
  DUET_BENCH("chain/" name "/floor_triad", [](benchmark::State& s) { floor_of_chain(s, n, false); });        \
  DUET_BENCH("chain/" name "/floor_triad_streaming", [](benchmark::State& s) { floor_of_chain(s, n, true); })
DUET_CHAIN("1k", 1024);
DUET_CHAIN("1M", 1 << 20);
DUET_CHAIN("16M", 1 << 24);

}  // namespace
