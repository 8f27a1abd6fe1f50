// The 16-bit floats written out plainly, from their definition: what casts are compared with.
#pragma once

#include <cmath>
#include <cstdint>

#include "duet/core/dtype.h"

namespace duet::testing {

struct HalfFormat {
  int mantissa, low, high;  // bits, and exponents of the smallest and the largest normal numbers
};
inline HalfFormat format_of(DType t) { return t == f16 ? HalfFormat{10, -14, 15} : HalfFormat{7, -126, 127}; }

/// v rounded to the nearest number that the type has, ties to even; infinite beyond its largest.
inline double rounded_to(double v, DType t) {
  if (!std::isfinite(v) || v == 0) return v;
  const HalfFormat f = format_of(t);
  const int unit = std::max(std::ilogb(v), f.low) - f.mantissa;
  const double y = std::ldexp(std::nearbyint(std::ldexp(v, -unit)), unit);
  return std::abs(y) >= std::ldexp(1.0, f.high + 1) ? std::copysign(INFINITY, v) : y;
}

/// The number that 16 bits are.
inline double number_of(uint16_t bits, DType t) {
  const HalfFormat f = format_of(t);
  const int fraction = bits & ((1 << f.mantissa) - 1);
  const int exponent = (bits & 0x7fff) >> f.mantissa, most = 2 * f.high + 1;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == most) return fraction != 0 ? std::copysign(NAN, sign) : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, f.low - f.mantissa);
  return sign * std::ldexp((1 << f.mantissa) + fraction, exponent - f.high - f.mantissa);
}

/// The bits of a number that the type has; of NaN the quiet one without a payload.
inline uint16_t bits_of(double v, DType t) {
  const HalfFormat f = format_of(t);
  const int sign = std::signbit(v) ? 0x8000 : 0;
  const int infinite = (2 * f.high + 1) << f.mantissa;
  if (std::isnan(v)) return static_cast<uint16_t>(sign | infinite | (1 << (f.mantissa - 1)));
  if (std::isinf(v)) return static_cast<uint16_t>(sign | infinite);
  if (v == 0) return static_cast<uint16_t>(sign);
  const int e = std::max(std::ilogb(v), f.low);
  const int units = static_cast<int>(std::ldexp(std::abs(v), f.mantissa - e));  // 2^mantissa and more, or subnormal
  return static_cast<uint16_t>(sign | (((e + f.high - 1) << f.mantissa) + units));
}

}  // namespace duet::testing
