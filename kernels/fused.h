// What generated kernels are written in: threads, memory, elements. It stands before each generated program and
// includes nothing for NVRTC, which has no headers of its own; compiled as C++ for the host the same kernels run in
// tests, a thread of a block after the other. What only some programs need is in headers beside it: fused_numbers.h,
// fused_reduce.h, fused_product.h.
#pragma once

// Programs that are compiled together need names of their own.
#if !defined(DUET_PROGRAM)
#define DUET_PROGRAM program
#endif

#if defined(__CUDACC__)
#define DUET_FUSED_FN static __device__ __forceinline__
#define DUET_FUSED_CALL static __device__ __noinline__
#define DUET_FUSED_SHARED __shared__
#define DUET_FUSED_CONSTANT __grid_constant__ const
// KERNEL(threads of a block, name, Parameters) { … }: the parameters are `p`.
#define DUET_FUSED_KERNEL(threads, name, P) \
  extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ P p)
#define DUET_UNROLL _Pragma("unroll")
#define DUET_ROLLED _Pragma("unroll 1")
#else
#include <cstring>
#define DUET_FUSED_FN static inline
#define DUET_FUSED_CALL static
#define DUET_FUSED_SHARED static thread_local
#define DUET_TEXT_OF(x) #x
#define DUET_TEXT(x) DUET_TEXT_OF(x)
// Tells where a kernel is when the program is loaded.
#define DUET_FUSED_KERNEL(threads, name, P)                                                                        \
  static void name##_body(const P& p);                                                                             \
  [[maybe_unused]] static const bool name##_known =                                                                \
      duet::fused::known(DUET_TEXT(DUET_PROGRAM), #name, [](const void* call, long long block, long long blocks) { \
        duet::fused::grid = {block, blocks};                                                                       \
        name##_body(*static_cast<const P*>(call));                                                                 \
      });                                                                                                          \
  static void name##_body([[maybe_unused]] const P& p)
#define DUET_UNROLL
#define DUET_ROLLED
#endif

// The words of kernels/tile.h.
#define DUET_LANGUAGE fused
#define DUET_DEVICE DUET_FUSED_FN

namespace duet {
namespace fused {

using i32 = int;
using i64 = long long;
using u8 = unsigned char;
using u32 = unsigned;
using u64 = unsigned long long;

constexpr int kThreads = 128, kWarp = 32;

/// 16-bit floats, as they are stored.
struct f16 {
  unsigned short bits;
};
struct bf16 {
  unsigned short bits;
};

/// A number of the call.
union Number {
  float f32;
  double f64;
  int i32;
  long long i64;
  unsigned char u8;
  bool boolean;
};

#if defined(__CUDACC__)

DUET_FUSED_FN i64 block() { return blockIdx.x; }
DUET_FUSED_FN i64 blocks() { return gridDim.x; }
DUET_FUSED_FN void barrier() { __syncthreads(); }
DUET_FUSED_FN void warp_barrier() { __syncwarp(); }
template <int N = kThreads, class F>
DUET_FUSED_FN void each_thread(F f) {
  f(static_cast<int>(threadIdx.x));
}
/// A value that each thread keeps.
template <class T, int N = kThreads>
struct PerThread {
  T v;
  __device__ __forceinline__ T& operator[](int) { return v; }
};

template <class To, class From>
DUET_FUSED_FN To bit(From x) {
  static_assert(sizeof(To) == sizeof(From), "bits are moved between types of one size");
  union {
    From from;
    To to;
  } u;
  u.from = x;
  return u.to;
}
DUET_FUSED_FN float fma_of(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DUET_FUSED_FN double fma_of(double a, double b, double c) { return __fma_rn(a, b, c); }
DUET_FUSED_FN float sqrt_of(float a) { return __fsqrt_rn(a); }
DUET_FUSED_FN double sqrt_of(double a) { return __dsqrt_rn(a); }
#define DUET_LIBM(name) ::name

#else

struct Grid {
  i64 block, blocks;
};
static thread_local Grid grid;
using HostKernel = void (*)(const void* call, long long block, long long blocks);
bool known(const char* program, const char* kernel, HostKernel run);
DUET_FUSED_FN i64 block() { return grid.block; }
DUET_FUSED_FN i64 blocks() { return grid.blocks; }
// Threads take turns between barriers.
DUET_FUSED_FN void barrier() {}
DUET_FUSED_FN void warp_barrier() {}
template <int N = kThreads, class F>
DUET_FUSED_FN void each_thread(F f) {
  for (int t = 0; t < N; ++t) f(t);
}
template <class T, int N = kThreads>
struct PerThread {
  T v[N];
  T& operator[](int t) { return v[t]; }
};

template <class To, class From>
DUET_FUSED_FN To bit(From x) {
  static_assert(sizeof(To) == sizeof(From), "bits are moved between types of one size");
  To y;
  std::memcpy(&y, &x, sizeof(To));
  return y;
}
DUET_FUSED_FN float fma_of(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DUET_FUSED_FN double fma_of(double a, double b, double c) { return __builtin_fma(a, b, c); }
DUET_FUSED_FN float sqrt_of(float a) { return __builtin_sqrtf(a); }
DUET_FUSED_FN double sqrt_of(double a) { return __builtin_sqrt(a); }
#define DUET_LIBM(name) __builtin_##name

#endif

/// f of each thread, and a barrier.
template <int N, class F>
DUET_FUSED_FN void phase(F f) {
  each_thread<N>(f);
  barrier();
}

// --- elements ---

template <class E>
DUET_FUSED_FN E* at(void* p, i64 bytes = 0) {
  return reinterpret_cast<E*>(static_cast<char*>(p) + bytes);
}

/// W neighbouring elements.
template <class E, int W>
struct alignas(sizeof(E) * W < 16 ? sizeof(E) * W : 16) Pack {
  E v[W];
};
template <int W, class E>
DUET_FUSED_FN Pack<E, W> load(const E* p) {
  return *reinterpret_cast<const Pack<E, W>*>(p);
}
template <int W, class E>
DUET_FUSED_FN Pack<E, W> repeat(E e) {
  Pack<E, W> p;
  for (int w = 0; w < W; ++w) p.v[w] = e;
  return p;
}
template <int W, class E>
DUET_FUSED_FN void store(E* p, const Pack<E, W>& x) {
  *reinterpret_cast<Pack<E, W>*>(p) = x;
}

/// f(i) for this block's share of n, neighbours in neighbouring threads. A thread's elements follow each other: copies
/// of f would be compiled for nothing, as no load may pass a store.
template <class I, class F>
DUET_FUSED_FN void each_of(I n, i64 mine, i64 count, F f) {
  each_thread([&](int t) {
    DUET_ROLLED
    for (I i = static_cast<I>(mine * kThreads + t); i < n; i += static_cast<I>(count * kThreads)) f(i);
  });
}

}  // namespace fused
}  // namespace duet
