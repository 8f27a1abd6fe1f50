// ONNX operators on each element, made of duet's.
#include "duet/ops/create.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "io/onnx_ops.h"

namespace duet::onnx {
namespace {

template <Tensor (*F)(const Operand&)>
Results unary(const Call& c) {
  return {F(c[0])};
}
template <Tensor (*F)(const Operand&, const Operand&)>
Results binary(const Call& c) {
  return {F(c[0], c[1])};
}
// Max, Min, Sum: any number of inputs, from the left.
template <Tensor (*F)(const Operand&, const Operand&)>
Results fold(const Call& c) {
  Tensor y = c[0];
  for (int i = 1; i < c.inputs(); ++i) y = F(y, c[i]);
  return {y};
}
Results identity(const Call& c) { return {c[0]}; }
Results mean_of(const Call& c) { return {div(fold<add>(c)[0], c.inputs())}; }
// Both operands in the base's type, which the result has.
Results power(const Call& c) {
  const DType wanted = c[0].dtype(), base = is_float(wanted) ? wanted : f64;
  return {cast(pow(cast(c[0], base), cast(c[1], base)), wanted)};
}
Results clip(const Call& c) {
  Tensor y = c[0];
  if (c.given("min")) y = maximum(y, c.number("min", 0));
  if (c.given("max")) y = minimum(y, c.number("max", 0));
  if (c.has(1)) y = maximum(y, c[1]);
  if (c.has(2)) y = minimum(y, c[2]);
  return {y};
}
Results cast_to(const Call& c) { return {cast(c[0], io::onnx_dtype("onnx: Cast", c.integer("to", 0)))}; }
Results cast_like(const Call& c) { return {cast(c[0], c[1].dtype())}; }
Results select(const Call& c) { return {where(c[0], c[1], c[2])}; }
Results is_inf(const Call& c) {
  const Tensor inf = isinf(c[0]);
  const bool up = c.integer("detect_positive", 1) != 0, down = c.integer("detect_negative", 1) != 0;
  if (up && down) return {inf};
  if (!up && !down) return {logical_and(inf, logical_not(inf))};
  return {logical_and(inf, up ? gt(c[0], 0) : lt(c[0], 0))};
}

// sinh by expm1, which keeps small arguments: (e + e/(e + 1)) / 2 with e = expm1(x).
Results sinh_of(const Call& c) {
  const Tensor e = expm1(abs(c[0]));
  return {sign(c[0]) * (0.5 * (e + e / (e + 1)))};
}
Results cosh_of(const Call& c) { return {0.5 * (exp(c[0]) + exp(-c[0]))}; }
Results tan_of(const Call& c) { return {sin(c[0]) / cos(c[0])}; }
Results asinh_of(const Call& c) {
  const Tensor x = abs(c[0]);
  return {sign(c[0]) * log1p(x + x * x / (1 + sqrt(x * x + 1)))};
}
Results acosh_of(const Call& c) {
  const Tensor x = c[0] - 1;
  return {log1p(x + sqrt(x * (x + 2)))};
}
Results atanh_of(const Call& c) { return {0.5 * log1p(2 * c[0] / (1 - c[0]))}; }

Tensor elu(const Tensor& x, double alpha) { return where(gt(x, 0), x, alpha * expm1(minimum(x, 0))); }
Results elu_of(const Call& c) { return {elu(c[0], c.number("alpha", 1))}; }
Results celu_of(const Call& c) {
  const double alpha = c.number("alpha", 1);
  return {where(gt(c[0], 0), c[0], alpha * expm1(minimum(c[0], 0) / alpha))};
}
Results selu_of(const Call& c) {
  return {c.number("gamma", 1.0507009873554805) * elu(c[0], c.number("alpha", 1.6732632423543772))};
}
Results hard_sigmoid(const Call& c) {
  return {minimum(maximum(c.number("alpha", 0.2) * c[0] + c.number("beta", 0.5), 0), 1)};
}
Results hard_swish(const Call& c) { return {c[0] * minimum(maximum(c[0] * (1.0 / 6) + 0.5, 0), 1)}; }
Results leaky(const Call& c) { return {leaky_relu(c[0], c.number("alpha", 0.01))}; }
Results prelu(const Call& c) { return {where(lt(c[0], 0), c[0] * c[1], c[0])}; }
Results softsign(const Call& c) { return {c[0] / (1 + abs(c[0]))}; }
Results thresholded(const Call& c) { return {where(gt(c[0], c.number("alpha", 1)), c[0], 0)}; }
Results shrink(const Call& c) {
  const double lambda = c.number("lambd", 0.5), bias = c.number("bias", 0);
  return {where(lt(c[0], -lambda), c[0] + bias, where(gt(c[0], lambda), c[0] - bias, 0))};
}

// x / scale + zero point, to the nearest even, in u8; the scale is one number or one for each place along an axis.
Tensor along(const Call& c, const Tensor& x, const Tensor& t) {
  if (t.numel() == 1) return reshape(t, {});
  Shape s;
  const int axis = axis_of(c, c.integer("axis", 1), x.rank());
  for (int i = 0; i < x.rank(); ++i) s.push_back(i == axis ? t.numel() : 1);
  return reshape(t, s);
}
Results quantize(const Call& c) {
  c.require(c[2].dtype() == u8, "only uint8 is supported");
  const Tensor y = round(c[0] / along(c, c[0], c[1])) + cast(along(c, c[0], c[2]), c[0].dtype());
  return {cast(clamp(y, 0, 255), u8)};
}
Results dequantize(const Call& c) {
  Tensor x = cast(c[0], f32);
  if (c.has(2)) x = x - cast(along(c, x, c[2]), f32);
  return {x * along(c, x, c[1])};
}

constexpr OpEntry kOps[] = {
    {"Abs", 1, 1, "", 0, unary<abs>},
    {"Acosh", 1, 1, "", 0, acosh_of},
    {"Add", 2, 2, "", 0, binary<add>},
    {"And", 2, 2, "", 0, binary<logical_and>},
    {"Asinh", 1, 1, "", 0, asinh_of},
    {"Atanh", 1, 1, "", 0, atanh_of},
    {"Cast", 1, 1, "to", 0, cast_to},
    {"CastLike", 2, 2, "", 0, cast_like},
    {"Ceil", 1, 1, "", 0, unary<ceil>},
    {"Celu", 1, 1, "alpha", 0, celu_of},
    {"Clip", 1, 3, "min max", 0, clip},
    {"Cos", 1, 1, "", 0, unary<cos>},
    {"Cosh", 1, 1, "", 0, cosh_of},
    {"DequantizeLinear", 2, 3, "axis", 0, dequantize},
    {"Div", 2, 2, "", 0, binary<div>},
    {"Elu", 1, 1, "alpha", 0, elu_of},
    {"Equal", 2, 2, "", 0, binary<eq>},
    {"Erf", 1, 1, "", 0, unary<erf>},
    {"Exp", 1, 1, "", 0, unary<exp>},
    {"Floor", 1, 1, "", 0, unary<floor>},
    {"Greater", 2, 2, "", 0, binary<gt>},
    {"GreaterOrEqual", 2, 2, "", 0, binary<ge>},
    {"HardSigmoid", 1, 1, "alpha beta", 0, hard_sigmoid},
    {"HardSwish", 1, 1, "", 0, hard_swish},
    {"Identity", 1, 1, "", 0, identity},
    {"IsInf", 1, 1, "detect_positive detect_negative", 0, is_inf},
    {"IsNaN", 1, 1, "", 0, unary<isnan>},
    {"LeakyRelu", 1, 1, "alpha", 0, leaky},
    {"Less", 2, 2, "", 0, binary<lt>},
    {"LessOrEqual", 2, 2, "", 0, binary<le>},
    {"Log", 1, 1, "", 0, unary<log>},
    {"Max", 1, -1, "", 0, fold<maximum>},
    {"Mean", 1, -1, "", 0, mean_of},
    {"Min", 1, -1, "", 0, fold<minimum>},
    {"Mul", 2, 2, "", 0, binary<mul>},
    {"Neg", 1, 1, "", 0, unary<neg>},
    {"Not", 1, 1, "", 0, unary<logical_not>},
    {"Or", 2, 2, "", 0, binary<logical_or>},
    {"PRelu", 2, 2, "", 0, prelu},
    {"Pow", 2, 2, "", 0, power},
    {"QuantizeLinear", 3, 3, "axis", 0, quantize},
    {"Reciprocal", 1, 1, "", 0, unary<reciprocal>},
    {"Relu", 1, 1, "", 0, unary<relu>},
    {"Round", 1, 1, "", 0, unary<round>},
    {"Selu", 1, 1, "alpha gamma", 0, selu_of},
    {"Shrink", 1, 1, "lambd bias", 0, shrink},
    {"Sigmoid", 1, 1, "", 0, unary<sigmoid>},
    {"Sign", 1, 1, "", 0, unary<sign>},
    {"Sin", 1, 1, "", 0, unary<sin>},
    {"Sinh", 1, 1, "", 0, sinh_of},
    {"Softplus", 1, 1, "", 0, unary<softplus>},
    {"Softsign", 1, 1, "", 0, softsign},
    {"Sqrt", 1, 1, "", 0, unary<sqrt>},
    {"Sub", 2, 2, "", 0, binary<sub>},
    {"Sum", 1, -1, "", 0, fold<add>},
    {"Tan", 1, 1, "", 0, tan_of},
    {"Tanh", 1, 1, "", 0, unary<tanh>},
    {"ThresholdedRelu", 1, 1, "alpha", 0, thresholded},
    {"Where", 3, 3, "", 0, select},
    {"Xor", 2, 2, "", 0, binary<ne>},
};

}  // namespace

std::span<const OpEntry> pointwise_ops() { return kOps; }

}  // namespace duet::onnx
