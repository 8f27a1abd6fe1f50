#pragma once
// References in double for the f32 formulas, and the distance to them.

#include <cmath>
#include <cstdint>
#include <limits>

#include "math_probe.h"

namespace duet::probe {

/// The true value to about 2^-50 relative.
inline double reference(Fn fn, double x) {
  switch (fn) {
    case Fn::k_exp:
      return std::exp(x);
    case Fn::k_expm1:
      return std::expm1(x);
    case Fn::k_log:
      return std::log(x);
    case Fn::k_log1p:
      return std::log1p(x);
    case Fn::k_tanh:
      return std::tanh(x);
    case Fn::k_sigmoid:
      return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
    case Fn::k_erf:
      return std::erf(x);
    case Fn::k_sin:
      return std::sin(x);
    case Fn::k_cos:
      return std::cos(x);
    case Fn::k_gelu_tanh: {
      if (x < -1e3) return -0.0;
      const double w = 2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x);
      return x > 1e3 ? x : x / (1 + std::exp(-w));
    }
    case Fn::k_gelu_erf:
      return x < -1e3 ? -0.0 : 0.5 * x * std::erfc(-x * 0.70710678118654752440);
    case Fn::k_rsqrt:
      return 1 / std::sqrt(x);
    case Fn::k_reciprocal:
      return 1 / x;
    case Fn::k_square:
      return x * x;
    case Fn::k_abs:
      return std::fabs(x);
    case Fn::k_relu:
      return x < 0 ? 0 : x;
    case Fn::k_sqrt:
      return std::sqrt(x);
    case Fn::k_sign:
      return x > 0 ? 1 : x < 0 ? -1 : x;
    case Fn::k_floor:
      return std::floor(x);
    case Fn::k_ceil:
      return std::ceil(x);
    case Fn::k_round:
      return std::nearbyint(x);
    case Fn::k_silu:
      return x < -800 ? -0.0 : x < 0 ? x * std::exp(x) / (1 + std::exp(x)) : x / (1 + std::exp(-x));
    case Fn::k_softplus:
      if (std::fabs(x) > 128) return x < 0 ? 0 : x;  // what is left out is below 2^-184
      return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x)));
    case Fn::kCount:
      break;
  }
  return x;
}

/// |y - ref| in units of the last place of ref's binade (denormals: 2^-149); an infinite y counts as ±2^128. A wrong
/// NaN, a wrong infinity at an infinite ref and a wrong sign of zero are infinitely far.
inline double ulp_error(float y, double ref) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (ref != ref || y != y) return (ref != ref) == (y != y) ? 0 : kWrong;
  if (y == 0 && std::signbit(y) != std::signbit(ref)) return kWrong;
  const double magnitude = std::fabs(ref);
  if (std::isinf(ref) || (std::isinf(y) && magnitude >= 0x1p128)) {
    return std::isinf(y) && std::signbit(y) == std::signbit(ref) ? 0 : kWrong;
  }
  const double value = std::isinf(y) ? std::copysign(0x1p128, y) : static_cast<double>(y);
  const std::uint64_t bits = math::bit_cast<std::uint64_t>(magnitude);
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  const int last_place = (exponent > 127 ? 127 : exponent < -126 ? -126 : exponent) - 23;
  const double unit = math::bit_cast<double>(static_cast<std::uint64_t>(last_place + 1023) << 52);
  return std::fabs(value - ref) / unit;
}

}  // namespace duet::probe
