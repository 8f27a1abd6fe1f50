// What generated kernels are written in. It stands before each generated program and includes nothing for NVRTC, which
// has no headers of its own; compiled as C++ for the host the same kernels run in tests, a thread of a block after the
// other.
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
// KERNEL(name, Parameters) { … }: a block of it is kThreads threads, the parameters are `p`.
#define DUET_FUSED_KERNEL(name, P) extern "C" __global__ void __launch_bounds__(128) name(const __grid_constant__ P p)
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
#define DUET_FUSED_KERNEL(name, P)                                                                                 \
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

namespace duet {
namespace fused {

using i32 = int;
using i64 = long long;
using u8 = unsigned char;
using u32 = unsigned;
using u64 = unsigned long long;

constexpr int kThreads = 128, kWarp = 32, kLanes = 128, kColumnChunk = 32;
constexpr int kSum = 0, kMax = 1, kMin = 2, kProd = 3;

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
template <class F>
DUET_FUSED_FN void each_thread(F f) {
  f(static_cast<int>(threadIdx.x));
}
/// A value that each thread keeps.
template <class T>
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
template <class F>
DUET_FUSED_FN void each_thread(F f) {
  for (int t = 0; t < kThreads; ++t) f(t);
}
template <class T>
struct PerThread {
  T v[kThreads];
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

// --- numbers ---

// + - * of integers wrap around.
template <class I>
DUET_FUSED_FN I add(I a, I b) {
  return static_cast<I>(static_cast<u64>(a) + static_cast<u64>(b));
}
template <class I>
DUET_FUSED_FN I sub(I a, I b) {
  return static_cast<I>(static_cast<u64>(a) - static_cast<u64>(b));
}
template <class I>
DUET_FUSED_FN I mul(I a, I b) {
  return static_cast<I>(static_cast<u64>(a) * static_cast<u64>(b));
}
template <class I>
DUET_FUSED_FN I neg(I a) {
  return static_cast<I>(0 - static_cast<u64>(a));
}
DUET_FUSED_FN u32 mul_hi(u32 a, u32 b) { return static_cast<u32>((static_cast<u64>(a) * b) >> 32); }
DUET_FUSED_FN u32 sar(u32 a, int n) { return static_cast<u32>(static_cast<i32>(a) >> n); }

/// Casts: a float outside of an integer's range saturates, NaN gives 0.
template <class I, class F>
DUET_FUSED_FN I to_integer(F v, I low, I high) {
  if (!(v == v)) return I(0);
  if (v <= static_cast<F>(low)) return low;
  if (v >= static_cast<F>(high)) return high;
  return static_cast<I>(v);
}
template <class F>
DUET_FUSED_FN i32 to_i32(F v) {
  return to_integer<i32>(v, -2147483647 - 1, 2147483647);
}
template <class F>
DUET_FUSED_FN i64 to_i64(F v) {
  return to_integer<i64>(v, -9223372036854775807LL - 1, 9223372036854775807LL);
}
template <class F>
DUET_FUSED_FN u8 to_u8(F v) {
  return to_integer<u8>(v, 0, 255);
}

// 16-bit floats: the formulas of duet/ops/math_half.h and duet/ops/convert.h.
DUET_FUSED_FN float float_of(f16 h) {
  const u32 magnitude = (h.bits & 0x7fffu) << 13, sign = (h.bits & 0x8000u) << 16;
  const float shifted = bit<float>(magnitude), infinite = bit<float>(0x0f800000u);
  const u32 number = bit<u32>(shifted * bit<float>(0x77800000u));
  const u32 special = magnitude | (infinite < shifted ? 0x7fc00000u : 0x7f800000u);
  return bit<float>((infinite <= shifted ? special : number) | sign);
}
DUET_FUSED_FN float float_of(bf16 h) { return bit<float>(static_cast<u32>(h.bits) << 16); }
DUET_FUSED_FN f16 f16_of(float x) {
  const u32 all = bit<u32>(x), magnitude = all & 0x7fffffffu, sign = (all >> 16) & 0x8000u;
  const float a = bit<float>(magnitude);
  const u32 normal = (magnitude + 0xc8000fffu + ((magnitude >> 13) & 1u)) >> 13;
  const u32 small = bit<u32>(a + 0.5f) - 0x3f000000u;
  const u32 nan = ((magnitude >> 13) & 0x03ffu) | 0x7e00u;
  const u32 finite = a < 0x1p-14f ? small : a < 65536.0f ? normal : 0x7c00u;
  return {static_cast<unsigned short>((a == a ? finite : nan) | sign)};
}
DUET_FUSED_FN bf16 bf16_of(float x) {
  const u32 all = bit<u32>(x), high = all >> 16;
  return {static_cast<unsigned short>(x == x ? (all + 0x7fffu + (high & 1u)) >> 16 : high | 0x0040u)};
}
DUET_FUSED_FN float round_to_odd(double v) {
  const float f = static_cast<float>(v);
  const double back = static_cast<double>(f);
  const u32 bits = bit<u32>(f);
  if (back == v || v != v || (bits & 1u) != 0) return f;
  const bool below = back < 0 || (back == 0 && v < 0) ? back > v : back < v;
  return bit<float>((below ? bits + 1u : bits - 1u) | (v < 0 ? 0x80000000u : 0u));
}
DUET_FUSED_FN double sticky_double(i64 v) {
  const bool negative = v < 0;
  const u64 magnitude = negative ? 0 - static_cast<u64>(v) : static_cast<u64>(v);
  if (magnitude < (static_cast<u64>(1) << 53)) return static_cast<double>(v);
  const double y = static_cast<double>((magnitude >> 11) | ((magnitude & 0x7ffu) != 0 ? 1u : 0u)) * 2048.0;
  return negative ? -y : y;
}

// Words of 2/pi: comparisons, since a table that is indexed would lie in memory.
DUET_FUSED_FN u32 two_over_pi(u32 k) {
  return k == 0   ? 0u
         : k == 1 ? 0xa2f9836eu
         : k == 2 ? 0x4e441529u
         : k == 3 ? 0xfc2757d1u
         : k == 4 ? 0xf534ddc0u
         : k == 5 ? 0xdb629599u
         : k == 6 ? 0x3c439041u
                  : 0xfe5163abu;
}
// x = n·pi/2 + r for large x: reduce_pio2_exact of duet/ops/math_trig.h.
DUET_FUSED_FN float pio2_exact(u32 x, u32& n) {
  const u32 exponent = (x >> 23) & 0xffu;
  if (exponent == 0xffu) {
    n = 0;
    return bit<float>(0x7fc00000u);
  }
  const u64 m = (x & 0x7fffffu) | 0x800000u;
  const u32 start = exponent - 150u + 30u;
  const u32 word = start >> 5, shift = start & 31u;
  auto cut = [&](u32 k) {
    const u64 pair = (static_cast<u64>(two_over_pi(word + k)) << 32) | two_over_pi(word + k + 1);
    return static_cast<u32>(pair >> (32u - shift));
  };
  u64 p = ((m * cut(0)) << 32) + m * cut(1) + ((m * cut(2)) >> 32);
  const u64 quadrant = (p + (static_cast<u64>(1) << 61)) >> 62;
  p -= quadrant << 62;
  const double r = static_cast<double>(static_cast<i64>(p)) * 0x1.921fb54442d18p-62;
  const bool negative = (x >> 31) != 0;
  n = static_cast<u32>(negative ? 4u - quadrant : quadrant) & 3u;
  return static_cast<float>(negative ? -r : r);
}
DUET_FUSED_FN float pio2_rest(float x, float r, u32 n) {
  return x > 0x1p+17f || x < -0x1p+17f ? pio2_exact(bit<u32>(x), n) : r;
}
DUET_FUSED_FN u32 pio2_quadrant(float x, float, u32 n) {
  if (x > 0x1p+17f || x < -0x1p+17f) pio2_exact(bit<u32>(x), n);
  return n;
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

/// f(i) for the element of n that each thread has, where there are no fewer threads.
template <class I, class F>
DUET_FUSED_FN void one_each(I n, i64 mine, F f) {
  each_thread([&](int t) {
    const I i = static_cast<I>(mine * kThreads + t);
    if (i < n) f(i);
  });
}

// --- reductions, in the orders of lib/cpu/reduce.h ---

template <int Kind, class T>
DUET_FUSED_FN T combine(T a, T b) {
  if constexpr (Kind == kSum) return a + b;
  if constexpr (Kind == kProd) return a * b;
  if constexpr (Kind == kMax) return a > b || a != a ? a : b;
  if constexpr (Kind == kMin) return a < b || a != a ? a : b;
}
template <int Kind, class T>
DUET_FUSED_FN T identity() {
  const T infinity = static_cast<T>(bit<float>(0x7f800000u));
  return Kind == kSum ? T(-0.0) : Kind == kProd ? T(1) : Kind == kMax ? -infinity : infinity;
}

/// A thread's lanes: of a row that a warp reduces 4 of the 128, of one that a block reduces its own in up to 4 chunks.
template <class T>
struct Lanes {
  T v[4];
};

/// A thread's elements of a row.
template <class T, int N>
struct Registers {
  T v[N];
};

template <int Kind, class T>
DUET_FUSED_FN void clear(Lanes<T>& a) {
  for (int w = 0; w < 4; ++w) a.v[w] = identity<Kind, T>();
}

/// v[0] becomes the reduction of the warp's 128 lanes, lane 32w + t in v[w] of thread t.
template <int Kind, class T>
DUET_FUSED_FN void reduce_warps(PerThread<Lanes<T>>& a) {
#if defined(__CUDACC__)
  T x = combine<Kind>(combine<Kind>(a.v.v[0], a.v.v[2]), combine<Kind>(a.v.v[1], a.v.v[3]));
  DUET_UNROLL
  for (int s = 16; s > 0; s /= 2) x = combine<Kind>(x, __shfl_down_sync(0xffffffffu, x, s));
  a.v.v[0] = __shfl_sync(0xffffffffu, x, 0);
#else
  for (int first = 0; first < kThreads; first += kWarp) {
    T lane[kLanes];
    for (int l = 0; l < kLanes; ++l) lane[l] = a[first + l % kWarp].v[l / kWarp];
    for (int s = kLanes / 2; s > 0; s /= 2)
      for (int l = 0; l < s; ++l) lane[l] = combine<Kind>(lane[l], lane[l + s]);
    for (int t = 0; t < kWarp; ++t) a[first + t].v[0] = lane[0];
  }
#endif
}

/// v[0] of each thread becomes the reduction of a row in `Chunks` chunks, whose lane t is thread t's v[chunk].
template <int Kind, int Chunks, class T>
DUET_FUSED_FN void reduce_block(PerThread<Lanes<T>>& a, T* shared) {
  T y[4];
  for (int c = 0; c < Chunks; ++c) {
    barrier();
    each_thread([&](int t) { shared[t] = a[t].v[c]; });
    barrier();
#if defined(__CUDACC__)
    if (threadIdx.x < kWarp) {
      const T* l = shared + threadIdx.x;
      T x = combine<Kind>(combine<Kind>(l[0], l[64]), combine<Kind>(l[32], l[96]));
      DUET_UNROLL
      for (int s = 16; s > 0; s /= 2) x = combine<Kind>(x, __shfl_down_sync(0xffffffffu, x, s));
      if (threadIdx.x == 0) shared[0] = x;
    }
#else
    for (int s = kLanes / 2; s > 0; s /= 2)
      for (int l = 0; l < s; ++l) shared[l] = combine<Kind>(shared[l], shared[l + s]);
#endif
    barrier();
    y[c] = shared[0];
  }
  // The chunks' results are a row of up to 4 lanes; the other lanes' identities change nothing.
  T all = y[0];
  if constexpr (Chunks == 2) all = combine<Kind>(y[0], y[1]);
  if constexpr (Chunks == 3) all = combine<Kind>(combine<Kind>(y[0], y[2]), y[1]);
  if constexpr (Chunks == 4) all = combine<Kind>(combine<Kind>(y[0], y[2]), combine<Kind>(y[1], y[3]));
  each_thread([&](int t) { a[t].v[0] = all; });
}

/// y = the reduction of n <= 4096 elements x, by one block.
template <int Kind, class T>
DUET_FUSED_FN void reduce_row(const T* x, i64 n, T* y, T* shared) {
  PerThread<Lanes<T>> a;
  each_thread([&](int t) {
    clear<Kind>(a[t]);
    DUET_ROLLED
    for (i64 j = t; j < n; j += kThreads) a[t].v[0] = combine<Kind>(a[t].v[0], x[j]);
  });
  reduce_block<Kind, 1>(a, shared);
  each_thread([&](int t) {
    if (t == 0) *y = a[t].v[0];
  });
}

/// Of chunk results x[chunk * step * n + i] up to `Most`, the group's, joined: neighbours in pairs, an odd last one
/// carried over. `count` is how many there are in all.
template <int Kind, int Most, class T>
DUET_FUSED_FN T join_chunks(const T* x, i64 n, i64 count, i64 step, i64 group, i64 i) {
  T v[Most];
  const i64 left = count - group * kColumnChunk;
  const int m = left < Most ? static_cast<int>(left) : Most;
  const T* first = x + group * kColumnChunk * step * n + i;
  DUET_UNROLL
  for (int k = 0; k < Most; ++k)
    if (k < m) v[k] = first[k * step * n];
  DUET_UNROLL
  for (int s = 1; s < Most; s *= 2) DUET_UNROLL
  for (int k = 0; k + s < Most; k += 2 * s)
    if (k + s < m) v[k] = combine<Kind>(v[k], v[k + s]);
  return v[0];
}

}  // namespace fused
}  // namespace duet
