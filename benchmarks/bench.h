// Benchmarks of single kernels and calls, by google-benchmark: how they are registered. single.cpp runs them.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "floors.h"

namespace bench {

/// All that were registered, with their names.
std::vector<std::pair<std::string, benchmark::internal::Benchmark*>>& single_benchmarks();

inline bool add_single(const char* name, benchmark::internal::Benchmark* b) {
  single_benchmarks().emplace_back(name, b);
  return true;
}

}  // namespace bench

/// Registers a benchmark: DUET_BENCH(name, function or lambda taking benchmark::State&).
#define DUET_BENCH_JOIN2(a, b) a##b
#define DUET_BENCH_JOIN(a, b) DUET_BENCH_JOIN2(a, b)
#define DUET_BENCH(name, ...)                                               \
  [[maybe_unused]] static const bool DUET_BENCH_JOIN(bench_, __COUNTER__) = \
      bench::add_single(name, benchmark::RegisterBenchmark(name, __VA_ARGS__))
