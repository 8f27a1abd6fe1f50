// A kernel for the gradient of every pointwise op, for each set of wanted gradients, from the op's rule.
#include "kernels/pointwise.h"

namespace duet::kernel {

template <class Op, int P>
inline constexpr bool kIsMask = kNeeds<Op>.of[P].kind == Need::input &&
                                ((Op::kBoolIn >> kNeeds<Op>.of[P].index) & 1u) != 0;

// Which of the operands, those parameters of the rule that the wanted gradients depend on, are masks.
template <class Op, unsigned kUsed, int... P>
constexpr unsigned mask_operands(std::integer_sequence<int, P...>) {
  unsigned masks = 0;
  int n = 0;
  ((((kUsed >> P) & 1u) ? void(masks |= (kIsMask<Op, P> ? 1u : 0u) << n++) : void()), ...);
  return masks;
}

template <int N, class First, class... Rest>
DUET_DEVICE const auto& nth(const First& first, const Rest&... rest) {
  if constexpr (N == 0)
    return first;
  else
    return nth<N - 1>(rest...);
}
// Parameter P of the rule among the operands, or a zero that no wanted gradient reads.
template <class Op, class T, unsigned kUsed, int P, class... X>
DUET_DEVICE auto parameter(const X&... x) {
  if constexpr ((kUsed >> P) & 1u)
    return nth<__builtin_popcount(kUsed & ((1u << P) - 1))>(x...);
  else if constexpr (kIsMask<Op, P>)
    return math::ScalarMask{false};
  else
    return T(0);
}

template <class Op, unsigned kWanted, class T, int... P>
struct Rule {
  static constexpr unsigned kUsed = needed_parameters<Op>(kWanted);
  template <class... X>
  DUET_DEVICE Many<T, __builtin_popcount(kWanted)> operator()(const X&... x) const {
    const auto g = Op::template vjp<T>(parameter<Op, T, kUsed, P>(x...)...);
    Many<T, __builtin_popcount(kWanted)> picked;
    int n = 0;
    for (int i = 0; i < Op::kInputs; ++i)
      if ((kWanted >> i) & 1u) picked.v[n++] = result(g, i);
    return picked;
  }
};
template <class Op, unsigned kWanted, class T, int... P>
constexpr Rule<Op, kWanted, T, P...> rule_of(std::integer_sequence<int, P...>) {
  return {};
}

template <int Row, int Wanted, int Type>
DUET_KERNEL pointwise_vjp(const PointwiseCall c) {
  using Op = OpAt<PointwiseOps, Row>;
  using Parameters = std::make_integer_sequence<int, kNeeds<Op>.kCount>;
  using R = decltype(rule_of<Op, unsigned(Wanted), NumberOf<Type>>(Parameters()));
  constexpr unsigned kUsed = R::kUsed;
  pointwise_loop<Type, mask_operands<Op, kUsed>(Parameters())>(
      c, R(), std::make_integer_sequence<int, __builtin_popcount(kUsed)>());
}

void keep_pointwise_vjp() {
  for_each_below<PointwiseOps::kCount>([](auto row) {
    using Op = OpAt<PointwiseOps, decltype(row)::value>;
    if constexpr (HasVjp<Op>::value) {
      for_each_below<(1 << Op::kInputs) - 1>([](auto wanted) {
        constexpr int kRow = decltype(row)::value, kWanted = decltype(wanted)::value + 1;
        DUET_KEEP(kPointwiseVjp, PointwiseCall, pointwise_vjp, kRow, kWanted, kF32);
        DUET_KEEP(kPointwiseVjp, PointwiseCall, pointwise_vjp, kRow, kWanted, kF64);
      });
    }
  });
}

}  // namespace duet::kernel
