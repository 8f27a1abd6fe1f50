// The floors: what the machine's arithmetic and memory can do at most, measured in the same run.
#include "bench.h"
#include "cpu/kernels.h"
#include "cpu/threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bench {
namespace {

// Twelve independent chains hide the latency of a multiply-add on every core so far.
#define DUET_FMA_CHAINS(V)                                         \
  V c[12];                                                         \
  for (int k = 0; k < 12; ++k) c[k] = V{} + static_cast<float>(k); \
  const V a = V{} + 0.999f, b = V{} + 0.001f;                      \
  for (int64_t i = 0; i < n; ++i)                                  \
    for (int k = 0; k < 12; ++k) c[k] = c[k] * a + b;              \
  float sum = 0;                                                   \
  for (int k = 0; k < 12; ++k) sum += c[k][0];                     \
  return sum;

#if defined(__x86_64__)
using Wide = float __attribute__((vector_size(64)));
using Narrow = float __attribute__((vector_size(32)));
[[gnu::target("avx512f,fma"), gnu::noinline]] float fma_wide(int64_t n) { DUET_FMA_CHAINS(Wide) }
[[gnu::target("avx2,fma"), gnu::noinline]] float fma_narrow(int64_t n) { DUET_FMA_CHAINS(Narrow) }
[[gnu::target("avx2,fma"), gnu::noinline]] void stream(const float* x, const float* y, float* z, int64_t n) {
  const __m256 two = _mm256_set1_ps(2.0f);
  for (int64_t i = 0; i < n; i += 8)
    _mm256_stream_ps(z + i, _mm256_fmadd_ps(_mm256_loadu_ps(x + i), two, _mm256_loadu_ps(y + i)));
  _mm_sfence();
}
#else
using Wide = float __attribute__((vector_size(16)));
float fma_wide(int64_t n) { DUET_FMA_CHAINS(Wide) }
#endif

void plain(const float* x, const float* y, float* z, int64_t n) {
  for (int64_t i = 0; i < n; ++i) z[i] = x[i] * 2.0f + y[i];
}

}  // namespace

double fma_steps(int64_t n) {
  int64_t lanes = sizeof(Wide) / sizeof(float);
#if defined(__x86_64__)
  const bool wide = duet::cpu::kernels().isa == "v4";
  if (!wide) lanes = 8;
#endif
  const int64_t tasks = duet::cpu::threads();
  duet::cpu::parallel_for(tasks, [&](int64_t) {
#if defined(__x86_64__)
    benchmark::DoNotOptimize(wide ? fma_wide(n) : fma_narrow(n));
#else
    benchmark::DoNotOptimize(fma_wide(n));
#endif
  });
  return static_cast<double>(2 * 12 * lanes * n * tasks);
}

void triad(const float* x, const float* y, float* z, int64_t n, [[maybe_unused]] bool streaming) {
  const int64_t tasks = duet::cpu::threads(), share = n / tasks / 16 * 16;
  duet::cpu::parallel_for(tasks, [&](int64_t t) {
    const int64_t begin = t * share, count = t == tasks - 1 ? n - begin : share;
#if defined(__x86_64__)
    if (streaming) return stream(x + begin, y + begin, z + begin, count);
#endif
    plain(x + begin, y + begin, z + begin, count);
  });
}

}  // namespace bench
