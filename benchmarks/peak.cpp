// The floors: what the machine's arithmetic and memory can do at most, measured in the same run.
#include "floors.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>

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

#define DUET_SUM(V)                                                  \
  V c[4] = {};                                                       \
  const int64_t lanes = sizeof(V) / sizeof(float), step = 4 * lanes; \
  for (int64_t i = 0; i + step <= n; i += step)                      \
    for (int k = 0; k < 4; ++k) {                                    \
      V v;                                                           \
      __builtin_memcpy(&v, x + i + k * lanes, sizeof(V));            \
      c[k] += v;                                                     \
    }                                                                \
  return (c[0] + c[1] + c[2] + c[3])[0];

#if defined(__x86_64__)
[[gnu::target("avx512f,fma"), gnu::noinline]] float sum_wide(const float* x, int64_t n) { DUET_SUM(Wide) }
[[gnu::target("avx2,fma"), gnu::noinline]] float sum_narrow(const float* x, int64_t n) { DUET_SUM(Narrow) }
#else
float sum_wide(const float* x, int64_t n) { DUET_SUM(Wide) }
#endif

/// Keeps the compiler from leaving out what nobody reads.
void keep(float value) { asm volatile("" : : "x"(value)); }

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

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
    keep(wide ? fma_wide(n) : fma_narrow(n));
#else
    keep(fma_wide(n));
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

float read_all(const float* x, int64_t n) {
  const int64_t tasks = duet::cpu::threads(), share = n / tasks / 64 * 64;
  float total = 0;
  duet::cpu::parallel_for(tasks, [&](int64_t t) {
    const float* from = x + t * share;
#if defined(__x86_64__)
    keep(duet::cpu::kernels().isa == "v4" ? sum_wide(from, share) : sum_narrow(from, share));
#else
    keep(sum_wide(from, share));
#endif
    if (t == 0) total = from[0];
  });
  return total;
}

namespace {

constexpr double kTrySeconds = 0.01;

/// Touched, and in huge pages where the system gives them.
struct Floats {
  explicit Floats(int64_t n) {
    constexpr size_t kPage = size_t{2} << 20;
    const size_t bytes = (static_cast<size_t>(n) * sizeof(float) + kPage - 1) / kPage * kPage;
    data = static_cast<float*>(std::aligned_alloc(kPage, bytes));
    if (data == nullptr) throw std::bad_alloc();
    madvise(data, bytes, MADV_HUGEPAGE);
    std::fill(data, data + n, 1.0f);
  }
  ~Floats() { std::free(data); }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  float* data;
};

template <class F>
double best_seconds(const F& f) {
  double best = 1e9;
  const double end = now() + kTrySeconds;
  for (int tries = 0; tries < 3 || now() < end; ++tries) {
    const double start = now();
    f();
    best = std::min(best, now() - start);
  }
  return best;
}

/// Working sets of about one size are one.
int64_t rounded(double bytes) {
  int64_t size = 4096;
  while (static_cast<double>(size) * 1.42 < bytes && size < (int64_t{1} << 28)) size *= 2;
  return size;
}
/// Runs over a small working set that last long enough for the clock.
int64_t repeats_of(int64_t size) { return std::max<int64_t>(1, (1 << 18) / size); }

double triad_once(int64_t size, bool streaming) {
  const int64_t n = std::max<int64_t>(size / 12 / 16 * 16, 64), repeats = repeats_of(size);
  Floats x(n), y(n), z(n);
  const double seconds = best_seconds([&] {
    for (int64_t i = 0; i < repeats; ++i) triad(x.data, y.data, z.data, n, streaming);
  });
  return 12.0 * static_cast<double>(n * repeats) / seconds;
}

double read_once(int64_t size) {
  const int64_t n = size / 4, repeats = repeats_of(size);
  Floats x(n);
  const double seconds = best_seconds([&] {
    for (int64_t i = 0; i < repeats; ++i) keep(read_all(x.data, n));
  });
  return 4.0 * static_cast<double>(n * repeats) / seconds;
}

double flops_once() {
  double amount = 0;
  const double seconds = best_seconds([&] { amount = fma_steps(20'000); });
  return amount / seconds;
}

void raise(double& best, double now_measured) { best = std::max(best, now_measured); }

}  // namespace

double Floors::flops() {
  if (flops_ == 0) flops_ = flops_once();
  return flops_;
}
double Floors::triad_rate(double bytes, bool streaming) {
  double& rate = (streaming ? streams_ : triads_)[rounded(bytes)];
  if (rate == 0) rate = triad_once(rounded(bytes), streaming);
  return rate;
}
double Floors::read_rate(double bytes) {
  double& rate = reads_[rounded(bytes)];
  if (rate == 0) rate = read_once(rounded(bytes));
  return rate;
}
double Floors::best_rate(double bytes) {
  return std::max({triad_rate(bytes, false), triad_rate(bytes, true), read_rate(bytes)});
}
void Floors::try_again(double bytes) {
  const int64_t size = rounded(bytes);
  raise(flops_, flops_once());
  raise(triads_[size], triad_once(size, false));
  raise(streams_[size], triad_once(size, true));
  raise(reads_[size], read_once(size));
}
double Floors::floor_us(const Work& work, bool* by_flops) {
  const double arithmetic = work.flops / flops() * 1e6, memory = work.bytes / best_rate(work.footprint) * 1e6;
  *by_flops = arithmetic > memory;
  return std::max(arithmetic, memory);
}

int64_t l2_bytes() { return std::max(0L, sysconf(_SC_LEVEL2_CACHE_SIZE)); }
int64_t l3_bytes() { return std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)); }

}  // namespace bench
