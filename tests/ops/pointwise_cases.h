// Samples of the pointwise ops: shapes, layouts, broadcasts, dtypes, values and numbers, each pair of which meets.
#pragma once

#include <fmt/format.h>

#include "ops/cases.h"

namespace duet::testing {

/// What the generator knows of a pointwise op: the formula in f64 and where it is smooth.
struct PointwiseFacts {
  std::function<Values(const Values& x)> y;  // the outputs at one place
  double low = -3, high = 3;                 // plain operands
  double ulps = 2, ulps_f64 = 6;
  double absolute = 0, absolute_f64 = 0;  // allowed besides: × max(1, |x|)
  bool kinks = false;                     // no second derivative worth checking at plain values
};

#define DUET_TEST_UNARY(Op, formula, ...)          \
  template <>                                      \
  struct Facts<Op> {                               \
    static PointwiseFacts get() {                  \
      return {.y = [](const Values& v) -> Values { \
                const double x = v[0];             \
                return {formula};                  \
              },                                   \
              __VA_ARGS__};                        \
    }                                              \
  };
#define DUET_TEST_BINARY(Op, formula, ...)         \
  template <>                                      \
  struct Facts<Op> {                               \
    static PointwiseFacts get() {                  \
      return {.y = [](const Values& v) -> Values { \
                const double a = v[0], b = v[1];   \
                return {formula};                  \
              },                                   \
              __VA_ARGS__};                        \
    }                                              \
  };
template <class Op>
struct Facts;

DUET_TEST_UNARY(Neg, -x, .ulps = 0, .ulps_f64 = 0)
DUET_TEST_UNARY(Abs, std::fabs(x), .low = 0.2, .ulps = 0, .ulps_f64 = 0)
DUET_TEST_UNARY(Exp, std::exp(x), .ulps = 2)
DUET_TEST_UNARY(Log, std::log(x), .low = 0.2, .ulps = 2)
DUET_TEST_UNARY(Sqrt, std::sqrt(x), .low = 0.2, .ulps = 0.5, .ulps_f64 = 0)
DUET_TEST_UNARY(Rsqrt, 1 / std::sqrt(x), .low = 0.2, .ulps = 2)
DUET_TEST_UNARY(Square, x* x, .ulps = 0.5, .ulps_f64 = 0)
DUET_TEST_UNARY(Reciprocal, 1 / x, .low = 0.3, .ulps = 0.5, .ulps_f64 = 0)
DUET_TEST_UNARY(Sin, std::sin(x), .ulps = 2)
DUET_TEST_UNARY(Cos, std::cos(x), .ulps = 2)
DUET_TEST_UNARY(Tanh, std::tanh(x), .ulps = 2)
DUET_TEST_UNARY(Erf, std::erf(x), .ulps = 2)
DUET_TEST_UNARY(Sigmoid, x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)), .ulps = 2)
DUET_TEST_UNARY(Relu, x < 0 ? 0 : x, .low = 0.2, .ulps = 0, .ulps_f64 = 0)
DUET_TEST_UNARY(Gelu, x<-1e3 ? -0.0 : x> 1e3 ? x : 0.5 * x * std::erfc(-x * 0.70710678118654752440), .ulps = 2,
                .absolute = 2e-7, .absolute_f64 = 1e-15)
DUET_TEST_UNARY(GeluTanh,
                x<-1e3 ? -0.0 : x> 1e3 ? x
                                       : x / (1 + std::exp(-2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x))),
                .ulps = 2, .absolute = 2e-7, .absolute_f64 = 1e-15)
DUET_TEST_UNARY(Expm1, std::expm1(x), .ulps = 2)
DUET_TEST_UNARY(Log1p, std::log1p(x), .low = -0.8, .ulps = 2)
DUET_TEST_UNARY(Silu,
                x < -800 ? -0.0
                : x < 0  ? x * std::exp(x) / (1 + std::exp(x))
                         : x / (1 + std::exp(-x)),
                .ulps = 1.1)
