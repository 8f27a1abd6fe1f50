// Compiled once per instruction set, like the library's kernels.

#include "math_probe.h"

#include "cpu/packet.h"

#define DUET_STRING_(x) #x
#define DUET_STRING(x) DUET_STRING_(x)

namespace duet::cpu::DUET_ISA {
namespace {

using probe::Compare;
using probe::Fn;
using probe::Fn2;

template <class P, class S, class F>
DUET_FN void map(const S* x, S* y, long n, F f) {
  long i = 0;
  for (; i + P::kLanes <= n; i += P::kLanes) f(P::load(x + i)).store(y + i);
  if (i < n) f(P::load_partial(x + i, static_cast<int>(n - i))).store_partial(y + i, static_cast<int>(n - i));
}

template <class P, class S>
void eval(Fn fn, const S* x, S* y, long n) {
  switch (fn) {
#define DUET_PROBE_CASE(name) \
  case Fn::k_##name:          \
    return map<P>(            \
        x, y, n, [](P v) __attribute__((always_inline)) { return name(v); });
    DUET_PROBE_FUNCTIONS(DUET_PROBE_CASE)
#undef DUET_PROBE_CASE
    case Fn::kCount:
      break;
  }
}

template <class P, class S>
void eval2(Fn2 fn, const S* a, const S* b, S* y, long n) {
  long i = 0;
  for (; i + P::kLanes <= n; i += P::kLanes) probe::apply2(fn, P::load(a + i), P::load(b + i)).store(y + i);
  const int rest = static_cast<int>(n - i);
  probe::apply2(fn, P::load_partial(a + i, rest), P::load_partial(b + i, rest)).store_partial(y + i, rest);
}

template <class P, class S>
void masks(Compare c, const S* a, const S* b, const std::uint8_t* mask, S* y, std::uint8_t* out, long n) {
  long i = 0;
  for (; i + P::kLanes <= n; i += P::kLanes) {
    const P x = P::load(a + i), z = P::load(b + i);
    const auto m = probe::compare(c, x, z) & P::load_mask(mask + i);
    select(m, x, z).store(y + i);
    P::store_mask(out + i, m);
  }
  const int rest = static_cast<int>(n - i);
  const P x = P::load_partial(a + i, rest), z = P::load_partial(b + i, rest);
  const auto m = probe::compare(c, x, z) & P::load_mask_partial(mask + i, rest);
  select(m, x, z).store_partial(y + i, rest);
  P::store_mask_partial(out + i, m, rest);
}

template <class P, class S>
void partial(const S* x, S* y, int n) {
  P::load_partial(x, n).store(y);
}

void bits_ops(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* y) {
  U32 out[probe::kBitsOps];
  probe::bits_ops(U32::load(a), U32::load(b), out);
  for (int i = 0; i < probe::kBitsOps; ++i) out[i].store(y + i * U32::kLanes);
}

void philox_words(const std::uint32_t* const c[4], std::uint32_t k0, std::uint32_t k1, std::uint32_t* y) {
  const auto words = philox(U32::load(c[0]), U32::load(c[1]), U32::load(c[2]), U32::load(c[3]), U32(k0), U32(k1));
  for (int i = 0; i < 4; ++i) words.v[i].store(y + i * U32::kLanes);
}

void random_numbers(const std::uint32_t* words0, const std::uint32_t* words1, float* y) {
  F32 normal0, normal1;
  math::uniform_from_bits<F32>(U32::load(words0)).store(y);
  math::normal_pair<F32>(U32::load(words0), U32::load(words1), normal0, normal1);
  normal0.store(y + F32::kLanes);
  normal1.store(y + 2 * F32::kLanes);
}

}  // namespace

extern const probe::Probe math_probe;
const probe::Probe math_probe = {DUET_STRING(DUET_ISA),
                                 F32::kLanes,
                                 F64::kLanes,
                                 eval<F32, float>,
                                 eval<F64, double>,
                                 eval2<F32>,
                                 eval2<F64>,
                                 masks<F32>,
                                 masks<F64>,
                                 partial<F32>,
                                 partial<F64>,
                                 bits_ops,
                                 philox_words,
                                 random_numbers};

}  // namespace duet::cpu::DUET_ISA
