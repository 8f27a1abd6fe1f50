// Tile kernels of single scalar instructions: what a user's formula runs on.
#define DUET_FORMULAS_ONLY
#include "cpu/isa/tables.h"
#include "cpu/isa/tile.h"
#include "duet/ops/expr_op.h"

namespace duet::cpu::DUET_ISA {
namespace {

#define DUET_LAMBDA __attribute__((always_inline))

template <class T>
using Num = Load<T>;
template <class T>
using Mask = Load<T, true>;
using Word = Load<U32>;

template <class T, ExprOp Code>
void instruction(const TileCall& c) {
  constexpr int N = Io<T>::kLanes;
  using E = ExprOp;
  if constexpr (Code == E::move)
    run_tile<N, 0, Num<T>>(c, [](T a) DUET_LAMBDA { return a; });
  else if constexpr (Code == E::add)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a + b; });
  else if constexpr (Code == E::sub)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a - b; });
  else if constexpr (Code == E::mul)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a * b; });
  else if constexpr (Code == E::div)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a / b; });
  else if constexpr (Code == E::neg)
    run_tile<N, 0, Num<T>>(c, [](T a) DUET_LAMBDA { return -a; });
  else if constexpr (Code == E::fma)
    run_tile<N, 0, Num<T>, Num<T>, Num<T>>(c, [](T a, T b, T d) DUET_LAMBDA { return fma(a, b, d); });
  else if constexpr (Code == E::sqrt)
    run_tile<N, 0, Num<T>>(c, [](T a) DUET_LAMBDA { return sqrt(a); });
  else if constexpr (Code == E::lt)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a < b; });
  else if constexpr (Code == E::le)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a <= b; });
  else if constexpr (Code == E::eq)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a == b; });
  else if constexpr (Code == E::ne)
    run_tile<N, 0, Num<T>, Num<T>>(c, [](T a, T b) DUET_LAMBDA { return a != b; });
  else if constexpr (Code == E::mask_and)
    run_tile<N, 0, Mask<T>, Mask<T>>(c, [](typename T::Mask a, typename T::Mask b) DUET_LAMBDA { return a & b; });
  else if constexpr (Code == E::mask_or)
    run_tile<N, 0, Mask<T>, Mask<T>>(c, [](typename T::Mask a, typename T::Mask b) DUET_LAMBDA { return a | b; });
  else if constexpr (Code == E::mask_not)
    run_tile<N, 0, Mask<T>>(c, [](typename T::Mask a) DUET_LAMBDA { return ~a; });
  else if constexpr (Code == E::select)
    run_tile<N, 0, Mask<T>, Num<T>, Num<T>>(c,
                                            [](typename T::Mask m, T a, T b) DUET_LAMBDA { return select(m, a, b); });
  else if constexpr (Code == E::libm) {
    if constexpr (T::kIsDouble) run_tile<N, 0, Num<T>>(c, [&](T a) { return libm(static_cast<math::Libm>(c.imm), a); });
  } else if constexpr (Code == E::libm2) {
    if constexpr (T::kIsDouble)
      run_tile<N, 0, Num<T>, Num<T>>(c, [&](T a, T b) { return libm(static_cast<math::Libm2>(c.imm), a, b); });
  } else if constexpr (!T::kIsDouble) {
    auto distance = static_cast<int>(c.imm);
    if constexpr (Code == E::bits || Code == E::from_bits)
      run_tile<N, 0, Num<T>>(c, [](T a) DUET_LAMBDA { return a; });
    else if constexpr (Code == E::bits_add)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return a + b; });
    else if constexpr (Code == E::bits_sub)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return a - b; });
    else if constexpr (Code == E::bits_and)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return a & b; });
    else if constexpr (Code == E::bits_or)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return a | b; });
    else if constexpr (Code == E::bits_xor)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return a ^ b; });
    else if constexpr (Code == E::shl)
      run_tile<N, 0, Word>(c, [=](U32 a) DUET_LAMBDA { return a << distance; });
    else if constexpr (Code == E::shr)
      run_tile<N, 0, Word>(c, [=](U32 a) DUET_LAMBDA { return a >> distance; });
    else if constexpr (Code == E::sar)
      run_tile<N, 0, Word>(c, [=](U32 a) DUET_LAMBDA { return sar(a, distance); });
    else if constexpr (Code == E::mul_lo)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return mul_lo(a, b); });
    else if constexpr (Code == E::mul_hi)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return mul_hi(a, b); });
    else if constexpr (Code == E::bits_eq)
      run_tile<N, 0, Word, Word>(c, [](U32 a, U32 b) DUET_LAMBDA { return a == b; });
    else if constexpr (Code == E::bits_select)
      run_tile<N, 0, Mask<T>, Word, Word>(c,
                                          [](typename T::Mask m, U32 a, U32 b) DUET_LAMBDA { return select(m, a, b); });
    else if constexpr (Code == E::pio2_rest || Code == E::pio2_quadrant) {
      // x and the fast reduction's rest and quadrant in, both of which stand where x is small.
      run_tile<N, 0, Num<T>, Num<T>, Word>(c, [](T x, T r, U32 n) {
        reduce_pio2(x, r, n);
        if constexpr (Code == E::pio2_rest)
          return r;
        else
          return n;
      });
    }
  }
}

template <class T, int... Code>
constexpr TileFn lookup(int code, std::integer_sequence<int, Code...>) {
  constexpr TileFn table[] = {instruction<T, static_cast<ExprOp>(Code)>...};
  return table[code];
}

}  // namespace

TileFn instruction_kernel(ExprOp op, bool is_double) {
  auto codes = std::make_integer_sequence<int, kExprOps>();
  return is_double ? lookup<F64>(static_cast<int>(op), codes) : lookup<F32>(static_cast<int>(op), codes);
}

}  // namespace duet::cpu::DUET_ISA
