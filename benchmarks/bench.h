// What all benchmarks share: how often they repeat, and the floors of the machine that they are held against.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace bench {

/// Repeats, and reports the fastest repetition and the median; contenders take turns in random order (main.cpp).
benchmark::internal::Benchmark* figures(benchmark::internal::Benchmark* b);

/// Multiply-adds per second of the machine's widest registers on all threads in use: 2·operations of n steps a thread.
double fma_steps(int64_t n);
/// z = x·2 + y over n floats on all threads; streaming stores bypass the caches.
void triad(const float* x, const float* y, float* z, int64_t n, bool streaming);

}  // namespace bench

/// Registers a benchmark: DUET_BENCH(name, function or lambda taking benchmark::State&).
#define DUET_BENCH_JOIN2(a, b) a##b
#define DUET_BENCH_JOIN(a, b) DUET_BENCH_JOIN2(a, b)
#define DUET_BENCH(name, ...)                                             \
  [[maybe_unused]] static auto* const DUET_BENCH_JOIN(bench_, __COUNTER__) = \
      bench::figures(benchmark::RegisterBenchmark(name, __VA_ARGS__))
