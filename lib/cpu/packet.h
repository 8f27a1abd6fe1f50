#pragma once
// Packets: the number types of eager CPU kernels, one SIMD register of floats or doubles on Eigen's packet layer.
// Compiled once per instruction set, in the namespace duet::cpu::<DUET_ISA>; needs a fused multiply-add.

#include <duet/ops/math.h>

#include <Eigen/Core>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace duet::cpu::DUET_ISA {

using math::Libm;

template <class S>
struct Packet;
using F32 = Packet<float>;
using F64 = Packet<double>;

namespace native {

template <class S>
using Register = typename Eigen::internal::packet_traits<S>::type;
template <class S>
inline constexpr int kLanes = Eigen::internal::unpacket_traits<Register<S>>::size;

// Integer registers are the compiler's vector types: the same operators on every instruction set.
typedef std::uint32_t U32 __attribute__((vector_size(sizeof(Register<float>))));
typedef std::int32_t I32 __attribute__((vector_size(sizeof(Register<float>))));
typedef std::int64_t I64 __attribute__((vector_size(sizeof(Register<double>))));
template <class S>
using Int = std::conditional_t<sizeof(S) == 4, I32, I64>;

static_assert(sizeof(Register<float>) >= 16 && sizeof(Register<double>) >= 16,
              "duet needs SIMD packets of f32 and f64");

template <class V, class S>
DUET_FN V broadcast(S value) {
  return value - V{};
}

/// 0, 1, 2, … compared with a count: the lanes of a partial register.
template <class S>
DUET_FN Int<S> iota() {
  Int<S> v{};
  for (int i = 0; i < kLanes<S>; ++i) v[i] = i;
  return v;
}

}  // namespace native

#if defined(__AVX512F__)

/// One bit a lane, in a mask register.
template <class S>
struct PacketMask {
  using Register = std::conditional_t<sizeof(S) == 4, __mmask16, __mmask8>;
  Register v;
  static DUET_FN PacketMask of(int bits) { return {static_cast<Register>(bits)}; }
  /// The first n lanes.
  static DUET_FN PacketMask first(int n) { return {static_cast<Register>((1u << n) - 1u)}; }
  friend DUET_FN PacketMask operator&(PacketMask a, PacketMask b) { return of(a.v & b.v); }
  friend DUET_FN PacketMask operator|(PacketMask a, PacketMask b) { return of(a.v | b.v); }
  friend DUET_FN PacketMask operator~(PacketMask a) { return of(~a.v); }
  friend DUET_FN bool any(PacketMask a) { return a.v != 0; }
};

namespace native {

// Predicates: ordered and quiet, != true on NaN.
template <int kPredicate>
DUET_FN PacketMask<float> compare(__m512 a, __m512 b) {
  return {_mm512_cmp_ps_mask(a, b, kPredicate)};
}
template <int kPredicate>
DUET_FN PacketMask<double> compare(__m512d a, __m512d b) {
  return {_mm512_cmp_pd_mask(a, b, kPredicate)};
}
template <class R>
DUET_FN auto lt(R a, R b) {
  return compare<_CMP_LT_OQ>(a, b);
}
template <class R>
DUET_FN auto le(R a, R b) {
  return compare<_CMP_LE_OQ>(a, b);
}
template <class R>
DUET_FN auto eq(R a, R b) {
  return compare<_CMP_EQ_OQ>(a, b);
}
template <class R>
DUET_FN auto ne(R a, R b) {
  return compare<_CMP_NEQ_UQ>(a, b);
}

DUET_FN PacketMask<float> eq(U32 a, U32 b) { return {_mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b)}; }
DUET_FN U32 select(PacketMask<float> m, U32 a, U32 b) {
  return (U32)_mm512_mask_blend_epi32(m.v, (__m512i)b, (__m512i)a);
}
DUET_FN __m512 select(PacketMask<float> m, __m512 a, __m512 b) { return _mm512_mask_blend_ps(m.v, b, a); }
DUET_FN __m512d select(PacketMask<double> m, __m512d a, __m512d b) { return _mm512_mask_blend_pd(m.v, b, a); }

