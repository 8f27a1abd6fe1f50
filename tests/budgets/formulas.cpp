// The op headers alone, as C++17, as kernel files and nvcc see them: every formula and every gradient rule of duet's
// pointwise ops over one float. Prints a word an op, so that nothing is optimised away unseen.
#include <cstdio>

#include "duet/ops/create.h"
#include "duet/ops/index.h"
#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/reduce.h"
#include "duet/ops/scalar.h"

#ifndef DUET_FORMULAS_ONLY
#error "compile this file with DUET_FORMULAS_ONLY"
#endif
static_assert(__cplusplus < 202002L, "compile this file as C++17");

namespace {

using Number = duet::math::Scalar<float>;
using Mask = Number::Mask;

template <bool IsMask>
DUET_FN auto sample(int i) {
  if constexpr (IsMask) return Mask{i % 2 == 0};
  else return Number(0.25 + 0.5 * i);
}
DUET_FN float value(Number x) { return x.v; }
DUET_FN float value(Mask m) { return m.v ? 1.0f : 0.0f; }

template <class Op, int I>
constexpr bool kMaskParameter = duet::kNeeds<Op>.of[I].kind == duet::Need::input &&
                                ((Op::kBoolIn >> duet::kNeeds<Op>.of[I].index) & 1u) != 0;

template <class Op, int... I>
DUET_FN float forward(std::integer_sequence<int, I...>) {
  auto y = Op::template forward<Number>(sample<((Op::kBoolIn >> I) & 1u) != 0>(I)...);
  float sum = 0;
  for (int k = 0; k < Op::kOutputs; ++k) sum += value(duet::result(y, k));
  return sum;
}
template <class Op, int... I>
DUET_FN float vjp(std::integer_sequence<int, I...>) {
  auto g = Op::template vjp<Number>(sample<kMaskParameter<Op, I>>(I)...);
  float sum = 0;
  for (int k = 0; k < Op::kInputs; ++k)
    if (!((Op::kBoolIn >> k) & 1u)) sum += value(duet::result(g, k));
  return sum;
}

template <class... Ops>
struct Formulas {
  static constexpr int kCount = sizeof...(Ops);
  template <class Op>
  static DUET_FN float one() {
    float y = forward<Op>(std::make_integer_sequence<int, Op::kInputs>());
    if constexpr (duet::HasVjp<Op>::value) y += vjp<Op>(std::make_integer_sequence<int, duet::kNeeds<Op>.kCount>());
    return y;
  }
  static DUET_FN void run(float* out) {
    int i = 0;
    ((out[i++] = one<Ops>()), ...);
  }
};
template <class... Ops>
Formulas<Ops...> formulas_of(const duet::OpList<Ops...>*);
using All = decltype(formulas_of(static_cast<const duet::PointwiseOps*>(nullptr)));

}  // namespace

#ifdef __CUDACC__
__global__ void run_formulas(float* out) { All::run(out); }
#endif

int main() {
  float out[All::kCount];
  All::run(out);
  for (float y : out)
    if (!(y > -1e6f && y < 1e6f)) return std::printf("a formula gives %g\n", static_cast<double>(y)), 1;
  std::printf("%d formulas\n", All::kCount);
}
