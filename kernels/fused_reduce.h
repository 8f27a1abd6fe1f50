// Reductions of generated kernels, in the orders of lib/cpu/reduce.h.
#pragma once

namespace duet {
namespace fused {

constexpr int kLanes = 128, kColumnChunk = 32;
constexpr int kSum = 0, kMax = 1, kMin = 2, kProd = 3;

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
