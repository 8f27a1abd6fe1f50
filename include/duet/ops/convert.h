// The conversion of one element to another type, of cast in every mode.
#pragma once

#include <limits>

#include "duet/core/dtype.h"
#include "duet/ops/math_half.h"

namespace duet {

template <class T>
inline constexpr bool kIsHalf = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

DUET_FN float to_float(Half h) { return math::from_f16<math::Scalar<float>>(math::ScalarBits(h.bits)).v; }
DUET_FN float to_float(BFloat16 h) { return math::from_bf16<math::Scalar<float>>(math::ScalarBits(h.bits)).v; }

/// v, or the number that a 16-bit float is.
template <class T>
DUET_FN auto readable(T v) {
  if constexpr (kIsHalf<T>)
    return to_float(v);
  else
    return v;
}

template <class To>
DUET_FN To to_half(float v) {
  const auto x = math::Scalar<float>::of(v);
  if constexpr (std::is_same_v<To, Half>)
    return Half{static_cast<uint16_t>(math::to_f16(x).v)};
  else
    return BFloat16{static_cast<uint16_t>(math::to_bf16(x).v)};
}

/// v as a float, but rounded to the neighbour whose last bit is odd: rounding that to 16 bits rounds v correctly, as
/// rounding twice to the nearest would not.
DUET_FN float round_to_odd(double v) {
  const float f = static_cast<float>(v);
  const double back = static_cast<double>(f);
  const auto bits = math::bit_cast<uint32_t>(f);
  if (back == v || v != v || (bits & 1u) != 0) return f;
  const bool below = back < 0 || (back == 0 && v < 0) ? back > v : back < v;  // nearer to 0 than v is
  const uint32_t sign = v < 0 ? 0x80000000u : 0u;                             // of a v that became 0 as well
  return math::bit_cast<float>((below ? bits + 1u : bits - 1u) | sign);
}
/// An integer of up to 64 bits: what a double has no room for leaves its trace in the last bit.
template <class From>
DUET_FN double sticky_double(From v) {
  using U = uint64_t;
  const bool negative = v < From(0);
  const U magnitude = negative ? U(0) - static_cast<U>(v) : static_cast<U>(v);
  if (magnitude < (U(1) << 53)) return static_cast<double>(v);
  const U kept = (magnitude >> 11) | ((magnitude & U(0x7ff)) != 0 ? U(1) : U(0));
  const double y = static_cast<double>(kept) * 2048.0;
  return negative ? -y : y;
}

// C++ leaves an out-of-range conversion undefined; here it saturates, and NaN gives 0.
template <class To, class From>
DUET_FN To convert(From v) {
  if constexpr (kIsHalf<From>) {
    if constexpr (std::is_same_v<To, From>)
      return v;
    else
      return convert<To>(to_float(v));
  } else if constexpr (kIsHalf<To>) {
    if constexpr (std::is_same_v<From, float>)
      return to_half<To>(v);
    else if constexpr (std::is_same_v<From, double>)
      return to_half<To>(round_to_odd(v));
    else if constexpr (sizeof(From) < 4)
      return to_half<To>(static_cast<float>(v));
    else
      return to_half<To>(round_to_odd(sticky_double(v)));
  } else if constexpr (std::is_same_v<To, bool>) {
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
