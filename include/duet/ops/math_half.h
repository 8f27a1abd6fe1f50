#pragma once
// 16-bit floats to f32 and back, rounded to nearest even, in the kernel language: bits are the low half of a 32-bit
// lane. Every one of 65,536 patterns is exact in f32. NaN stays NaN, with its sign and upper bits, and is made quiet.

#include <duet/ops/scalar.h>

namespace duet::math {

/// binary16 to f32. The exponent is corrected by a multiplication, which makes subnormals normal.
template <class T>
DUET_FN T from_f16(const typename T::Bits& h) {
  using B = typename T::Bits;
  const B magnitude = (h & B(0x7fffu)) << 13, sign = (h & B(0x8000u)) << 16;
  const T shifted = T::from_bits(magnitude), infinite = T::from_bits(B(0x0f800000u));
  const B number = bits(shifted * T::from_bits(B(0x77800000u)));  // 2^112
  const B special = magnitude | select(infinite < shifted, B(0x7fc00000u), B(0x7f800000u));
  return T::from_bits(select(infinite <= shifted, special, number) | sign);
}

/// f32 to binary16. For results that are subnormal an addition does the rounding: the bits of 0.5 + x count units of
/// 2^-24.
template <class T>
DUET_FN typename T::Bits to_f16(const T& x) {
  using B = typename T::Bits;
  const B all = bits(x), magnitude = all & B(0x7fffffffu), sign = (all >> 16) & B(0x8000u);
  const T a = T::from_bits(magnitude);
  const B odd = (magnitude >> 13) & B(1);
  const B normal = (magnitude + B(0xc8000fffu) + odd) >> 13;
  const B small = bits(a + T(0.5)) - B(0x3f000000u);
  const B nan = ((magnitude >> 13) & B(0x03ffu)) | B(0x7e00u);
  const B finite = select(a < T(0x1p-14), small, select(a < T(65536), normal, B(0x7c00u)));
  return select(a == a, finite, nan) | sign;
}

/// bfloat16 to f32.
template <class T>
DUET_FN T from_bf16(const typename T::Bits& h) {
  return T::from_bits(h << 16);
}

/// f32 to bfloat16.
template <class T>
DUET_FN typename T::Bits to_bf16(const T& x) {
  using B = typename T::Bits;
  const B all = bits(x), high = all >> 16;
  return select(x == x, (all + B(0x7fffu) + (high & B(1))) >> 16, high | B(0x0040u));
}

}  // namespace duet::math
