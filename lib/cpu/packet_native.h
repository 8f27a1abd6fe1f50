#pragma once
// What packets (cpu/packet.h) are made of: masks and register functions, native on AVX2 and AVX-512, elsewhere by Eigen
// and the compiler's vector types.

#include <duet/ops/scalar.h>

#include <Eigen/Core>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace duet::cpu::DUET_ISA {

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

}  // namespace duet::cpu::DUET_ISA
