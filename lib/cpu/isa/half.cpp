// Casts between f32 and the 16-bit floats, a register at a time: the formulas of ops/math_half.h, or for f16 the
// instructions that have the same bits.
#define DUET_FORMULAS_ONLY
#include "cpu/isa/tables.h"
#include "cpu/packet.h"
#include "duet/ops/convert.h"

namespace duet::cpu::DUET_ISA {
namespace {

constexpr int kLanes = F32::kLanes;
typedef std::uint16_t Words __attribute__((vector_size(kLanes * 2)));

DUET_FN U32 widened(const Words& h) { return U32::of(__builtin_convertvector(h, native::U32)); }
DUET_FN Words narrowed(U32 b) {
#if defined(__AVX512F__)
  return (Words)_mm512_maskz_cvtepi32_epi16(native::kAll16, (__m512i)b.v);
#else
  return __builtin_convertvector(b.v, Words);
#endif
}

DUET_FN F32 to_f32(Half, const Words& h) {
#if defined(__AVX512F__)
  return F32::of(_mm512_maskz_cvtph_ps(native::kAll16, (__m256i)h));
#elif defined(__F16C__)
  return F32::of(_mm256_cvtph_ps((__m128i)h));
#else
  return math::from_f16<F32>(widened(h));
#endif
}
DUET_FN Words from_f32(Half, F32 x) {
#if defined(__AVX512F__)
  return (Words)_mm512_maskz_cvtps_ph(native::kAll16, x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__F16C__)
  return (Words)_mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  return narrowed(math::to_f16(x));
#endif
}
DUET_FN F32 to_f32(BFloat16, const Words& h) { return math::from_bf16<F32>(widened(h)); }
DUET_FN Words from_f32(BFloat16, F32 x) { return narrowed(math::to_bf16(x)); }

template <class From, class To>
DUET_FN void cast_register(const From* x, To* y) {
  if constexpr (std::is_same_v<To, float>) {
    Words h;
    __builtin_memcpy(&h, x, sizeof(h));
    to_f32(From(), h).store(y);
  } else {
    const Words h = from_f32(To(), F32::load(x));
    __builtin_memcpy(y, &h, sizeof(h));
  }
}

template <class From, class To>
void cast_loop(const TileCall& c) {
  const From* x = static_cast<const From*>(c.in[0]);
  To* y = static_cast<To*>(c.out[0]);
  const auto n = static_cast<std::size_t>(c.n);
  From in[kLanes] = {};
  To out[kLanes];
  if ((c.scalars & 1u) != 0) {
    in[0] = *x;
    cast_register(in, out);
    for (std::size_t i = 0; i < n; ++i) y[i] = out[0];
    return;
  }
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) cast_register(x + i, y + i);
  if (i == n) return;
  __builtin_memcpy(in, x + i, (n - i) * sizeof(From));
  cast_register(in, out);
  __builtin_memcpy(y + i, out, (n - i) * sizeof(To));
}

}  // namespace

TileFn half_kernel(DType from, DType to) {
  if (from == DType::f32 && to == DType::f16) return cast_loop<float, Half>;
  if (from == DType::f32 && to == DType::bf16) return cast_loop<float, BFloat16>;
  if (from == DType::f16 && to == DType::f32) return cast_loop<Half, float>;
  if (from == DType::bf16 && to == DType::f32) return cast_loop<BFloat16, float>;
  return nullptr;
}

}  // namespace duet::cpu::DUET_ISA
