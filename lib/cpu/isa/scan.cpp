// Scans: plain loops over neighbouring chains, which the compiler puts side by side in registers. See cpu/scan.h.

#include "cpu/scan.h"

#include <cstddef>
#include <type_traits>

namespace duet::cpu::DUET_ISA {
namespace {

// What a chain carries along: unsigned integers wrap around.
template <class T>
using State = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

struct Sum {
  static constexpr bool kExclusive = false, kReadsA = false;
  template <class S>
  static S next(S s, S x, S) {
    return s + x;
  }
};
struct ExclusiveProduct {
  static constexpr bool kExclusive = true, kReadsA = false;
  template <class S>
  static S next(S s, S x, S) {
    return s * x;
  }
};
struct Recurrence {
  static constexpr bool kExclusive = false, kReadsA = true;
  template <class S>
  static S next(S s, S x, S a) {
    return a * s + x;
  }
};

constexpr int kSide = 16;        // chains in registers at once
constexpr int64_t kLanes = 256;  // neighbouring chains, whose states stay in the nearest cache
constexpr int kRows = 8;         // rows at once: as many chains as hide the latency of one
constexpr int64_t kBlock = 64;   // elements of a row

/// One element of each of kCount chains, which lie `lane` apart. Reads all before it writes: y may be x or a.
template <class Op, bool kFirst, int kCount, class T, class Lane>
inline __attribute__((always_inline)) void step(const T* x, const T* a, T* y, Lane lane, State<T>* state) {
  using S = State<T>;
  S now[kCount], out[kCount];
#pragma GCC unroll 16
  for (int k = 0; k < kCount; ++k) {
    const S in = static_cast<S>(x[k * lane]);
    now[k] = kFirst ? in : Op::next(state[k], in, Op::kReadsA && !kFirst ? static_cast<S>(a[k * lane]) : S(0));
    out[k] = !Op::kExclusive ? now[k] : kFirst ? S(1) : state[k];
  }
#pragma GCC unroll 16
  for (int k = 0; k < kCount; ++k) {
    y[k * lane] = static_cast<T>(out[k]);
    state[k] = now[k];
  }
}

/// One element of each of `count` chains side by side.
template <class Op, bool kFirst, class T>
void steps(const T* x, const T* a, T* y, int64_t count, State<T>* state) {
  constexpr std::integral_constant<int64_t, 1> neighbours;
  int64_t i = 0;
  for (; i + kSide <= count; i += kSide) step<Op, kFirst, kSide>(x + i, a + i, y + i, neighbours, state + i);
  for (; i < count; ++i) step<Op, kFirst, 1>(x + i, a + i, y + i, neighbours, state + i);
}

/// kCount whole rows side by side, a block of elements at a time: rows that lie a power of two apart would push each
/// other out of the cache if they were gone through one element at a time.
template <class Op, int kCount, class T>
void rows(const T* x, const T* a, T* y, int64_t n, bool reverse) {
  constexpr std::integral_constant<int64_t, kBlock> apart;
  State<T> state[kCount];
  for (int64_t done = 0; done < n; done += kBlock) {
    const int64_t length = n - done < kBlock ? n - done : kBlock;
    const int64_t begin = reverse ? n - done - length : done;
    T in[kCount][kBlock], factors[kCount][kBlock], out[kCount][kBlock];
    for (int r = 0; r < kCount; ++r) {
      __builtin_memcpy(in[r], x + r * n + begin, static_cast<std::size_t>(length) * sizeof(T));
      if (Op::kReadsA) __builtin_memcpy(factors[r], a + r * n + begin, static_cast<std::size_t>(length) * sizeof(T));
    }
    int64_t at = reverse ? length - 1 : 0, j = 0;
    const int64_t by = reverse ? -1 : 1;
    if (done == 0) {
      step<Op, true, kCount>(in[0] + at, factors[0] + at, out[0] + at, apart, state);
      at += by, j = 1;
    }
    for (; j < length; ++j, at += by) step<Op, false, kCount>(in[0] + at, factors[0] + at, out[0] + at, apart, state);
    for (int r = 0; r < kCount; ++r)
      __builtin_memcpy(y + r * n + begin, out[r], static_cast<std::size_t>(length) * sizeof(T));
  }
}

template <class Op, class T>
void scan_with(const Scan<T>& s) {
  const T* factors = Op::kReadsA ? s.a : s.x;  // never read, but an address in bounds
  if (s.inner == 1) {
    int64_t r = s.begin;
    for (; r + kRows <= s.end; r += kRows)
      rows<Op, kRows>(s.x + r * s.n, factors + r * s.n, s.y + r * s.n, s.n, s.reverse);
    for (; r < s.end; ++r) rows<Op, 1>(s.x + r * s.n, factors + r * s.n, s.y + r * s.n, s.n, s.reverse);
    return;
  }
  State<T> state[kLanes];
  for (int64_t c = s.begin; c < s.end;) {
    const int64_t outer = c / s.inner, i = c % s.inner;
    int64_t count = s.inner - i < kLanes ? s.inner - i : kLanes;
    if (count > s.end - c) count = s.end - c;
    const int64_t first = outer * s.n * s.inner + i;
    for (int64_t j = 0; j < s.n; ++j) {
      const int64_t at = first + (s.reverse ? s.n - 1 - j : j) * s.inner;
      j == 0 ? steps<Op, true>(s.x + at, factors + at, s.y + at, count, state)
             : steps<Op, false>(s.x + at, factors + at, s.y + at, count, state);
    }
    c += count;
  }
}

template <class T>
void scan_floats(const Scan<T>& s) {
  if (s.n == 0) return;
  switch (s.kind) {
    case ScanKind::sum:
      return scan_with<Sum>(s);
    case ScanKind::exclusive_product:
      return scan_with<ExclusiveProduct>(s);
    case ScanKind::recurrence:
      return scan_with<Recurrence>(s);
  }
}

}  // namespace

void scan(const Scan<float>& s) { scan_floats(s); }
void scan(const Scan<double>& s) { scan_floats(s); }
void scan(const Scan<int64_t>& s) {
  if (s.n > 0) scan_with<Sum>(s);
}

}  // namespace duet::cpu::DUET_ISA
