// Scans: plain loops over neighbouring chains, which the compiler puts side by side in registers. See cpu/scan.h.

#include "cpu/scan.h"

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

/// One element of each of kCount chains, which lie `lane` apart. Reads all before it writes: y may be x or a.
template <class Op, bool kFirst, int kCount, class T, class Lane>
inline __attribute__((always_inline)) void step(const T* x, const T* a, T* y, Lane lane, State<T>* state) {
  using S = State<T>;
  S in[kCount], factor[kCount] = {};
  for (int k = 0; k < kCount; ++k) in[k] = static_cast<S>(x[k * lane]);
  if constexpr (Op::kReadsA && !kFirst)
    for (int k = 0; k < kCount; ++k) factor[k] = static_cast<S>(a[k * lane]);
  S now[kCount];
  for (int k = 0; k < kCount; ++k) now[k] = kFirst ? in[k] : Op::next(state[k], in[k], factor[k]);
  for (int k = 0; k < kCount; ++k) y[k * lane] = static_cast<T>(!Op::kExclusive ? now[k] : kFirst ? S(1) : state[k]);
  for (int k = 0; k < kCount; ++k) state[k] = now[k];
}

/// One element of each of `count` chains side by side.
template <class Op, bool kFirst, class T>
void steps(const T* x, const T* a, T* y, int64_t count, State<T>* state) {
  constexpr std::integral_constant<int64_t, 1> neighbours;
  int64_t i = 0;
  for (; i + kSide <= count; i += kSide) step<Op, kFirst, kSide>(x + i, a + i, y + i, neighbours, state + i);
  for (; i < count; ++i) step<Op, kFirst, 1>(x + i, a + i, y + i, neighbours, state + i);
}

template <class Op, int kCount, class T>
void rows(const T* x, const T* a, T* y, int64_t n, bool reverse) {
  State<T> state[kCount];
  int64_t at = reverse ? n - 1 : 0;
  step<Op, true, kCount>(x + at, a + at, y + at, n, state);
  for (int64_t j = 1; j < n; ++j) {
    at += reverse ? -1 : 1;
    step<Op, false, kCount>(x + at, a + at, y + at, n, state);
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
