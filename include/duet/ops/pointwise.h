// Operations on each element, with NumPy's broadcasting: the family's table of contents and the words that users write.
#pragma once

#include "duet/ops/pointwise_arith.h"
#include "duet/ops/pointwise_math.h"
#include "duet/ops/pointwise_activation.h"
#include "duet/ops/pointwise_compare.h"
#include "duet/ops/pointwise_update.h"

namespace duet {

struct PointwiseOps
    : OpList<Neg, Abs, Sign, Square, Reciprocal, Add, Sub, Mul, Div, Maximum, Minimum, Clamp, Floor, Ceil, Round,  //
             Sqrt, Rsqrt, Exp, Expm1, Log, Log1p, Sin, Cos, Tanh, Erf, Pow,                                        //
             Sigmoid, Relu, LeakyRelu, Gelu, GeluTanh, Silu, Softplus,                                             //
             Eq, Ne, Lt, Le, Gt, Ge, IsNan, IsInf, LogicalAnd, LogicalOr, LogicalNot, Where,                       //
             BinaryCrossEntropy, SgdUpdate, AdamUpdate, AdamWUpdate, LionUpdate> {};

}  // namespace duet

#ifndef DUET_FORMULAS_ONLY
namespace duet {

const OpRecord& builtin(const PointwiseOps*, int i);

inline Tensor neg(const Operand& x) { return dispatch(op<Neg>(), {x}); }
inline Tensor abs(const Operand& x) { return dispatch(op<Abs>(), {x}); }
inline Tensor sign(const Operand& x) { return dispatch(op<Sign>(), {x}); }
inline Tensor exp(const Operand& x) { return dispatch(op<Exp>(), {x}); }
inline Tensor log(const Operand& x) { return dispatch(op<Log>(), {x}); }
inline Tensor log1p(const Operand& x) { return dispatch(op<Log1p>(), {x}); }
inline Tensor sqrt(const Operand& x) { return dispatch(op<Sqrt>(), {x}); }
inline Tensor rsqrt(const Operand& x) { return dispatch(op<Rsqrt>(), {x}); }
inline Tensor square(const Operand& x) { return dispatch(op<Square>(), {x}); }
inline Tensor reciprocal(const Operand& x) { return dispatch(op<Reciprocal>(), {x}); }
inline Tensor sin(const Operand& x) { return dispatch(op<Sin>(), {x}); }
inline Tensor cos(const Operand& x) { return dispatch(op<Cos>(), {x}); }
inline Tensor tanh(const Operand& x) { return dispatch(op<Tanh>(), {x}); }
inline Tensor erf(const Operand& x) { return dispatch(op<Erf>(), {x}); }
inline Tensor sigmoid(const Operand& x) { return dispatch(op<Sigmoid>(), {x}); }
inline Tensor relu(const Operand& x) { return dispatch(op<Relu>(), {x}); }
/// x, or slope·x where x is not positive.
inline Tensor leaky_relu(const Operand& x, const Operand& slope = 0.01) {
  return dispatch(op<LeakyRelu>(), {x, slope});
}
inline Tensor gelu(const Operand& x) { return dispatch(op<Gelu>(), {x}); }
inline Tensor gelu_tanh(const Operand& x) { return dispatch(op<GeluTanh>(), {x}); }
inline Tensor silu(const Operand& x) { return dispatch(op<Silu>(), {x}); }
inline Tensor softplus(const Operand& x) { return dispatch(op<Softplus>(), {x}); }
inline Tensor expm1(const Operand& x) { return dispatch(op<Expm1>(), {x}); }
inline Tensor floor(const Operand& x) { return dispatch(op<Floor>(), {x}); }
inline Tensor ceil(const Operand& x) { return dispatch(op<Ceil>(), {x}); }
inline Tensor round(const Operand& x) { return dispatch(op<Round>(), {x}); }
inline Tensor isnan(const Operand& x) { return dispatch(op<IsNan>(), {x}); }
inline Tensor isinf(const Operand& x) { return dispatch(op<IsInf>(), {x}); }
inline Tensor logical_not(const Operand& x) { return dispatch(op<LogicalNot>(), {x}); }
inline Tensor add(const Operand& a, const Operand& b) { return dispatch(op<Add>(), {a, b}); }
inline Tensor sub(const Operand& a, const Operand& b) { return dispatch(op<Sub>(), {a, b}); }
inline Tensor mul(const Operand& a, const Operand& b) { return dispatch(op<Mul>(), {a, b}); }
inline Tensor div(const Operand& a, const Operand& b) { return dispatch(op<Div>(), {a, b}); }
inline Tensor pow(const Operand& a, const Operand& b) { return dispatch(op<Pow>(), {a, b}); }
inline Tensor maximum(const Operand& a, const Operand& b) { return dispatch(op<Maximum>(), {a, b}); }
inline Tensor minimum(const Operand& a, const Operand& b) { return dispatch(op<Minimum>(), {a, b}); }
inline Tensor clamp(const Operand& x, const Operand& lo, const Operand& hi) {
  return dispatch(op<Clamp>(), {x, lo, hi});
}
// Three Tensors: std::clamp would fit them exactly and compare them whole.
inline Tensor clamp(const Tensor& x, const Tensor& lo, const Tensor& hi,
                    std::source_location line = std::source_location::current()) {
  return clamp(Operand(x, line), Operand(lo, line), Operand(hi, line));
}
inline Tensor eq(const Operand& a, const Operand& b) { return dispatch(op<Eq>(), {a, b}); }
inline Tensor ne(const Operand& a, const Operand& b) { return dispatch(op<Ne>(), {a, b}); }
inline Tensor lt(const Operand& a, const Operand& b) { return dispatch(op<Lt>(), {a, b}); }
inline Tensor le(const Operand& a, const Operand& b) { return dispatch(op<Le>(), {a, b}); }
inline Tensor gt(const Operand& a, const Operand& b) { return dispatch(op<Gt>(), {a, b}); }
inline Tensor ge(const Operand& a, const Operand& b) { return dispatch(op<Ge>(), {a, b}); }
inline Tensor logical_and(const Operand& a, const Operand& b) { return dispatch(op<LogicalAnd>(), {a, b}); }
inline Tensor logical_or(const Operand& a, const Operand& b) { return dispatch(op<LogicalOr>(), {a, b}); }
inline Tensor where(const Operand& c, const Operand& a, const Operand& b) { return dispatch(op<Where>(), {c, a, b}); }

inline Tensor operator-(const Operand& x) { return neg(x); }
inline Tensor operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Tensor operator-(const Operand& a, const Operand& b) { return sub(a, b); }
inline Tensor operator*(const Operand& a, const Operand& b) { return mul(a, b); }
inline Tensor operator/(const Operand& a, const Operand& b) { return div(a, b); }
inline Tensor operator==(const Operand& a, const Operand& b) { return eq(a, b); }
inline Tensor operator!=(const Operand& a, const Operand& b) { return ne(a, b); }
inline Tensor operator<(const Operand& a, const Operand& b) { return lt(a, b); }
inline Tensor operator<=(const Operand& a, const Operand& b) { return le(a, b); }
inline Tensor operator>(const Operand& a, const Operand& b) { return gt(a, b); }
inline Tensor operator>=(const Operand& a, const Operand& b) { return ge(a, b); }
inline Tensor operator&(const Operand& a, const Operand& b) { return logical_and(a, b); }
inline Tensor operator|(const Operand& a, const Operand& b) { return logical_or(a, b); }
// Taking an Operand, ! would be ambiguous with the language's own on explicit operator bool. So it knows no line;
// messages of logical_not do.
inline Tensor operator!(const Tensor& x) { return logical_not(Operand(x, std::source_location())); }

// x += y rebinds x; its storage is reused when x is the only owner.
inline Tensor& operator+=(Tensor& x, const Operand& y) { return x = add(Operand(std::move(x), y.line()), y); }
inline Tensor& operator-=(Tensor& x, const Operand& y) { return x = sub(Operand(std::move(x), y.line()), y); }
inline Tensor& operator*=(Tensor& x, const Operand& y) { return x = mul(Operand(std::move(x), y.line()), y); }
inline Tensor& operator/=(Tensor& x, const Operand& y) { return x = div(Operand(std::move(x), y.line()), y); }

// std::max would compile through operator< and pick one whole tensor.
Tensor max(const Tensor&, const Tensor&) = delete;  // use maximum(a, b)
Tensor min(const Tensor&, const Tensor&) = delete;  // use minimum(a, b)

}  // namespace duet
#endif
