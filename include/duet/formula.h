// Formula, the number type that stands for whole tensors: a rule run over it gives the gradient of a gradient.
#pragma once

#include "duet/grad.h"

namespace duet {

/// A tensor, or a literal of the rule itself.
struct Formula : math::Number {
  static constexpr bool kIsDouble = false;
  using Mask = Formula;  // a bool tensor
  Tensor tensor;
  Saved number;  // a literal or a kept C++ number, when kind is one

  Formula() = default;
  explicit Formula(double v) { number.kind = Operand::Kind::constant, number.float_value = v; }
  explicit Formula(Tensor t) : tensor(std::move(t)) {}
  explicit Formula(const Saved& s) : tensor(s.tensor), number(s) {}
  Saved saved() const {
    Saved s = number;
    s.tensor = tensor;
    return s;
  }
};

/// The element type that the running rule computes in.
inline thread_local DType formula_dtype = DType::f32;

template <class... A>
Formula formula_dispatch(const OpRecord& op, const A&... x) {
  Saved operands[] = {x.saved()...};  // alive until the call is over: operands point at their tensors
  bool typed = false;
  for (size_t i = 0; i < sizeof...(A); ++i) typed |= !((op.bool_in >> i) & 1u) && operands[i].tensor.defined();
  if (!typed) {
    // Numbers alone (the b·b of a division by a number, the choice of one) take the rule's type, as they do beside its
    // tensors.
    for (size_t i = 0; i < sizeof...(A); ++i) {
      Saved& s = operands[i];
      if (s.tensor.defined()) continue;
      const DType dtype = (op.bool_in >> i) & 1u ? DType::boolean : formula_dtype;
      s = Saved{full({}, Operand::number(s.kind, s.float_value, s.int_value), dtype)};
    }
  }
  OperandList list;
  for (const Saved& s : operands) list.add(s);
  return Formula(Tensor(dispatch(op, list.inputs())));
}

inline Formula operator+(const Formula& a, const Formula& b) { return formula_dispatch(op<Add>(), a, b); }
inline Formula operator-(const Formula& a, const Formula& b) { return formula_dispatch(op<Sub>(), a, b); }
inline Formula operator*(const Formula& a, const Formula& b) { return formula_dispatch(op<Mul>(), a, b); }
inline Formula operator/(const Formula& a, const Formula& b) { return formula_dispatch(op<Div>(), a, b); }
inline Formula operator-(const Formula& a) { return formula_dispatch(op<Neg>(), a); }
inline Formula operator<(const Formula& a, const Formula& b) { return formula_dispatch(op<Lt>(), a, b); }
inline Formula operator<=(const Formula& a, const Formula& b) { return formula_dispatch(op<Le>(), a, b); }
inline Formula operator>(const Formula& a, const Formula& b) { return formula_dispatch(op<Gt>(), a, b); }
inline Formula operator>=(const Formula& a, const Formula& b) { return formula_dispatch(op<Ge>(), a, b); }
inline Formula operator==(const Formula& a, const Formula& b) { return formula_dispatch(op<Eq>(), a, b); }
inline Formula operator!=(const Formula& a, const Formula& b) { return formula_dispatch(op<Ne>(), a, b); }
inline Formula operator&(const Formula& a, const Formula& b) { return formula_dispatch(op<LogicalAnd>(), a, b); }
inline Formula operator|(const Formula& a, const Formula& b) { return formula_dispatch(op<LogicalOr>(), a, b); }
inline Formula operator~(const Formula& x) { return formula_dispatch(op<LogicalNot>(), x); }
inline Formula select(const Formula& m, const Formula& a, const Formula& b) {
  return formula_dispatch(op<Where>(), m, a, b);
}
inline Formula fma(const Formula& a, const Formula& b, const Formula& c) { return a * b + c; }
inline Formula exp(const Formula& x) { return formula_dispatch(op<Exp>(), x); }
inline Formula log(const Formula& x) { return formula_dispatch(op<Log>(), x); }
inline Formula log1p(const Formula& x) { return formula_dispatch(op<Log1p>(), x); }
inline Formula pow(const Formula& a, const Formula& b) { return formula_dispatch(op<Pow>(), a, b); }
inline Formula sqrt(const Formula& x) { return formula_dispatch(op<Sqrt>(), x); }
inline Formula rsqrt(const Formula& x) { return formula_dispatch(op<Rsqrt>(), x); }
inline Formula square(const Formula& x) { return formula_dispatch(op<Square>(), x); }
inline Formula reciprocal(const Formula& x) { return formula_dispatch(op<Reciprocal>(), x); }
inline Formula abs(const Formula& x) { return formula_dispatch(op<Abs>(), x); }
inline Formula sign(const Formula& x) { return formula_dispatch(op<Sign>(), x); }
inline Formula floor(const Formula& x) { return formula_dispatch(op<Floor>(), x); }
inline Formula ceil(const Formula& x) { return formula_dispatch(op<Ceil>(), x); }
inline Formula round(const Formula& x) { return formula_dispatch(op<Round>(), x); }
inline Formula isnan(const Formula& x) { return formula_dispatch(op<IsNan>(), x); }
inline Formula isinf(const Formula& x) { return formula_dispatch(op<IsInf>(), x); }
inline Formula maximum(const Formula& a, const Formula& b) { return formula_dispatch(op<Maximum>(), a, b); }
inline Formula minimum(const Formula& a, const Formula& b) { return formula_dispatch(op<Minimum>(), a, b); }
inline Formula clamp(const Formula& x, const Formula& lo, const Formula& hi) {
  return formula_dispatch(op<Clamp>(), x, lo, hi);
}
inline Formula sin(const Formula& x) { return formula_dispatch(op<Sin>(), x); }
inline Formula cos(const Formula& x) { return formula_dispatch(op<Cos>(), x); }
inline Formula tanh(const Formula& x) { return formula_dispatch(op<Tanh>(), x); }
inline Formula erf(const Formula& x) { return formula_dispatch(op<Erf>(), x); }
inline Formula expm1(const Formula& x) { return formula_dispatch(op<Expm1>(), x); }
inline Formula sigmoid(const Formula& x) { return formula_dispatch(op<Sigmoid>(), x); }
inline Formula relu(const Formula& x) { return formula_dispatch(op<Relu>(), x); }
inline Formula leaky_relu(const Formula& x, const Formula& slope) {
  return formula_dispatch(op<LeakyRelu>(), x, slope);
}
inline Formula silu(const Formula& x) { return formula_dispatch(op<Silu>(), x); }
inline Formula softplus(const Formula& x) { return formula_dispatch(op<Softplus>(), x); }
inline Formula gelu_erf(const Formula& x) { return formula_dispatch(op<Gelu>(), x); }
inline Formula gelu_erf_slope(const Formula& x) {
  const Formula c = clamp(x, Formula(-40), Formula(40));
  return Formula(0.5) + Formula(0.5) * erf(c * Formula(0.7071067811865476)) +
         c * Formula(0.3989422804014327) * exp(c * c * Formula(-0.5));
}
inline Formula gelu_tanh(const Formula& x) { return formula_dispatch(op<GeluTanh>(), x); }

/// The gradient of a pointwise gradient op: its rule is run again over Formula under a tape of its own, for
/// derivatives, never for its value.
template <class Op, unsigned Wanted>
void vjp_of_vjp(VjpContext& c) {
  constexpr unsigned used = needed_parameters<Op>(Wanted);
  struct Scope {
    DType saved;
    explicit Scope(DType t) : saved(std::exchange(formula_dtype, t)) {}
    ~Scope() { formula_dtype = saved; }
  } dtype_scope(c.dy().dtype());
  TapeImpl tape;
  std::vector<uint64_t> targets(static_cast<size_t>(c.inputs()), 0);
  std::vector<std::pair<uint64_t, Tensor>> seeds;
  Formula parameters[kNeeds<Op>.kCount + 1];
  for (int p = 0, k = 0; p < kNeeds<Op>.kCount; ++p) {
    if (!((used >> p) & 1u)) {
      parameters[p] = Formula(0.0);
      continue;
    }
    Saved s = c.input(k);
    if (c.wants(k)) {
      s.tensor = alias(s.tensor);
      tape.watch(s.tensor.id());
      targets[static_cast<size_t>(k)] = s.tensor.id();
    }
    parameters[p] = Formula(s);
    ++k;
  }
  {
    TapeScope scope(tape);
    [&]<int... P>(std::integer_sequence<int, P...>) {
      auto g = Op::template vjp<Formula>(parameters[P]...);
      for (int i = 0, k = 0; i < Op::kInputs; ++i)
        if ((Wanted >> i) & 1u)
          seeds.emplace_back(result(g, i).tensor.defined() ? result(g, i).tensor.id() : 0, c.dy(k++));
    }
    (std::make_integer_sequence<int, kNeeds<Op>.kCount>());
  }
  std::vector<Tensor> grads = tape.backward(seeds, targets);
  for (int k = 0; k < c.inputs(); ++k)
    if (c.wants(k)) {
      Tensor& g = grads[static_cast<size_t>(k)];
      c.set(k, g.defined() ? sum_to(g, c.in_shape(k)) : zeros(c.in_shape(k), c.in_dtype(k)));
    }
}

}  // namespace duet
