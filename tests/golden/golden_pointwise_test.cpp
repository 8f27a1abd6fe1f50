// Operations on each element.
#include "golden/cases.h"

namespace duet::golden {

Cases pointwise_cases() {
  Cases cases;
  const auto plain = {"smooth", "special"};
  const auto integers = {"i32", "i64"};
  cases("neg", plain, call(neg));
  cases("neg", integers, call(neg));
  cases("abs", plain, call(abs));
  cases("abs", {"kink", "i32", "i64"}, call(abs));
  cases("exp", plain, call(exp));
  cases("exp", {"rank4", "scalar", "none"}, call(exp));
  cases("log", plain, call(log));
  cases("sqrt", plain, call(sqrt));
  cases("rsqrt", plain, call(rsqrt));
  cases("square", plain, call(square));
  cases("square", integers, call(square));
  cases("reciprocal", plain, call(reciprocal));
  cases("sin", plain, call(sin));
  cases("sin", {"large"}, call(sin));
  cases("cos", plain, call(cos));
  cases("cos", {"large"}, call(cos));
  cases("tanh", plain, call(tanh));
  cases("erf", plain, call(erf));
  cases("erf", {"far"}, call(erf));
  cases("sigmoid", plain, call(sigmoid));
  cases("sigmoid", {"far"}, call(sigmoid), {1e-6, 1e-3, 1e-3, false, "1 − y cancels near y = 1, in PyTorch's f32 too"});
  cases("relu", plain, call(relu));
  cases("relu", {"kink"}, call(relu));
  cases("gelu", plain, call(gelu));
  cases("gelu_tanh", plain, call(gelu_tanh));
  cases("expm1", plain, call(expm1));
  cases("expm1", {"small"}, call(expm1));
  cases("sign", plain, call(sign));
  cases("sign", {"kink", "i32", "i64"}, call(sign));
  cases("log1p", plain, call(log1p));
  cases("log1p", {"small"}, call(log1p));
  for (const char* which : {"smooth", "special", "kink"}) {
    cases("floor", {which}, call(floor));
    cases("ceil", {which}, call(ceil));
    cases("round", {which}, call(round));
  }
  cases("leaky_relu", {"smooth", "special", "kink"}, [](const Tensors& x) { return leaky_relu(x[0]); });
  cases("leaky_relu", {"slope"}, [](const Tensors& x) { return leaky_relu(x[0], 0.2); });
  cases("silu", plain, call(silu));
  cases("silu", {"far"}, call(silu));
  cases("softplus", plain, call(softplus));
  cases("softplus", {"far"}, call(softplus));
  cases("isnan", {"special"}, call(isnan));
  cases("isinf", {"special"}, call(isinf));
  cases("logical_not", {"bool"}, call(logical_not));

  // Gradients of broadcast operands are sums.
  const auto shapes = {"same", "row", "outer", "scalar", "rank3", "special"};
  cases("add", shapes, call(add), kSums);
  cases("add", integers, call(add));
  cases("sub", shapes, call(sub), kSums);
  cases("sub", integers, call(sub));
  cases("mul", shapes, call(mul), kSums);
  cases("mul", integers, call(mul));
  cases("div", shapes, call(div), kSums);
  for (const char* which : {"same", "outer", "equal", "i64", "special"}) {
    cases("maximum", {which}, call(maximum), kSums);
    cases("minimum", {which}, call(minimum), kSums);
  }
  const auto kinds = {"f32", "i32", "bool"};
  cases("eq", kinds, call(eq));
  cases("ne", kinds, call(ne));
  cases("lt", kinds, call(lt));
  cases("le", kinds, call(le));
  cases("gt", kinds, call(gt));
  cases("ge", kinds, call(ge));
  cases("where", {"same", "broadcast", "i32", "special"}, call(where), kSums);
  cases("logical_and", {"bool", "outer"}, call(logical_and));
  cases("logical_or", {"bool", "outer"}, call(logical_or));
  cases("pow", {"positive", "outer", "special"}, call(pow), kSums);
  cases("pow", {"whole"}, [](const Tensors& x) { return pow(x[0], arange(-3, 4, 1, x[0].dtype())); });
  cases("pow", {"zero"}, [](const Tensors& x) { return pow(x[0], arange(4, x[0].dtype())); });
  cases("pow", {"number"}, [](const Tensors& x) { return pow(x[0], 3); });
  cases("clamp", {"number", "special"}, [](const Tensors& x) { return clamp(x[0], -0.75, 1.25); });
  cases("clamp", {"i32"}, [](const Tensors& x) { return clamp(x[0], -3, 4); });
  cases("clamp", {"tensors"}, [](const Tensors& x) { return clamp(x[0], x[1], x[2]); });
  return cases;
}

namespace {

TEST(GoldenPointwise, AgreesWithPyTorch) { check_family("pointwise", pointwise_cases()); }

}  // namespace
}  // namespace duet::golden
