#pragma once
// What the tests of the kernel language share.

#include <cstdint>
#include <limits>
#include <vector>

#include "math_probe.h"

namespace duet::probe {

using math::bit_cast;
using math::Lane;
using math::Scalar;
using math::ScalarBits;
using S32 = Scalar<float>;
using S64 = Scalar<double>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline std::vector<const Probe*> probes() {
  const Probe* found[4];
  return {found, found + available(found)};
}

inline std::uint32_t word(float x) { return bit_cast<std::uint32_t>(x); }
inline std::uint64_t word(double x) { return bit_cast<std::uint64_t>(x); }

/// Equality of the bit contract: NaN is a class.
template <class S>
bool same_bits(S a, S b) {
  return (a != a && b != b) || word(a) == word(b);
}

template <class S>
std::vector<S> special_values() {
  using L = std::numeric_limits<S>;
  std::vector<S> values = {S(0),          S(1),           S(2),        S(0.5),          S(3),
                           S(1.5),        S(100),         L::min(),    L::denorm_min(), L::max(),
                           L::infinity(), L::quiet_NaN(), L::epsilon()};
  const std::size_t n = values.size();
  for (std::size_t i = 0; i < n; ++i) values.push_back(-values[i]);
  return values;
}

inline std::vector<std::uint32_t> random_words(std::size_t n, std::uint32_t seed) {
  std::vector<std::uint32_t> words(n);
  for (std::uint32_t& w : words) {
    seed = seed * 1664525u + 1013904223u;
    w = seed ^ (seed >> 15);
  }
  return words;
}

}  // namespace duet::probe