DUET_TEST_UNARY(Softplus, (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x))), .ulps = 1.6)
DUET_TEST_UNARY(Sign, x > 0 ? 1 : x < 0 ? -1 : x, .ulps = 0, .ulps_f64 = 0)
DUET_TEST_UNARY(Floor, std::floor(x), .ulps = 0, .ulps_f64 = 0)
DUET_TEST_UNARY(Ceil, std::ceil(x), .ulps = 0, .ulps_f64 = 0)
DUET_TEST_UNARY(Round, std::nearbyint(x), .ulps = 0, .ulps_f64 = 0)
DUET_TEST_UNARY(IsNan, double(x != x), .ulps = 0)
DUET_TEST_UNARY(IsInf, double(std::isinf(x)), .ulps = 0)
DUET_TEST_UNARY(LogicalNot, double(x == 0), .ulps = 0)
DUET_TEST_BINARY(Add, a + b, .ulps = 0.5, .ulps_f64 = 0)
DUET_TEST_BINARY(Sub, a - b, .ulps = 0.5, .ulps_f64 = 0)
DUET_TEST_BINARY(Mul, a* b, .ulps = 0.5, .ulps_f64 = 0)
DUET_TEST_BINARY(Div, a / b, .low = 0.3, .ulps = 0.5000001, .ulps_f64 = 0)
DUET_TEST_BINARY(Maximum, a != a ? a : b != b ? b : a < b ? b : a, .ulps = 0, .ulps_f64 = 0)
DUET_TEST_BINARY(Minimum, a != a ? a : b != b ? b : b < a ? b : a, .ulps = 0, .ulps_f64 = 0)
DUET_TEST_BINARY(Pow, std::pow(a, b), .low = 0.2, .ulps = 1, .ulps_f64 = 0)
DUET_TEST_BINARY(LeakyRelu, a > 0 ? a : a * b, .ulps = 0.5, .ulps_f64 = 0)
DUET_TEST_BINARY(LogicalAnd, double(a != 0 && b != 0), .ulps = 0)
DUET_TEST_BINARY(LogicalOr, double(a != 0 || b != 0), .ulps = 0)
DUET_TEST_BINARY(Eq, double(a == b), .ulps = 0)
DUET_TEST_BINARY(Ne, double(a != b), .ulps = 0)
DUET_TEST_BINARY(Lt, double(a < b), .ulps = 0)
DUET_TEST_BINARY(Le, double(a <= b), .ulps = 0)
DUET_TEST_BINARY(Gt, double(a > b), .ulps = 0)
DUET_TEST_BINARY(Ge, double(a >= b), .ulps = 0)
// Where t is near 1 the first two terms cancel.
DUET_TEST_BINARY(BinaryCrossEntropy, std::fmax(a, 0) - a * b + std::log1p(std::exp(-std::fabs(a))), .ulps = 4,
                 .absolute = 6e-7, .absolute_f64 = 2e-15)
template <>
struct Facts<Where> {
  static PointwiseFacts get() {
    return {.y = [](const Values& v) -> Values { return {v[0] != 0 ? v[1] : v[2]}; }, .ulps = 0, .ulps_f64 = 0};
  }
};
template <>
struct Facts<Clamp> {
  static PointwiseFacts get() {
    return {.y = [](const Values& v) -> Values {
              for (double x : v)
                if (x != x) return {x};
              const double x = v[0], lo = v[1], hi = v[2];
              return {hi < lo || x > hi ? hi : x < lo ? lo : x};
            },
            .ulps = 0,
            .ulps_f64 = 0};
  }
};
template <>
struct Facts<SgdUpdate> {
  static PointwiseFacts get() {
    return {.y = [](const Values& v) -> Values { return {v[0] - v[2] * v[1]}; },
            .ulps = 2,
            .ulps_f64 = 2,
            .absolute = 8e-7,
            .absolute_f64 = 1e-14};
  }
};
template <>
struct Facts<AdamUpdate> {
  static PointwiseFacts get() {
    return {.y = [](const Values& v) -> Values {
              const double m = v[5] * v[2] + v[6] * v[1], w = v[7] * v[3] + v[8] * v[1] * v[1];
              return {v[0] - v[4] * m / (std::sqrt(w) * v[10] + v[9]), m, w};
            },
            .low = 0.3,
            .high = 1.5,
            .ulps = 2,
            .ulps_f64 = 8,
            .absolute = 8e-7,
            .absolute_f64 = 1e-14};
  }
};
template <>
struct Facts<AdamWUpdate> {
  static PointwiseFacts get() {
    PointwiseFacts facts = Facts<AdamUpdate>::get();
    facts.y = [adam = facts.y](Values v) -> Values {
      v[0] *= v[11];
      return adam(v);
    };
    return facts;
  }
};
template <>
struct Facts<LionUpdate> {
  static PointwiseFacts get() {
    return {.y = [](const Values& v) -> Values {
              const double blend = v[4] * v[2] + v[5] * v[1];
              const double sign = blend > 0 ? 1 : blend < 0 ? -1 : blend;
              return {v[0] * v[8] - v[3] * sign, v[6] * v[2] + v[7] * v[1]};
            },
            .ulps = 2,
            .ulps_f64 = 8,
            .absolute = 2e-6,
            .absolute_f64 = 1e-14};
  }
};
#undef DUET_TEST_UNARY
#undef DUET_TEST_BINARY

inline const std::vector<Shape>& pointwise_shapes() {
  static const std::vector<Shape> shapes = {
      {},      {0}, {1}, {2}, {3}, {17}, {64}, {65}, {3, 17}, {17, 0, 2}, {2, 3, 5}, {2, 1, 3, 4}, {2, 2, 2, 3, 3},
      {65, 17}};
  return shapes;
}

/// How the last operand relates to the space of the others.
enum class Relation { same, scalar, no_lead, ones, number };
inline constexpr const char* kRelationNames[] = {"same", "scalar", "no lead", "ones", "number"};