DUET_FN __m512 load_first(const float* p, int n) {
  return _mm512_mask_loadu_ps(_mm512_set1_ps(1), PacketMask<float>::first(n).v, p);
}
DUET_FN __m512d load_first(const double* p, int n) {
  return _mm512_mask_loadu_pd(_mm512_set1_pd(1), PacketMask<double>::first(n).v, p);
}
DUET_FN void store_first(float* p, __m512 v, int n) { _mm512_mask_storeu_ps(p, PacketMask<float>::first(n).v, v); }
DUET_FN void store_first(double* p, __m512d v, int n) { _mm512_mask_storeu_pd(p, PacketMask<double>::first(n).v, v); }

DUET_FN __m512 fused(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
DUET_FN __m512d fused(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }

// All lanes kept, none zeroed: the unmasked intrinsics trip g++ 12's uninitialized warnings (GCC bug 105593).
inline constexpr __mmask16 kAll16 = 0xffff;
inline constexpr __mmask8 kAll8 = 0xff;
DUET_FN __m512 root(__m512 a) { return _mm512_maskz_sqrt_ps(kAll16, a); }
DUET_FN __m512d root(__m512d a) { return _mm512_maskz_sqrt_pd(kAll8, a); }
DUET_FN __m512 smaller(__m512 a, __m512 b) { return _mm512_maskz_min_ps(kAll16, a, b); }
DUET_FN __m512d smaller(__m512d a, __m512d b) { return _mm512_maskz_min_pd(kAll8, a, b); }
DUET_FN __m512 larger(__m512 a, __m512 b) { return _mm512_maskz_max_ps(kAll16, a, b); }
DUET_FN __m512d larger(__m512d a, __m512d b) { return _mm512_maskz_max_pd(kAll8, a, b); }

/// Bytes (0 or 1) to mask bits and back, for the first n lanes.
template <class S>
DUET_FN PacketMask<S> load_bytes(const std::uint8_t* p, int n) {
  const __m128i bytes = _mm_maskz_loadu_epi8(PacketMask<S>::first(n).v, p);
  return PacketMask<S>::of(_mm_test_epi8_mask(bytes, bytes));
}
template <class S>
DUET_FN void store_bytes(std::uint8_t* p, PacketMask<S> m, int n) {
  _mm_mask_storeu_epi8(p, PacketMask<S>::first(n).v, _mm_maskz_set1_epi8(m.v, 1));
}

}  // namespace native

#else

/// All ones or all zeros a lane, in a full register.
template <class S>
struct PacketMask {
  using Register = native::Int<S>;
  Register v;
  /// The first n lanes.
  static DUET_FN PacketMask first(int n) {
    return {native::iota<S>() < native::broadcast<Register>(static_cast<decltype(Register{}[0] + 0)>(n))};
  }
  friend DUET_FN PacketMask operator&(PacketMask a, PacketMask b) { return {a.v & b.v}; }
  friend DUET_FN PacketMask operator|(PacketMask a, PacketMask b) { return {a.v | b.v}; }
  friend DUET_FN PacketMask operator~(PacketMask a) { return {~a.v}; }
  friend DUET_FN bool any(PacketMask a) {
#if defined(__AVX2__)
    return _mm256_movemask_epi8((__m256i)a.v) != 0;
#else
    std::int64_t lanes = 0;
    for (int i = 0; i < native::kLanes<S>; ++i) lanes |= a.v[i];
    return lanes != 0;
#endif
  }
};

