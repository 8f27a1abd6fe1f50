// What an operation costs beyond its arithmetic: run eagerly, noted by a tape, recorded, replayed.
#include "bench.h"
#include "duet/duet.h"

using namespace duet;

namespace {

constexpr int kChain = 60;

Tensor chain(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kChain; ++i) y = y + x;
  return y;
}

void per_op(benchmark::State& state) {
  state.counters["per_op"] =
      benchmark::Counter(kChain, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// A tape grows, so each one notes a chain of operations and is thrown away.
DUET_BENCH("eager_add_taped/1", [](benchmark::State& state) {
  Tensor x = ones({1});
  for (auto _ : state) {
    Tape tape;
    tape.watch(x);
    benchmark::DoNotOptimize(chain(x));
  }
  per_op(state);
});
DUET_BENCH("eager_chain_and_gradient/1", [](benchmark::State& state) {
  Tensor x = ones({1});
  auto g = value_and_grad([](const Tensor& t) { return sum(chain(t)); });
  for (auto _ : state) benchmark::DoNotOptimize(g(x));
  per_op(state);
});

DUET_BENCH("record_add/1", [](benchmark::State& state) {
  Tensor x = ones({1});
  graph::PlanCache cache;
  for (auto _ : state) {
    graph::Recording recording(cache, false);
    benchmark::DoNotOptimize(chain(x));
  }
  per_op(state);
});
// The whole call: recording, looking the plan up, one fused kernel.
DUET_BENCH("compiled_chain/1", [](benchmark::State& state) {
  Tensor x = ones({1});
  auto f = compile(chain);
  for (auto _ : state) benchmark::DoNotOptimize(f(x));
  per_op(state);
});
DUET_BENCH("frozen_chain/1", [](benchmark::State& state) {
  Tensor x = ones({1});
  auto f = freeze(chain);
  for (auto _ : state) benchmark::DoNotOptimize(f(x));
});

}  // namespace