inline Shape related(const Shape& shape, Relation r) {
  Shape s;
  if (r == Relation::scalar || r == Relation::number) return s;
  for (int a = 0; a < shape.rank(); ++a)
    if (r != Relation::no_lead || a > 0) s.push_back(r == Relation::ones && a % 2 == 0 ? 1 : shape[a]);
  return s;
}

/// The call of a pointwise op on tensors, the last operand a number if one is missing.
template <class Op, int Output = 0>
Tensor call_pointwise(const Tensors& x, float s) {
  OperandList list;
  for (const Tensor& t : x) list.add(t);
  if (static_cast<int>(x.size()) < Op::kInputs) {
    Saved number;
    number.kind = Operand::Kind::float_number;
    number.float_value = static_cast<double>(s);
    list.add(number);
  }
  return dispatch(op<Op>(), list.inputs())[Output];
}

template <class Op, int Output>
Sample pointwise_sample(const std::vector<int>& row, const std::vector<DType>& dtypes, Rng& rng) {
  const PointwiseFacts facts = Facts<Op>::get();
  const Shape shape = pointwise_shapes()[static_cast<size_t>(row[0])];
  const DType dtype = dtypes[static_cast<size_t>(row[1])];
  const auto layout = static_cast<Layout>(row[2]);
  const auto draw = static_cast<Draw>(row[3]);
  const auto relation = static_cast<Relation>(row[5]);
  Sample s;
  s.what = fmt::format("{} {}{} {} values {} last {} {}", std::string(Op::name), dtype, shape, kLayoutNames[row[2]],
                       row[3], kRelationNames[row[5]], kLayoutNames[row[6]]);
  s.isa = row[4] % 2 ? "v3" : "v4";
  s.threads = 1 + row[4] / 2;
  auto numbers = drawing(rng, draw, dtype, draw == Draw::plain ? facts.low : -3, facts.high);
  auto masks = drawing(rng, draw, boolean);
  const bool several = Op::kInputs > 1;
  s.number = several && relation == Relation::number && is_float(dtype);
  for (int i = 0; i < Op::kInputs - (s.number ? 1 : 0); ++i) {
    const bool last = several && i == Op::kInputs - 1, mask = (Op::kBoolIn >> i) & 1u;
    const Shape mine = last || i > 3 ? related(shape, i > 3 ? Relation::scalar : relation) : shape;
    s.inputs.push_back(
        laid_out(mine, mask ? boolean : dtype, last ? static_cast<Layout>(row[6]) : layout, mask ? masks : numbers));
  }
  s.f = call_pointwise<Op, Output>;
  s.reference = [facts, shape, dtype, number = s.number](const std::vector<Values>& x, const std::vector<Shape>& shapes,
                                                         double n) {
    Expected e;
    for_each_index(shape, [&](const auto& at) {
      Values v;
      for (size_t i = 0; i < x.size(); ++i)
        v.push_back(x[i][static_cast<size_t>(position(shapes[i], at, shape.rank()))]);
      if (number) v.push_back(n);
      double y = facts.y(v)[Output];
      // Integers wrap around.
      if (dtype == u8 && !Op::kBoolOut) y = static_cast<double>(static_cast<uint8_t>(static_cast<int64_t>(y)));
      if (dtype == i32 && !Op::kBoolOut) y = static_cast<double>(static_cast<int32_t>(static_cast<int64_t>(y)));
      e.y.push_back(y);
    });
    return e;
  };
  s.ulps = dtype == f32 ? facts.ulps : dtype == f64 ? facts.ulps_f64 : 0;
  s.absolute = dtype == f32 ? facts.absolute : dtype == f64 ? facts.absolute_f64 : 0;
  if (draw != Draw::plain && Op::kOutputs > 1) s.ulps = INFINITY;  // cancellation without bound; its bits are compared
  s.smooth = HasVjp<Op>::value && dtype == f64 && draw == Draw::plain;
  s.fuses = true;
  return s;
}

template <class Op>
requires std::is_same_v<typename Op::Family, PointwiseOps>
struct Generator<Op> {
  static std::vector<Sample> samples() {
    static_assert(sizeof(Facts<Op>) > 0, "a pointwise op without a reference: add its Facts");
    Rng rng(20240229);
    std::vector<DType> dtypes;
    for (int t = 0; t < kDTypes; ++t)
      if (contains(Op::kAccepts, static_cast<DType>(t))) dtypes.push_back(static_cast<DType>(t));
    const bool several = Op::kInputs > 1;
    std::vector<Sample> all;
    for (const auto& row : pairwise({static_cast<int>(pointwise_shapes().size()), static_cast<int>(dtypes.size()), 5, 3,
                                     4, several ? 5 : 1, several ? 5 : 1},
                                    rng)) {
      all.push_back(pointwise_sample<Op, 0>(row, dtypes, rng));
      if constexpr (Op::kOutputs > 1)
        if (row[0] % 4 == 0) {
          all.push_back(pointwise_sample<Op, 1>(row, dtypes, rng));
          all.push_back(pointwise_sample<Op, Op::kOutputs - 1>(row, dtypes, rng));
        }
    }
    return all;
  }
};

}  // namespace duet::testing
