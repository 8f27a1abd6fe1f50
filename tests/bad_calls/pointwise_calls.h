// Wrong calls of the pointwise functions and operators.
#pragma once

#include "bad_calls/call.h"

namespace duet::bad {

inline void add_pointwise(std::vector<Function>& all) {
  const Tensor a = expect::numbers({2, 3}, 1), b = expect::numbers({2, 3}, 2), c = expect::numbers({3}, 3);
  const Tensor n = duet::tensor({{1, 2, 3}, {0, 1, 2}}), m = n > 1, k = m.to(boolean), u = n.to(u8);
  auto unary = [&](const char* name, Unary f, Types types) {
    all.push_back({"pointwise", name, {tensor("x", types == Types::bools ? m : a, types)}, [f](const Values& v) {
                     return Tensors{f(v.t(0))};
                   }});
  };
#define UNARY(f, types) \
  unary(                \
      #f, [](const Tensor& x) { return f(x); }, types)
  UNARY(neg, Types::numbers);
  UNARY(abs, Types::numbers);
  UNARY(sign, Types::numbers);
  UNARY(exp, Types::floats);
  UNARY(log, Types::floats);
  UNARY(log1p, Types::floats);
  UNARY(sqrt, Types::floats);
  UNARY(rsqrt, Types::floats);
  UNARY(square, Types::numbers);
  UNARY(reciprocal, Types::floats);
  UNARY(sin, Types::floats);
  UNARY(cos, Types::floats);
  UNARY(tanh, Types::floats);
  UNARY(erf, Types::floats);
  UNARY(sigmoid, Types::floats);
  UNARY(relu, Types::floats);
  UNARY(gelu, Types::floats);
  UNARY(gelu_tanh, Types::floats);
  UNARY(silu, Types::floats);
  UNARY(softplus, Types::floats);
  UNARY(expm1, Types::floats);
  UNARY(floor, Types::floats);
  UNARY(ceil, Types::floats);
  UNARY(round, Types::floats);
  UNARY(isnan, Types::floats);
  UNARY(isinf, Types::floats);
  UNARY(logical_not, Types::bools);
#undef UNARY
  unary(
      "neg", [](const Tensor& x) { return -x; }, Types::numbers);
  all.push_back({"pointwise", "logical_not", {tensor("x", m, Types::bools)}, [](const Values& v) {
                   return Tensors{logical_not(v.t(0))};
                 }});

  auto binary = [&](const char* name, Binary f, const Tensor& x, const Tensor& y, Types types) {
    all.push_back({"pointwise",
                   name,
                   {tensor("a", x, types, Fits::last), tensor("b", y, types, Fits::last)},
                   [f](const Values& v) { return Tensors{f(v.t(0), v.t(1))}; }});
  };
#define BINARY(name, expression)                                                              \
  binary(                                                                                     \
      name, [](const Tensor& x, const Tensor& y) { return expression; }, a, b, Types::alike); \
  binary(                                                                                     \
      name, [](const Tensor& x, const Tensor& y) { return expression; }, c, a, Types::alike)
  BINARY("add", add(x, y));
  BINARY("add", x + y);
  BINARY("sub", sub(x, y));
  BINARY("sub", x - y);
  BINARY("mul", mul(x, y));
  BINARY("mul", x * y);
  BINARY("div", div(x, y));
  BINARY("div", x / y);
  BINARY("pow", pow(x, y));
  BINARY("maximum", maximum(x, y));
  BINARY("minimum", minimum(x, y));
  BINARY("leaky_relu", leaky_relu(x, y));
  BINARY("eq", eq(x, y));
  BINARY("eq", x == y);
  BINARY("ne", ne(x, y));
  BINARY("ne", x != y);
  BINARY("lt", lt(x, y));
  BINARY("lt", x < y);
  BINARY("le", le(x, y));
  BINARY("le", x <= y);
  BINARY("gt", gt(x, y));
  BINARY("gt", x > y);
  BINARY("ge", ge(x, y));
  BINARY("ge", x >= y);
#undef BINARY
  binary(
      "logical_and", [](const Tensor& x, const Tensor& y) { return logical_and(x, y); }, m, k, Types::bools);
  binary(
      "logical_and", [](const Tensor& x, const Tensor& y) { return x & y; }, m, k, Types::bools);
  binary(
      "logical_or", [](const Tensor& x, const Tensor& y) { return logical_or(x, y); }, m, k, Types::bools);
  binary(
      "logical_or", [](const Tensor& x, const Tensor& y) { return x | y; }, m, k, Types::bools);
  auto assigning = [&](const char* name, Binary f) { binary(name, f, a, b, Types::alike); };
  assigning("add", [](const Tensor& v, const Tensor& y) {
    Tensor x = v;
    return x += y;
  });
  assigning("sub", [](const Tensor& v, const Tensor& y) {
    Tensor x = v;
    return x -= y;
  });
  assigning("mul", [](const Tensor& v, const Tensor& y) {
    Tensor x = v;
    return x *= y;
  });
  assigning("div", [](const Tensor& v, const Tensor& y) {
    Tensor x = v;
    return x /= y;
  });

  all.push_back({"pointwise",
                 "clamp",
                 {tensor("x", a, Types::alike, Fits::broadcast), tensor("lo", b, Types::alike, Fits::broadcast),
                  tensor("hi", c, Types::alike, Fits::broadcast)},
                 [](const Values& v) { return Tensors{clamp(v.t(0), v.t(1), v.t(2))}; }});
  all.push_back({"pointwise",
                 "where",
                 {tensor("c", m, Types::bools, Fits::broadcast), tensor("a", a, Types::alike, Fits::broadcast),
                  tensor("b", c, Types::alike, Fits::broadcast)},
                 [](const Values& v) { return Tensors{where(v.t(0), v.t(1), v.t(2))}; }});

  // Numbers beside tensors: what does not fit, and what is floating beside integers.
  auto beside = [&](const char* name, auto f) {
    all.push_back({"numbers",
                   name,
                   {fixed("x", n), choices("number", 1,
                                           {int64_t{INT_MAX} + 1, int64_t{INT_MIN} - 1, INT64_MAX, INT64_MIN,
                                            3'000'000'000, -3'000'000'000})},
                   [f](const Values& v) { return Tensors{f(v.t(0), v.n(1))}; }});
    all.push_back({"numbers",
                   name,
                   {fixed("x", u), choices("number", 1, {-1, 256, 300, INT_MAX, INT_MIN, INT64_MAX})},
                   [f](const Values& v) { return Tensors{f(v.t(0), v.n(1))}; }});
    for (const Tensor& x : {n, n.to(i64), u}) {
      all.push_back({"numbers",
                     name,
                     {Argument{"x", x, {{"of f32", x.to(f32)}}}.without("of"), fixed("number", 1.0)},
                     [f](const Values& v) { return Tensors{f(v.t(0), static_cast<int64_t>(v.d(1)))}; }});
      Argument number = reals("number", 1, {0.5, 2.0, kNaN, kInf, -kInf, 1e300});
      all.push_back({"numbers", name, {fixed("x", x), number}, [f](const Values& v) {
                       return v.d(1) == 1 ? Tensors{f(v.t(0), 1)} : Tensors{f(v.t(0), v.d(1))};
                     }});
    }
  };
  beside("add", [](const Tensor& x, auto y) { return x + y; });
  beside("sub", [](const Tensor& x, auto y) { return x - y; });
  beside("mul", [](const Tensor& x, auto y) { return y * x; });
  beside("maximum", [](const Tensor& x, auto y) { return maximum(x, y); });
  beside("minimum", [](const Tensor& x, auto y) { return minimum(y, x); });
  beside("eq", [](const Tensor& x, auto y) { return x == y; });
  beside("ne", [](const Tensor& x, auto y) { return x != y; });
  beside("lt", [](const Tensor& x, auto y) { return x < y; });
  beside("le", [](const Tensor& x, auto y) { return x <= y; });
  beside("gt", [](const Tensor& x, auto y) { return x > y; });
  beside("ge", [](const Tensor& x, auto y) { return y >= x; });
}

}  // namespace duet::bad
