// Numbers of generated kernels beside floats: integers, 16-bit floats, casts, and angles of large sines.
#pragma once

namespace duet {
namespace fused {

// + - * of integers wrap around.
template <class I>
DUET_FUSED_FN I add(I a, I b) {
  return static_cast<I>(static_cast<u64>(a) + static_cast<u64>(b));
}
template <class I>
DUET_FUSED_FN I sub(I a, I b) {
  return static_cast<I>(static_cast<u64>(a) - static_cast<u64>(b));
}
template <class I>
DUET_FUSED_FN I mul(I a, I b) {
  return static_cast<I>(static_cast<u64>(a) * static_cast<u64>(b));
}
template <class I>
DUET_FUSED_FN I neg(I a) {
  return static_cast<I>(0 - static_cast<u64>(a));
}
DUET_FUSED_FN u32 mul_hi(u32 a, u32 b) { return static_cast<u32>((static_cast<u64>(a) * b) >> 32); }
DUET_FUSED_FN u32 sar(u32 a, int n) { return static_cast<u32>(static_cast<i32>(a) >> n); }

/// Casts: a float outside of an integer's range saturates, NaN gives 0.
template <class I, class F>
DUET_FUSED_FN I to_integer(F v, I low, I high) {
  if (!(v == v)) return I(0);
  if (v <= static_cast<F>(low)) return low;
  if (v >= static_cast<F>(high)) return high;
  return static_cast<I>(v);
}
template <class F>
DUET_FUSED_FN i32 to_i32(F v) {
  return to_integer<i32>(v, -2147483647 - 1, 2147483647);
}
template <class F>
DUET_FUSED_FN i64 to_i64(F v) {
  return to_integer<i64>(v, -9223372036854775807LL - 1, 9223372036854775807LL);
}
template <class F>
DUET_FUSED_FN u8 to_u8(F v) {
  return to_integer<u8>(v, 0, 255);
}

// 16-bit floats: the formulas of duet/ops/math_half.h and duet/ops/convert.h.
DUET_FUSED_FN float float_of(f16 h) {
  const u32 magnitude = (h.bits & 0x7fffu) << 13, sign = (h.bits & 0x8000u) << 16;
  const float shifted = bit<float>(magnitude), infinite = bit<float>(0x0f800000u);
  const u32 number = bit<u32>(shifted * bit<float>(0x77800000u));
  const u32 special = magnitude | (infinite < shifted ? 0x7fc00000u : 0x7f800000u);
  return bit<float>((infinite <= shifted ? special : number) | sign);
}
DUET_FUSED_FN float float_of(bf16 h) { return bit<float>(static_cast<u32>(h.bits) << 16); }
DUET_FUSED_FN f16 f16_of(float x) {
  const u32 all = bit<u32>(x), magnitude = all & 0x7fffffffu, sign = (all >> 16) & 0x8000u;
  const float a = bit<float>(magnitude);
  const u32 normal = (magnitude + 0xc8000fffu + ((magnitude >> 13) & 1u)) >> 13;
  const u32 small = bit<u32>(a + 0.5f) - 0x3f000000u;
  const u32 nan = ((magnitude >> 13) & 0x03ffu) | 0x7e00u;
  const u32 finite = a < 0x1p-14f ? small : a < 65536.0f ? normal : 0x7c00u;
  return {static_cast<unsigned short>((a == a ? finite : nan) | sign)};
}
DUET_FUSED_FN bf16 bf16_of(float x) {
  const u32 all = bit<u32>(x), high = all >> 16;
  return {static_cast<unsigned short>(x == x ? (all + 0x7fffu + (high & 1u)) >> 16 : high | 0x0040u)};
}
DUET_FUSED_FN float round_to_odd(double v) {
  const float f = static_cast<float>(v);
  const double back = static_cast<double>(f);
  const u32 bits = bit<u32>(f);
  if (back == v || v != v || (bits & 1u) != 0) return f;
  const bool below = back < 0 || (back == 0 && v < 0) ? back > v : back < v;
  return bit<float>((below ? bits + 1u : bits - 1u) | (v < 0 ? 0x80000000u : 0u));
}
DUET_FUSED_FN double sticky_double(i64 v) {
  const bool negative = v < 0;
  const u64 magnitude = negative ? 0 - static_cast<u64>(v) : static_cast<u64>(v);
  if (magnitude < (static_cast<u64>(1) << 53)) return static_cast<double>(v);
  const double y = static_cast<double>((magnitude >> 11) | ((magnitude & 0x7ffu) != 0 ? 1u : 0u)) * 2048.0;
  return negative ? -y : y;
}

// Words of 2/pi: comparisons, since a table that is indexed would lie in memory.
DUET_FUSED_FN u32 two_over_pi(u32 k) {
  return k == 0   ? 0u
         : k == 1 ? 0xa2f9836eu
         : k == 2 ? 0x4e441529u
         : k == 3 ? 0xfc2757d1u
         : k == 4 ? 0xf534ddc0u
         : k == 5 ? 0xdb629599u
         : k == 6 ? 0x3c439041u
                  : 0xfe5163abu;
}
// x = n·pi/2 + r for large x: reduce_pio2_exact of duet/ops/math_trig.h.
DUET_FUSED_FN float pio2_exact(u32 x, u32& n) {
  const u32 exponent = (x >> 23) & 0xffu;
  if (exponent == 0xffu) {
    n = 0;
    return bit<float>(0x7fc00000u);
  }
  const u64 m = (x & 0x7fffffu) | 0x800000u;
  const u32 start = exponent - 150u + 30u;
  const u32 word = start >> 5, shift = start & 31u;
  auto cut = [&](u32 k) {
    const u64 pair = (static_cast<u64>(two_over_pi(word + k)) << 32) | two_over_pi(word + k + 1);
    return static_cast<u32>(pair >> (32u - shift));
  };
  u64 p = ((m * cut(0)) << 32) + m * cut(1) + ((m * cut(2)) >> 32);
  const u64 quadrant = (p + (static_cast<u64>(1) << 61)) >> 62;
  p -= quadrant << 62;
  const double r = static_cast<double>(static_cast<i64>(p)) * 0x1.921fb54442d18p-62;
  const bool negative = (x >> 31) != 0;
  n = static_cast<u32>(negative ? 4u - quadrant : quadrant) & 3u;
  return static_cast<float>(negative ? -r : r);
}
DUET_FUSED_FN float pio2_rest(float x, float r, u32 n) {
  return x > 0x1p+17f || x < -0x1p+17f ? pio2_exact(bit<u32>(x), n) : r;
}
DUET_FUSED_FN u32 pio2_quadrant(float x, float, u32 n) {
  if (x > 0x1p+17f || x < -0x1p+17f) pio2_exact(bit<u32>(x), n);
  return n;
}

}  // namespace fused
}  // namespace duet
