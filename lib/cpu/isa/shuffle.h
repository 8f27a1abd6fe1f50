#pragma once

// Exchanges of lanes between registers, for any register width.

#include <utility>

#include "cpu/packet.h"

namespace duet::cpu::DUET_ISA {

/// Lane l is a[l] where bit kBit of l is clear, else b[l - kBit].
template <int kBit, class P, int... kLane>
inline __attribute__((always_inline)) P weave_low(P a, P b, std::integer_sequence<int, kLane...>) {
  return P::of(__builtin_shufflevector(a.v, b.v, ((kLane & kBit) == 0 ? kLane : P::kLanes + kLane - kBit)...));
}

/// Lane l is a[l + kBit] where bit kBit of l is clear, else b[l].
template <int kBit, class P, int... kLane>
inline __attribute__((always_inline)) P weave_high(P a, P b, std::integer_sequence<int, kLane...>) {
  return P::of(__builtin_shufflevector(a.v, b.v, ((kLane & kBit) == 0 ? kLane + kBit : P::kLanes + kLane)...));
}

/// rows[i] lane j becomes rows[j] lane i.
template <int kBit, class P>
inline __attribute__((always_inline)) void transpose(P (&rows)[P::kLanes]) {
  constexpr std::make_integer_sequence<int, P::kLanes> lanes;
#pragma GCC unroll 16
  for (int i = 0; i < P::kLanes; ++i) {
    if ((i & kBit) != 0) continue;
    const P low = weave_low<kBit>(rows[i], rows[i + kBit], lanes);
    rows[i + kBit] = weave_high<kBit>(rows[i], rows[i + kBit], lanes);
    rows[i] = low;
  }
  if constexpr (kBit > 1) transpose<kBit / 2>(rows);
}
template <class P>
inline __attribute__((always_inline)) void transpose(P (&rows)[P::kLanes]) {
  transpose<P::kLanes / 2>(rows);
}

/// Lane i of the result is the halving tree of rows[i]: lane l takes in lane l + s for s = kLanes/2 ... 1.
template <class Op, int kBit, class P>
inline __attribute__((always_inline)) P fold_rows(P (&rows)[P::kLanes]) {
  constexpr std::make_integer_sequence<int, P::kLanes> lanes;
#pragma GCC unroll 16
  for (int i = 0; i < kBit; ++i) {
    rows[i] =
        Op::combine(weave_low<kBit>(rows[i], rows[i + kBit], lanes), weave_high<kBit>(rows[i], rows[i + kBit], lanes));
  }
  if constexpr (kBit > 1) {
    return fold_rows<Op, kBit / 2>(rows);
  } else {
    return rows[0];
  }
}

/// The halving tree of one register, in lane 0.
template <class Op, int kBit, class P>
inline __attribute__((always_inline)) P fold_lanes(P x) {
  constexpr std::make_integer_sequence<int, P::kLanes> lanes;
  x = Op::combine(weave_low<kBit>(x, x, lanes), weave_high<kBit>(x, x, lanes));
  if constexpr (kBit > 1) {
    return fold_lanes<Op, kBit / 2>(x);
  } else {
    return x;
  }
}

}  // namespace duet::cpu::DUET_ISA
