// Tile kernels of every pointwise op and of its gradients, made from the formulas by one fold over the list.
#define DUET_FORMULAS_ONLY
#include "duet/ops/pointwise.h"

#include "cpu/isa/tile.h"
#include "cpu/isa/tables.h"

namespace duet::cpu::DUET_ISA {
namespace {

template <class T> inline constexpr int kLanesOf = Io<T>::kLanes;

template <class Op, class T, int... I>
void forward_tile(const TileCall& c) {
  run_tile<kLanesOf<T>, Op::kOftenNumbers, Load<T, ((Op::kBoolIn >> I) & 1u) != 0>...>(
      c, [](const auto&... x) __attribute__((always_inline)) { return Op::template forward<T>(x...); });
}
template <class Op, class T, int... I>
constexpr TileFn forward_of(std::integer_sequence<int, I...>) { return forward_tile<Op, T, I...>; }

// Parameter P of the rule among the loaded ones, or a zero that no wanted gradient reads.
template <class Op, unsigned Wanted>
inline constexpr unsigned kUsed = needed_parameters<Op>(Wanted);
template <class Op, int P>
inline constexpr bool kIsMask = kNeeds<Op>.of[P].kind == Need::input && ((Op::kBoolIn >> kNeeds<Op>.of[P].index) & 1u) != 0;

template <int N, class First, class... Rest>
DUET_FN const auto& nth(const First& first, const Rest&... rest) {
  if constexpr (N == 0) return first;
  else return nth<N - 1>(rest...);
}
template <class Op, class T, unsigned Wanted, int P, class... X>
DUET_FN auto parameter(const X&... x) {
  if constexpr ((kUsed<Op, Wanted> >> P) & 1u) {
    return nth<__builtin_popcount(kUsed<Op, Wanted> & ((1u << P) - 1))>(x...);
  } else if constexpr (kIsMask<Op, P>) {
    return T(0) == T(1);
  } else {
    return T(0);
  }
}
template <class Op, unsigned Wanted, class T, int Count, class R>
DUET_FN Many<T, Count> pick(const R& r) {
  Many<T, Count> picked;
  int n = 0;
  for (int i = 0; i < Op::kInputs; ++i)
    if ((Wanted >> i) & 1u) picked.v[n++] = result(r, i);
  return picked;
}

// The positions of the set bits of a mask.
template <unsigned Mask, int... P>
constexpr auto set_bits(std::integer_sequence<int, P...>) {
  Needs<__builtin_popcount(Mask)> list{};
  int n = 0;
  ((((Mask >> P) & 1u) ? void(list.of[n++].index = P) : void()), ...);
  return list;
}

template <class Op, class T, unsigned Wanted, class LoadSeq, class ParamSeq> struct VjpTile;
template <class Op, class T, unsigned Wanted, int... L, int... P>
struct VjpTile<Op, T, Wanted, std::integer_sequence<int, L...>, std::integer_sequence<int, P...>> {
  static constexpr auto kLoads = set_bits<kUsed<Op, Wanted>>(std::integer_sequence<int, P...>());
  static void run(const TileCall& c) {
    run_tile<kLanesOf<T>, 0, Load<T, kIsMask<Op, kLoads.of[L].index>>...>(
        c, [](const auto&... x) __attribute__((always_inline)) {
          return pick<Op, Wanted, T, __builtin_popcount(Wanted)>(
              Op::template vjp<T>(parameter<Op, T, Wanted, P>(x...)...));
        });
  }
};

template <class Op, class T, unsigned Wanted>
constexpr TileFn vjp_of() {
  if constexpr (HasVjp<Op>::value && Wanted < (1u << Op::kInputs)) {
    return VjpTile<Op, T, Wanted, std::make_integer_sequence<int, __builtin_popcount(kUsed<Op, Wanted>)>,
                   std::make_integer_sequence<int, kNeeds<Op>.kCount>>::run;
  } else {
    return nullptr;
  }
}

constexpr unsigned kMaxMask = 8;
struct Row {
  TileFn forward[kDTypes];
  TileFn vjp[kMaxMask][2];  // f32, f64
};

template <class Op, DType D, class T>
constexpr TileFn forward_for() {
  if constexpr (contains(Op::kAccepts, D)) return forward_of<Op, T>(std::make_integer_sequence<int, Op::kInputs>());
  else return nullptr;
}
template <class Op, unsigned... W>
constexpr Row make_row(std::integer_sequence<unsigned, W...>) {
  return {{forward_for<Op, DType::f32, F32>(), forward_for<Op, DType::f64, F64>(),
           forward_for<Op, DType::i32, math::Lane<int32_t>>(), forward_for<Op, DType::i64, math::Lane<int64_t>>(),
           forward_for<Op, DType::u8, math::Lane<uint8_t>>(), forward_for<Op, DType::boolean, math::Lane<uint8_t>>()},
          {{nullptr, nullptr}, {vjp_of<Op, F32, W + 1>(), vjp_of<Op, F64, W + 1>()}...}};
}

template <class... Ops> struct Table {
  static constexpr Row rows[] = {make_row<Ops>(std::make_integer_sequence<unsigned, kMaxMask - 1>())...};
};
template <class... Ops>
constexpr Table<Ops...> table_of(const OpList<Ops...>*) { return {}; }
using PointwiseTable = decltype(table_of(static_cast<const PointwiseOps*>(nullptr)));

}  // namespace

TileFn pointwise_kernel(int row, int vjp_mask, DType dtype) {
  const Row& r = PointwiseTable::rows[row];
  if (vjp_mask == 0) return r.forward[static_cast<int>(dtype)];
  return is_float(dtype) ? r.vjp[vjp_mask][static_cast<int>(dtype)] : nullptr;
}

}  // namespace duet::cpu::DUET_ISA
