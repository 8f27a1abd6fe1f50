// The contract of an op. An op is one struct: its name, what it accepts, its formula or functions, its gradient rule.
//
//   struct PointwiseOps : OpList<struct Neg, struct Exp> {};    a family's table of contents, at the top of its file
//   struct Neg : Pointwise<1> { … };                            an op of that family
//   Tensor neg(const Operand& x);                               the word users write
//
// A formula is a template over a number type T (ops/math.h); a rule is a template over V. This file and the op headers
// are C++17 and are read by nvcc too; what needs Tensor stands in the parts hidden from it.
#pragma once

#include <string_view>
#include <utility>

#include "duet/core/dtype.h"
#include "duet/ops/dep.h"
#include "duet/ops/math.h"

// Kernel files, nvcc's and the CPU's, see formulas and nothing that needs Tensor.
#if defined(__CUDACC__) && !defined(DUET_FORMULAS_ONLY)
#define DUET_FORMULAS_ONLY
#endif

/// Marks rules: like DUET_FN, and evaluated by the compiler too, to learn what each gradient depends on.
#define DUET_RULE static constexpr DUET_FN
/// Marks formulas.
#define DUET_FORMULA static DUET_FN

namespace duet {

/// A family of ops; the library folds over it into constant tables.
template <class... Ops>
struct OpList {
  static constexpr int kCount = sizeof...(Ops);
};

/// Position of Op in a family, −1 for an op that is not duet's own.
template <class Op>
constexpr int index_in(const void*) { return -1; }
template <class Op, class... Ops>
constexpr int index_in(const OpList<Ops...>*) {
  int i = 0, found = -1;
  ((std::is_same_v<Op, Ops> ? void(found = i) : void(), ++i), ...);
  return found;
}

struct PointwiseOps;

/// Base of an op that computes each element of its outputs from the elements of its inputs at the same place.
template <int In, int Out = 1>
struct Pointwise {
  using Family = PointwiseOps;
  static constexpr int kInputs = In, kOutputs = Out;
  static constexpr DTypeSet kAccepts = kFloats;  // element types of the inputs that are not masks
  static constexpr unsigned kBoolIn = 0;         // inputs that are masks (bit i: input i)
  static constexpr bool kBoolOut = false;        // the output is a mask
  static constexpr unsigned kOftenNumbers = In == 2 ? 0b10 : 0;  // inputs that are often one number: a loop of their own
};

/// Base of every other op: it brings functions of its own. `infer` is required; `run`, `view`, `vjp`, `needs` as it has.
template <class F, int In, int Out = 1>
struct KernelOp {
  using Family = F;
  static constexpr int kInputs = In, kOutputs = Out;  // −1 inputs: any number
};

/// Several results of a formula or rule: `return {a, b}`.
template <class T, int N>
struct Many {
  T v[N];
};

// How a rule names what it needs: `vjp(const V& dy, Out<V> y)` or `vjp(const V& dy, In<V, 0> a, In<V, 1> b)`. Both are
// const V&, except for Probe, where they are tags that tell the library what the signature asks for.
struct Probe {};
template <int I> struct InTag {};
template <int I> struct OutTag {};
template <class V, int I> struct NeedOf { using In = const V&; using Out = const V&; };
template <int I> struct NeedOf<Probe, I> { using In = InTag<I>; using Out = OutTag<I>; };
template <class V, int I = 0> using In = typename NeedOf<V, I>::In;
template <class V, int I = 0> using Out = typename NeedOf<V, I>::Out;
/// A mask input in a rule: `InMask<V, 0> m`.
template <class V, int I> struct MaskNeed { using type = const typename V::Mask&; };
template <int I> struct MaskNeed<Probe, I> { using type = InTag<I>; };
template <class V, int I> using InMask = typename MaskNeed<V, I>::type;

template <class Op, class = void> struct HasVjp : std::false_type {};
template <class Op> struct HasVjp<Op, std::void_t<decltype(&Op::template vjp<Probe>)>> : std::true_type {};

// What the parameters of a rule stand for, in order: dy of output i, input i, output i.
struct Need {
  enum Kind { dy, input, output } kind;
  int index;
};
template <class P> struct NeedFrom { static constexpr Need value{Need::dy, 0}; };
template <int I> struct NeedFrom<InTag<I>> { static constexpr Need value{Need::input, I}; };
template <int I> struct NeedFrom<OutTag<I>> { static constexpr Need value{Need::output, I}; };
template <int N> struct Needs {
  Need of[N > 0 ? N : 1];
  static constexpr int kCount = N;
};
template <class R, class... P>
constexpr Needs<sizeof...(P)> needs_from(R (*)(P...)) {
  Needs<sizeof...(P)> n{{NeedFrom<P>::value...}};
  int dys = 0;
  for (int i = 0; i < static_cast<int>(sizeof...(P)); ++i)
    if (n.of[i].kind == Need::dy) n.of[i].index = dys++;
  return n;
}
// Only the type of the rule is looked at: its body makes no sense for Probe.
template <class Op>
inline constexpr auto kNeeds = needs_from(static_cast<decltype(&Op::template vjp<Probe>)>(nullptr));

/// Gradient i of what a rule returned: one value, or one of several.
template <class T> DUET_FN constexpr const T& result(const T& r, int) { return r; }
template <class T, int N> DUET_FN constexpr const T& result(const Many<T, N>& r, int i) { return r.v[i]; }

template <class Op, int I> constexpr auto dep_parameter() {
  constexpr Need need = kNeeds<Op>.of[I];
  if constexpr (need.kind == Need::input && ((Op::kBoolIn >> need.index) & 1u)) {
    return Dep::Mask{1u << I};
  } else {
    return Dep::of(1u << I, I);
  }
}
template <class Op, int... I>
constexpr auto dep_result(std::integer_sequence<int, I...>) {
  return Op::template vjp<Dep>(dep_parameter<Op, I>()...);
}
/// The rule's parameters (bit i: parameter i) that the wanted gradients (bit i: of input i) depend on.
template <class Op>
constexpr unsigned needed_parameters(unsigned wanted) {
  auto r = dep_result<Op>(std::make_integer_sequence<int, kNeeds<Op>.kCount>());
  unsigned used = 0;
  for (int i = 0; i < Op::kInputs; ++i)
    if ((wanted >> i) & 1u) used |= result(r, i).on;
  return used;
}

/// The parameter that gradient i is, untouched (add's gradients are dy itself); −1 when it must be computed.
template <class Op>
constexpr int same_parameter(int i) {
  return result(dep_result<Op>(std::make_integer_sequence<int, kNeeds<Op>.kCount>()), i).same_as;
}

/// The gradient of a pointwise op: an op of its own in every mode. Its inputs are the rule's parameters that the wanted
/// gradients depend on, in the rule's order; its outputs the wanted gradients.
template <class Op, unsigned Wanted>
struct VjpOf {
  static constexpr unsigned kUsed = needed_parameters<Op>(Wanted);
};

}  // namespace duet

#ifndef DUET_FORMULAS_ONLY
#include "duet/ops/record.h"
#endif
