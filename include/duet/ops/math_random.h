#pragma once
// Counter-based random numbers: the same bits on every path, whatever the number of lanes or threads.

#include <duet/ops/math_exp.h>
#include <duet/ops/math_trig.h>

namespace duet::math {

/// Four random words a lane.
template <class B>
struct PhiloxWords {
  B v[4];
};

/// Philox 4x32-10 (Salmon et al., SC'11): counter c0…c3, key k0 k1.
template <class B>
DUET_FN PhiloxWords<B> philox(B c0, B c1, B c2, B c3, B k0, B k1) {
  for (int round = 0; round < 10; ++round) {
    const B m0(0xd2511f53u), m1(0xcd9e8d57u);
    const B low0 = mul_lo(m0, c0), low1 = mul_lo(m1, c2);
    const B next0 = mul_hi(m1, c2) ^ c1 ^ k0;
    c2 = mul_hi(m0, c0) ^ c3 ^ k1;
    c0 = next0;
    c1 = low1;
    c3 = low0;
    k0 = k0 + B(0x9e3779b9u);
    k1 = k1 + B(0xbb67ae85u);
  }
  return {{c0, c1, c2, c3}};
}

/// Uniform in [0, 1): the word's upper 24 bits times 2^-24, exactly.
template <class T>
DUET_FN T uniform_from_bits(const typename T::Bits& word) {
  using B = typename T::Bits;
  const T upper = T::from_bits((word >> 9) | B(0x3f800000u)) - T(1);
  const T last = T::from_bits((B(0u) - ((word >> 8) & B(1u))) & B(0x33800000u));
  return upper + last;
}

/// Two independent standard normal numbers from two words (Box and Muller). |result| <= 5.8: u has 24 bits.
template <class T>
DUET_FN void normal_pair(const typename T::Bits& word0, const typename T::Bits& word1, T& normal0, T& normal1) {
  const T u = uniform_from_bits<T>(word0) + T(0x1p-24);  // in (0, 1], exactly
  const T radius = sqrt(T(-2) * log(u));
  const T angle = T(0x1.921fb6p+2) * uniform_from_bits<T>(word1);
  normal0 = radius * cos(angle);
  normal1 = radius * sin(angle);
}

}  // namespace duet::math
