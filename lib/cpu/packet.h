#pragma once
// Packets: the number types of eager CPU kernels, one SIMD register of floats or doubles on Eigen's packet layer.
// Compiled once per instruction set, in the namespace duet::cpu::<DUET_ISA>; needs a fused multiply-add.

#include <duet/ops/math.h>

#include <Eigen/Core>
#include <cstdint>

#include "cpu/packet_native.h"

namespace duet::cpu::DUET_ISA {

using math::Libm;
using math::Libm2;

template <class S>
struct Packet;
using F32 = Packet<float>;
using F64 = Packet<double>;

/// u32 lanes, the Bits of F32.
struct U32 : math::BitLanes {
  using Mask = PacketMask<float>;
  static constexpr int kLanes = native::kLanes<float>;
  native::U32 v;

  U32() = default;
  DUET_FN explicit U32(std::uint32_t bits) : v(native::broadcast<native::U32>(bits)) {}
  static DUET_FN U32 of(native::U32 v) {
    U32 b;
    b.v = v;
    return b;
  }
  static DUET_FN U32 load(const std::uint32_t* p) {
    U32 b;
    __builtin_memcpy(&b.v, p, sizeof(b.v));
    return b;
  }
  DUET_FN void store(std::uint32_t* p) const { __builtin_memcpy(p, &v, sizeof(v)); }

  friend DUET_FN U32 operator+(U32 a, U32 b) { return of(a.v + b.v); }
  friend DUET_FN U32 operator-(U32 a, U32 b) { return of(a.v - b.v); }
  friend DUET_FN U32 operator&(U32 a, U32 b) { return of(a.v & b.v); }
  friend DUET_FN U32 operator|(U32 a, U32 b) { return of(a.v | b.v); }
  friend DUET_FN U32 operator^(U32 a, U32 b) { return of(a.v ^ b.v); }
  friend DUET_FN U32 operator<<(U32 a, int n) { return of(a.v << n); }
  friend DUET_FN U32 operator>>(U32 a, int n) { return of(a.v >> n); }
  friend DUET_FN Mask operator==(U32 a, U32 b) { return native::eq(a.v, b.v); }
  friend DUET_FN U32 select(Mask m, U32 a, U32 b) { return of(native::select(m, a.v, b.v)); }
  /// Arithmetic shift right.
  friend DUET_FN U32 sar(U32 a, int n) { return of((native::U32)((native::I32)a.v >> n)); }
  friend DUET_FN U32 mul_lo(U32 a, U32 b) { return of(a.v * b.v); }
  friend DUET_FN U32 mul_hi(U32 a, U32 b) {
#if defined(__AVX512F__)
    const auto high = [](__m512i x) { return _mm512_maskz_srli_epi64(native::kAll8, x, 32); };
    const __m512i x = (__m512i)a.v, y = (__m512i)b.v;
    const __m512i odd = _mm512_maskz_mul_epu32(native::kAll8, high(x), high(y));
    const __m512i even = high(_mm512_maskz_mul_epu32(native::kAll8, x, y));
    return of((native::U32)_mm512_mask_blend_epi32(0xaaaa, even, odd));
#elif defined(__AVX2__)
    const __m256i x = (__m256i)a.v, y = (__m256i)b.v;
    const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(y, 32));
    const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(x, y), 32);
    return of((native::U32)_mm256_blend_epi32(even, odd, 0xaa));
#else
    native::U32 high{};
    for (int i = 0; i < kLanes; ++i) high[i] = static_cast<std::uint32_t>((std::uint64_t{a.v[i]} * b.v[i]) >> 32);
    return of(high);
#endif
  }
};

/// One register of S. Loads and stores need no alignment.
template <class S>
struct Packet : math::Number {
  static constexpr bool kIsDouble = sizeof(S) == 8;
  static constexpr int kLanes = native::kLanes<S>;
  using Element = S;
  using Register = native::Register<S>;
  using Mask = PacketMask<S>;
  using Bits = U32;
  Register v;

  Packet() = default;
  DUET_FN explicit Packet(double value) : v(Eigen::internal::pset1<Register>(static_cast<S>(value))) {}
  static DUET_FN Packet of(Register v) {
    Packet x;
    x.v = v;
    return x;
  }
  static DUET_FN Packet from_bits(U32 b) {
    static_assert(!kIsDouble);
    return of((Register)b.v);
  }
  static DUET_FN Packet broadcast(S value) { return of(Eigen::internal::pset1<Register>(value)); }
  static DUET_FN Packet load(const S* p) { return of(Eigen::internal::ploadu<Register>(p)); }
  DUET_FN void store(S* p) const { Eigen::internal::pstoreu(p, v); }

  /// The first n lanes of p, then ones; reads nothing beyond p + n.
  static DUET_FN Packet load_partial(const S* p, int n) { return of(native::load_first(p, n)); }
  /// Writes the first n lanes only.
  DUET_FN void store_partial(S* p, int n) const { native::store_first(p, v, n); }

  /// Masks as bools in memory, one byte a lane.
  static DUET_FN Mask load_mask(const std::uint8_t* p) { return native::load_bytes<S>(p, kLanes); }
  static DUET_FN Mask load_mask_partial(const std::uint8_t* p, int n) { return native::load_bytes<S>(p, n); }
  static DUET_FN void store_mask(std::uint8_t* p, Mask m) { native::store_bytes<S>(p, m, kLanes); }
  static DUET_FN void store_mask_partial(std::uint8_t* p, Mask m, int n) { native::store_bytes<S>(p, m, n); }

