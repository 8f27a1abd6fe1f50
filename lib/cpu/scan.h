#pragma once

// Scans on the CPU: chains along the middle axis of dense [outer, n, inner]. Their order is part of the bit contract:
//
//   one chain an (outer, inner), from the first element to the last, or from the last to the first (reverse), whatever
//   lies beside it. The state of a chain of floats is an f64, which starts as the first element, takes in one element
//   after the other, rounding each time, and is never rounded to f32 itself: only what is written is.
//
//   sum                s = s + x               y = s
//   exclusive_product  s = s * x               y = s before that; the first y is 1
//   recurrence         s = a * s + x           y = s; a's first element is not read
//
// So an f32 result is off by half a unit in its last place, and by n·2^-53 of the sum of magnitudes; an f64 one by the
// latter alone. Integers are i64 and wrap around.

#include <cstdint>

namespace duet::cpu {

enum class ScanKind : uint8_t { sum, exclusive_product, recurrence };

/// Chains [begin, end) of the outer·inner ones.
template <class T>
struct Scan {
  ScanKind kind;
  bool reverse;
  const T* x;
  const T* a;  // of a recurrence
  T* y;        // may be x or a
  int64_t n, inner;
  int64_t begin, end;
};

#define DUET_DECLARE_SCANS(isa)      \
  namespace isa {                    \
  void scan(const Scan<float>& s);   \
  void scan(const Scan<double>& s);  \
  void scan(const Scan<int64_t>& s); \
  }

DUET_DECLARE_SCANS(base)
DUET_DECLARE_SCANS(v3)
DUET_DECLARE_SCANS(v4)

#undef DUET_DECLARE_SCANS

}  // namespace duet::cpu
