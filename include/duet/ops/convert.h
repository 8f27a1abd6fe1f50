// The conversion of one element to another type, of cast in every mode.
#pragma once

#include <limits>

#include "duet/ops/scalar.h"

namespace duet {

// C++ leaves an out-of-range conversion undefined; here it saturates, and NaN gives 0.
template <class To, class From>
DUET_FN To convert(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr auto kLow = std::numeric_limits<To>::min();
    constexpr auto kHigh = std::numeric_limits<To>::max();
    if (!(v == v)) return To(0);
    if (v <= static_cast<From>(kLow)) return kLow;
    if (v >= static_cast<From>(kHigh)) return kHigh;
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace duet