namespace native {

template <class R>
DUET_FN auto mask(R v) {
  return PacketMask<std::conditional_t<sizeof(v[0]) == 4, float, double>>{v};
}
template <class R>
DUET_FN auto lt(R a, R b) {
  return mask(a < b);
}
template <class R>
DUET_FN auto le(R a, R b) {
  return mask(a <= b);
}
template <class R>
DUET_FN auto eq(R a, R b) {
  return mask(a == b);
}
template <class R>
DUET_FN auto ne(R a, R b) {
  return mask(a != b);
}
template <class M>
DUET_FN U32 select(M m, U32 a, U32 b) {
  return ((U32)m.v & a) | (~(U32)m.v & b);
}
template <class M, class R>
DUET_FN R select(M m, R a, R b) {
  return Eigen::internal::pselect((R)m.v, a, b);
}

template <class R>
DUET_FN R root(R a) {
  return Eigen::internal::psqrt(a);
}

#if defined(__AVX2__)
DUET_FN __m256 load_first(const float* p, int n) {
  const __m256i m = (__m256i)PacketMask<float>::first(n).v;
  return _mm256_blendv_ps(_mm256_set1_ps(1), _mm256_maskload_ps(p, m), (__m256)m);
}
DUET_FN __m256d load_first(const double* p, int n) {
  const __m256i m = (__m256i)PacketMask<double>::first(n).v;
  return _mm256_blendv_pd(_mm256_set1_pd(1), _mm256_maskload_pd(p, m), (__m256d)m);
}
DUET_FN void store_first(float* p, __m256 v, int n) {
  _mm256_maskstore_ps(p, (__m256i)PacketMask<float>::first(n).v, v);
}
DUET_FN void store_first(double* p, __m256d v, int n) {
  _mm256_maskstore_pd(p, (__m256i)PacketMask<double>::first(n).v, v);
}
DUET_FN __m256 fused(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
DUET_FN __m256d fused(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
DUET_FN __m256 smaller(__m256 a, __m256 b) { return _mm256_min_ps(a, b); }
DUET_FN __m256d smaller(__m256d a, __m256d b) { return _mm256_min_pd(a, b); }
DUET_FN __m256 larger(__m256 a, __m256 b) { return _mm256_max_ps(a, b); }
DUET_FN __m256d larger(__m256d a, __m256d b) { return _mm256_max_pd(a, b); }
#else
#if !defined(EIGEN_HAS_SINGLE_INSTRUCTION_MADD)
#error "duet's packets need a fused multiply-add: pmadd would round twice"
#endif
template <class R>
DUET_FN R fused(R a, R b, R c) {
  return Eigen::internal::pmadd(a, b, c);
}
template <class R>
DUET_FN R smaller(R a, R b) {
  return select(lt(a, b), a, b);
}
template <class R>
DUET_FN R larger(R a, R b) {
  return select(lt(b, a), a, b);
}
template <class S>
DUET_FN Register<S> load_first(const S* p, int n) {
  S lanes[kLanes<S>];
  for (int i = 0; i < kLanes<S>; ++i) lanes[i] = i < n ? p[i] : S(1);
  return Eigen::internal::ploadu<Register<S>>(lanes);
}
template <class S>
DUET_FN void store_first(S* p, Register<S> v, int n) {
  S lanes[kLanes<S>];
  Eigen::internal::pstoreu(lanes, v);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
#endif

template <class S>
struct ByteVector {
  typedef std::uint8_t type __attribute__((vector_size(kLanes<S>)));
};

template <class S>
DUET_FN PacketMask<S> load_bytes(const std::uint8_t* p, int n) {
  using Bytes = typename ByteVector<S>::type;
  Bytes bytes{};
  if (n == kLanes<S>) {
    __builtin_memcpy(&bytes, p, sizeof(Bytes));
  } else {
    for (int i = 0; i < n; ++i) bytes[i] = p[i];
  }
  return {__builtin_convertvector(bytes, Int<S>) != Int<S>{}};
}
template <class S>
DUET_FN void store_bytes(std::uint8_t* p, PacketMask<S> m, int n) {
  using Bytes = typename ByteVector<S>::type;
  const Bytes bytes = __builtin_convertvector(m.v & 1, Bytes);
  if (n == kLanes<S>) {
    __builtin_memcpy(p, &bytes, sizeof(Bytes));
  } else {
    for (int i = 0; i < n; ++i) p[i] = bytes[i];
  }
}

}  // namespace native

#endif

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