  friend DUET_FN Packet operator+(Packet a, Packet b) { return of(Eigen::internal::padd(a.v, b.v)); }
  friend DUET_FN Packet operator-(Packet a, Packet b) { return of(Eigen::internal::psub(a.v, b.v)); }
  friend DUET_FN Packet operator*(Packet a, Packet b) { return of(Eigen::internal::pmul(a.v, b.v)); }
  friend DUET_FN Packet operator/(Packet a, Packet b) { return of(Eigen::internal::pdiv(a.v, b.v)); }
  // Eigen's pnegate subtracts from zero, which loses -0; the compiler's operator flips the sign.
  friend DUET_FN Packet operator-(Packet a) { return of(-a.v); }
  friend DUET_FN Mask operator<(Packet a, Packet b) { return native::lt(a.v, b.v); }
  friend DUET_FN Mask operator<=(Packet a, Packet b) { return native::le(a.v, b.v); }
  friend DUET_FN Mask operator>(Packet a, Packet b) { return native::lt(b.v, a.v); }
  friend DUET_FN Mask operator>=(Packet a, Packet b) { return native::le(b.v, a.v); }
  friend DUET_FN Mask operator==(Packet a, Packet b) { return native::eq(a.v, b.v); }
  friend DUET_FN Mask operator!=(Packet a, Packet b) { return native::ne(a.v, b.v); }
  friend DUET_FN Packet select(Mask m, Packet a, Packet b) { return of(native::select(m, a.v, b.v)); }
  friend DUET_FN U32 bits(Packet a) {
    static_assert(!kIsDouble);
    return U32::of((native::U32)a.v);
  }

  friend DUET_FN Packet sqrt(Packet a) { return of(native::root(a.v)); }
  /// a·b + c with one rounding.
  friend DUET_FN Packet fma(Packet a, Packet b, Packet c) { return of(native::fused(a.v, b.v, c.v)); }

  // The x86 instructions, with x86's choice of operand; elsewhere the compiler finds its own.
  friend DUET_FN Packet raw_min(Packet a, Packet b) { return of(native::smaller(a.v, b.v)); }
  friend DUET_FN Packet raw_max(Packet a, Packet b) { return of(native::larger(a.v, b.v)); }

#if defined(__AVX512F__)
  // Single instructions for steps of exp and log; the same bits as the formulas they stand for.
  friend DUET_FN Packet scale_pow2(Packet p, Packet nf, U32) requires(!kIsDouble) {
    return of(_mm512_maskz_scalef_ps(native::kAll16, p.v, nf.v));
  }
  friend DUET_FN void log_split(Packet x, Packet& m, Packet& e) requires(!kIsDouble) {
    const Register mantissa = _mm512_maskz_getmant_ps(native::kAll16, x.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan);
    const Register exponent = _mm512_maskz_getexp_ps(native::kAll16, x.v);
    const __mmask16 upper = native::le(_mm512_castsi512_ps(_mm512_set1_epi32(0x3faaaaab)), mantissa).v;  // 4/3
    m.v = _mm512_mask_mul_ps(mantissa, upper, mantissa, _mm512_set1_ps(0.5f));
    e.v = _mm512_mask_add_ps(exponent, upper, exponent, _mm512_set1_ps(1.0f));
  }
#endif

  /// Lanes beyond math::kTrigFast get the exact reduction, one by one.
  friend DUET_FN void reduce_pio2(Packet x, Packet& r, U32& n) requires(!kIsDouble) {
    if (__builtin_expect(any((x > Packet(math::kTrigFast)) | (x < Packet(-math::kTrigFast))), false)) {
      reduce_lanes(x, r, n);
    }
  }

  friend Packet libm(Libm fn, Packet x) {
    S lanes[kLanes];
    x.store(lanes);
    for (S& lane : lanes) lane = static_cast<S>(math::call_libm(fn, static_cast<double>(lane)));
    return load(lanes);
  }
  friend Packet libm(Libm2 fn, Packet x, Packet y) {
    S a[kLanes], b[kLanes];
    x.store(a);
    y.store(b);
    for (int i = 0; i < kLanes; ++i)
      a[i] = static_cast<S>(math::call_libm(fn, static_cast<double>(a[i]), static_cast<double>(b[i])));
    return load(a);
  }

 private:
  __attribute__((noinline, cold)) static void reduce_lanes(Packet x, Packet& r, U32& n) {
    S xs[kLanes], rs[kLanes];
    std::uint32_t ns[kLanes];
    x.store(xs);
    r.store(rs);
    n.store(ns);
    for (int i = 0; i < kLanes; ++i) {
      auto lane = math::Scalar<float>::of(rs[i]);
      math::ScalarBits quadrant(ns[i]);
      reduce_pio2(math::Scalar<float>::of(xs[i]), lane, quadrant);
      rs[i] = lane.v;
      ns[i] = quadrant.v;
    }
    r = load(rs);
    n = U32::load(ns);
  }
};

}  // namespace duet::cpu::DUET_ISA
