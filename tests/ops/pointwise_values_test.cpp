// Values and gradients of pointwise operations at the places that have a convention.
#include "expect.h"

namespace duet {
namespace {

using expect::bits;

const float kInf = INFINITY, kNan = NAN;

Tensor vector_of(const std::vector<float>& v) { return from_vector(v, {static_cast<int64_t>(v.size())}); }

/// y(x) has these bits, in both float types.
template <class F>
void expect_values(F f, const std::vector<float>& x, const std::vector<float>& y) {
  EXPECT_EQ(bits(f(vector_of(x))), bits(vector_of(y)));
  EXPECT_EQ(bits(f(vector_of(x).to(f64))), bits(vector_of(y).to(f64)));
}

TEST(PointwiseValues, Rounding) {
  const std::vector<float> x = {-0.0f,       0.0f,         0.3f,  -0.3f,     0.5f,  -0.5f, 0.7f,
                                -0.7f,       1.5f,         -1.5f, 2.5f,      -2.5f, 7.0f,  8388607.5f,
                                -8388607.5f, -16777217.0f, 3e38f, 0x1p-149f, kInf,  -kInf, kNan};
  std::vector<float> down, up, near;
  for (float v : x) down.push_back(std::floor(v)), up.push_back(std::ceil(v)), near.push_back(std::nearbyint(v));
  expect_values([](const Tensor& t) { return floor(t); }, x, down);
  expect_values([](const Tensor& t) { return ceil(t); }, x, up);
  expect_values([](const Tensor& t) { return round(t); }, x, near);
  for (double v : {0x1p52 - 0.5, 0x1p51 + 0.5, -0x1p51 - 0.5, -0x1p52 - 1, 0x1p53 + 2}) {
    const Tensor t = full({}, v, f64);
    EXPECT_EQ(round(t).item<double>(), std::nearbyint(v));
    EXPECT_EQ(floor(t).item<double>(), std::floor(v));
    EXPECT_EQ(ceil(t).item<double>(), std::ceil(v));
  }
}

TEST(PointwiseValues, SignAndTests) {
  const std::vector<float> x = {-2, -0.0f, 0.0f, 1e-45f, 3e38f, kInf, -kInf, kNan};
  expect_values([](const Tensor& t) { return sign(t); }, x, {-1, -0.0f, 0.0f, 1, 1, 1, -1, kNan});
  EXPECT_EQ(sign(tensor({-5, 0, 7})).to_vector<int32_t>(), (std::vector<int32_t>{-1, 0, 1}));
  EXPECT_EQ(sign(tensor({0, 7}).to(u8)).to_vector<uint8_t>(), (std::vector<uint8_t>{0, 1}));
  for (DType t : {f32, f64}) {
    const Tensor v = vector_of(x).to(t);
    EXPECT_EQ(isnan(v).to_vector<bool>(), (std::vector<bool>{false, false, false, false, false, false, false, true}));
    EXPECT_EQ(isinf(v).to_vector<bool>(), (std::vector<bool>{false, false, false, false, false, true, true, false}));
  }
}

TEST(PointwiseValues, Logic) {
  const Tensor a = tensor({0, 0, 1, 1}).to(boolean), b = tensor({0, 1, 0, 1}).to(boolean);
  EXPECT_EQ((a & b).to_vector<bool>(), (std::vector<bool>{false, false, false, true}));
  EXPECT_EQ((a | b).to_vector<bool>(), (std::vector<bool>{false, true, true, true}));
  EXPECT_EQ((!a).to_vector<bool>(), (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ((a & true).to_vector<bool>(), a.to_vector<bool>());
  EXPECT_EQ((false | b).to_vector<bool>(), b.to_vector<bool>());
  EXPECT_TRUE(!(Tensor(1.f) > 2.f)) << "of one element, ! is the language's";
  auto f = [](const Tensor& x) { return where((x > -1.f) & !(x > 1.f), x, 0.f); };
  const Tensor x = tensor({-2.f, -0.5f, 0.5f, 2.f});
  EXPECT_EQ(bits(f(x)), bits(tensor({0.f, -0.5f, 0.5f, 0.f})));
  EXPECT_EQ(bits(compile(f)(x)), bits(f(x)));
}

TEST(PointwiseValues, Clamp) {
  const std::vector<float> x = {-2, -0.0f, 0.0f, 0.5f, 1, 3, kInf, -kInf, kNan};
  expect_values([](const Tensor& t) { return clamp(t, 0, 1); }, x, {0, -0.0f, 0.0f, 0.5f, 1, 1, 1, 0, kNan});
  expect_values([](const Tensor& t) { return clamp(t, 2, 1); }, {0, 1.5f, 3}, {1, 1, 1});
  expect_values([](const Tensor& t) { return clamp(t, -1, t); }, {-2, 0, 3}, {-2, 0, 3});
  expect_values([](const Tensor& t) { return clamp(1, t, 2); }, {0.5f, 1.5f, 3, kNan}, {1, 1.5f, 2, kNan});
  EXPECT_EQ(clamp(tensor({-5, 1, 9}), 0, 4).to_vector<int32_t>(), (std::vector<int32_t>{0, 1, 4}));
  auto f = [](const Tensor& v, float lo, float hi) { return clamp(v * 2, lo, hi) + 1; };
  const Tensor v = expect::numbers({3, 67});
  EXPECT_EQ(bits(compile(f)(v, -0.5f, 0.25f)), bits(f(v, -0.5f, 0.25f))) << "two numbers have a loop of their own";
}

TEST(PointwiseValues, ClampGradient) {
  const Tensor x = tensor({-1.f, 0.f, 0.5f, 1.f, 2.f, 5.f}), lo = tensor({0.f, 0.f, 0.f, 0.f, 0.f, 7.f}),
               hi = tensor({1.f, 1.f, 1.f, 1.f, 1.f, 6.f});
  auto [dx, dlo, dhi] =
      grad<0, 1, 2>([](const Tensor& a, const Tensor& b, const Tensor& c) { return sum(clamp(a, b, c)); })(x, lo, hi);
  EXPECT_EQ(bits(dx), bits(tensor({0.f, 1.f, 1.f, 1.f, 0.f, 0.f})));
  EXPECT_EQ(bits(dlo), bits(tensor({1.f, 0.f, 0.f, 0.f, 0.f, 0.f})));
  EXPECT_EQ(bits(dhi), bits(tensor({0.f, 0.f, 0.f, 0.f, 1.f, 1.f})));
  EXPECT_EQ(bits(grad([](const Tensor& a) { return sum(clamp(a, 0, 1)); })(x)),
            bits(tensor({0.f, 1.f, 1.f, 1.f, 0.f, 0.f})));
}

TEST(PointwiseValues, LeakyRelu) {
  expect_values([](const Tensor& t) { return leaky_relu(t, 0.5f); }, {-2, -0.0f, 0, 3, kInf, -kInf, kNan},
                {-1, -0.0f, 0, 3, kInf, -kInf, kNan});
  EXPECT_EQ(bits(grad([](const Tensor& a) { return sum(leaky_relu(a, 0.25f)); })(tensor({-2.f, 0.f, 3.f}))),
            bits(tensor({0.25f, 0.25f, 1.f})));
}

// The conventions of PyTorch: a constant's gradient is 0, also where the formula says 0 · inf or 0 · NaN.
TEST(PointwiseValues, PowGradientAtZero) {
  for (DType t : {f32, f64}) {
    const Tensor a = vector_of({0, 0, 0, 2, 1e-40f, kNan, -3, -0.0f}).to(t),
                 b = vector_of({0, 1, 2, 0, 0, 0, 2, 3}).to(t);
    auto of_a = [&](const Tensor& x) { return sum(pow(x, b)); };
    EXPECT_EQ(bits(abs(grad(of_a)(a))), bits(vector_of({0, 1, 0, 0, 0, 0, 6, 0}).to(t)));
    const Tensor bases = vector_of({0, 0, 0, 1, 2}).to(t), powers = vector_of({0, 1, 2.5f, 7, 0}).to(t);
    auto of_b = [&](const Tensor& y) { return sum(pow(bases, y)); };
    const Tensor d = grad(of_b)(powers);
    EXPECT_EQ(bits(abs(d).slice(0, 0, 4)), bits(zeros({4}, t)));
    EXPECT_NEAR(d[4].to(f64).item<double>(), std::log(2.0), 1e-7);
    EXPECT_EQ(grad([&](const Tensor& y) { return sum(pow(bases, y)); })(vector_of({-1, -1, -1, 0, 0}).to(t))[0]
                  .to(f32)
                  .item(),
              -kInf);
    // x², x and 1 at 0, differentiated twice.
    auto twice = [](float n) {
      return [n](const Tensor& x) { return sum(grad([n](const Tensor& v) { return sum(pow(v, n)); })(x)); };
    };
    EXPECT_EQ(grad(twice(2))(full({1}, 0, t)).to(f32).item(), 2);
    EXPECT_EQ(grad(twice(1))(full({1}, 0, t)).to(f32).item(), 0);
    EXPECT_EQ(grad(twice(0))(full({1}, 0, t)).to(f32).item(), 0);
  }
}

TEST(PointwiseValues, QuotientsHaveGradientsWhereSquaresLeaveTheRange) {
  // d(a/b)/db = −a/b², with b² beyond f32 on either side.
  const Tensor a = vector_of({0x1p100f, 0x1p-100f, 3, 0}), b = vector_of({0x1p100f, 0x1p-80f, 2, 0x1p-100f});
  auto of_b = [&](const Tensor& v) { return sum(a / v); };
  EXPECT_EQ(bits(grad(of_b)(b)), bits(vector_of({-0x1p-100f, -0x1p60f, -0.75f, -0.0f})));
  EXPECT_EQ(bits(grad([](const Tensor& v) { return sum(3.f / v); })(vector_of({0x1p70f}))),
            bits(vector_of({-3 * 0x1p-140f})));
}

TEST(PointwiseValues, SigmoidsFadeOutThroughSubnormals) {
  // 1 / (1 + e^-x) is 0 here: e^-x is infinite.
  EXPECT_EQ(sigmoid(full({}, -722.0, f64)).item<double>(), std::exp(-722.0));
  EXPECT_EQ(sigmoid(full({}, -800.0, f64)).item<double>(), 0);
  EXPECT_EQ(sigmoid(full({}, -kInf, f64)).item<double>(), 0);
  EXPECT_EQ(sigmoid(full({}, 800.0, f64)).item<double>(), 1);
  EXPECT_GT(sigmoid(full({}, -103.0f)).item(), 0);
}

TEST(PointwiseValues, StepsHaveNoGradient) {
  using Unary = Tensor (*)(const Operand&);
  const Unary all[] = {sign, floor, ceil, round};
  for (Unary f : all) {
    auto g = grad([&](const Tensor& x) { return sum(f(x) * x); })(tensor({-1.5f, 2.25f}));
    EXPECT_EQ(bits(g), bits(f(tensor({-1.5f, 2.25f}))));
  }
}

}  // namespace
}  // namespace duet
