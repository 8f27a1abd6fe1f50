// What kernels are written in: CUDA's C++ and, for tests on any machine, plain C++. A kernel is the work of one block:
// phases that each thread of it goes through, with a barrier behind each. The host runs a phase thread by thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <iterator>

#include "duet/ops/op.h"
#include "kernels/call.h"
#include "kernels/names.h"

#if defined(__CUDACC__)
#define DUET_KERNEL __global__ void
#define DUET_DEVICE __device__ __forceinline__
#define DUET_SHARED __shared__
#else
#define DUET_KERNEL static void
#define DUET_DEVICE inline
#define DUET_SHARED
#define __restrict__ __restrict
#endif

namespace duet::kernel {

inline constexpr int kThreads = 256;

#if defined(__CUDACC__)

__device__ __forceinline__ int64_t block() { return blockIdx.x; }
__device__ __forceinline__ int64_t blocks() { return gridDim.x; }
template <int N = kThreads, class F>
__device__ __forceinline__ void phase(F f) {
  f(static_cast<int>(threadIdx.x));
  __syncthreads();
}
/// A value that each thread keeps from phase to phase.
template <class T, int N = kThreads>
struct PerThread {
  T v;
  __device__ __forceinline__ T& operator[](int) { return v; }
  /// The first thread of each warp gets the values of its 32 threads, halved in a tree: 16 and 16, 8 and 8, …
  template <class Join>
  __device__ __forceinline__ void halve_warps(Join join) {
#pragma unroll
    for (int s = 16; s > 0; s /= 2) v = join(v, __shfl_down_sync(0xffffffffu, v, s));
  }
};

#else

struct Grid {
  int64_t block, blocks;
};
inline thread_local Grid grid;
inline int64_t block() { return grid.block; }
inline int64_t blocks() { return grid.blocks; }
template <int N = kThreads, class F>
inline void phase(F f) {
  for (int t = 0; t < N; ++t) f(t);
}
template <class T, int N = kThreads>
struct PerThread {
  T v[N];
  T& operator[](int t) { return v[t]; }
  template <class Join>
  void halve_warps(Join join) {
    for (int s = 16; s > 0; s /= 2)
      for (int t = 0; t < N; ++t)
        if (t % 32 < s) v[t] = join(v[t], v[t + s]);
  }
};

#endif

/// f(i) for this block's share of n elements, neighbours in neighbouring threads.
template <class F>
DUET_DEVICE void each_element(int64_t n, F f) {
  phase([&](int t) {
    for (int64_t i = block() * kThreads + t; i < n; i += blocks() * kThreads) f(i);
  });
}

// --- elements ---

template <int Type>
struct ElementOf;
template <>
struct ElementOf<kF32> {
  using type = float;
};
template <>
struct ElementOf<kF64> {
  using type = double;
};
template <>
struct ElementOf<kI32> {
  using type = int32_t;
};
template <>
struct ElementOf<kI64> {
  using type = int64_t;
};
template <>
struct ElementOf<kU8> {
  using type = uint8_t;
};
template <>
struct ElementOf<kBool> {
  using type = uint8_t;
};
template <>
struct ElementOf<kF16> {
  using type = Half;
};
template <>
struct ElementOf<kBF16> {
  using type = BFloat16;
};
template <int Type>
using Element = typename ElementOf<Type>::type;

/// The number type of the kernel language that computes an element type.
template <int Type>
using NumberOf = std::conditional_t<(Type <= kF64), math::Scalar<std::conditional_t<Type == kF64, double, float>>,
                                    math::Lane<std::conditional_t<(Type <= kF64), int32_t, Element<Type>>>>;

template <class Index>
DUET_DEVICE int64_t offset_of(const Operand& x, Index i) {
  int64_t at = 0;
#pragma unroll 1
  for (int a = x.axes - 1; a > 0; --a) {
    const Index extent = static_cast<Index>(x.extent[a]), next = i / extent;
    at += static_cast<int64_t>(i - next * extent) * x.stride[a];
    i = next;
  }
  return at + static_cast<int64_t>(i) * x.stride[0];
}

/// Divisions of 32 bits where the position allows it.
DUET_DEVICE int64_t offset_at(const Operand& x, int64_t i) {
  return i <= 0x7fffffff ? offset_of(x, static_cast<uint32_t>(i)) : offset_of(x, static_cast<uint64_t>(i));
}

/// Element i of an operand, in row-major order of the space.
template <class E>
DUET_DEVICE E at(const Operand& x, int64_t i) {
  switch (x.kind) {
    case Operand::dense:
      return static_cast<const E*>(x.data)[i];
    case Operand::single:
      return *static_cast<const E*>(x.data);
    case Operand::number: {
      E e;
      memcpy(&e, &x.bits, sizeof(E));
      return e;
    }
    case Operand::strided:
    case Operand::grouped:
      break;
  }
  return static_cast<const E*>(x.data)[offset_at(x, i)];
}

template <class E, int W>
struct alignas(sizeof(E) * W < 16 ? sizeof(E) * W : 16) Pack {
  E v[W];
};
/// Elements group * W to group * W + W - 1 of an operand: one load where they are dense or `grouped`, which means that
/// groups of four lie side by side, aligned, or are one element.
template <class E, int W>
DUET_DEVICE Pack<E, W> pack_of(const Operand& x, int64_t group) {
  const E* data = static_cast<const E*>(x.data);
  if (x.kind == Operand::dense) return reinterpret_cast<const Pack<E, W>*>(data)[group];
  Pack<E, W> p;
  if (x.kind == Operand::strided) {
#pragma unroll
    for (int w = 0; w < W; ++w) p.v[w] = data[offset_at(x, group * W + w)];
    return p;
  }
  E e;
  if (x.kind == Operand::grouped) {
    data += offset_at(x, group * W);
    if (x.stride[x.axes - 1] == 1) return *reinterpret_cast<const Pack<E, W>*>(data);
    e = *data;
  } else {
    e = at<E>(x, 0);
  }
#pragma unroll
  for (int w = 0; w < W; ++w) p.v[w] = e;
  return p;
}

/// Where element i of a result in any layout lies.
template <class E>
DUET_DEVICE E& place(const Operand& y, int64_t i) {
  E* data = static_cast<E*>(const_cast<void*>(y.data));
  return y.kind == Operand::dense ? data[i] : y.kind == Operand::single ? *data : data[offset_at(y, i)];
}

// --- entry points ---

// DUET_KEEP(kernel, Call, function, arguments…): makes the instance, and on the host tells the fake driver its name.
#if defined(__CUDACC__)
template <class Call>
void keep(void (*kernel)(Call)) {
  static void* volatile last;
  last = reinterpret_cast<void*>(kernel);
}
#define DUET_KEEP(kernel, Call, function, ...) keep<Call>(function<__VA_ARGS__>)
#else
using HostKernel = void (*)(const void* call);
/// What the fake driver of tests looks kernels up in.
void keep_on_host(const Name& name, HostKernel run);
#define DUET_KEEP(kernel, Call, function, ...)                                                      \
  do {                                                                                              \
    constexpr int kArguments[] = {__VA_ARGS__};                                                     \
    keep_on_host(name_of(kernel, kArguments, std::size(kArguments)),                                \
                 [](const void* call) { function<__VA_ARGS__>(*static_cast<const Call*>(call)); }); \
  } while (false)
#endif

}  // namespace duet::kernel
