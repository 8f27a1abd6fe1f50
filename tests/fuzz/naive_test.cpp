// The naive interpreter knows every operation that programs can be made of, gives what is known by other means, and has
// something to say of nearly all that the fuzzer makes.
#include <cmath>

#include "expect.h"
#include "fuzz/growth.h"
#include "fuzz/naive/array.h"
#include "fuzz/oracle.h"

namespace duet::fuzz {
namespace {

using naive::Array;
using naive::Arrays;
using naive::Num;

Array floats(const naive::Dims& shape, const std::vector<double>& v, DType dtype = f32) {
  Array a = naive::filled(dtype, shape);
  for (size_t i = 0; i < v.size(); ++i) a.x[i].v = v[i];
  return a;
}
Array whole(const naive::Dims& shape, const std::vector<int64_t>& v, DType dtype = i64) {
  Array a = naive::filled(dtype, shape);
  for (size_t i = 0; i < v.size(); ++i) a.n[i].v = v[i];
  return a;
}
std::vector<Array> run(const char* op, const std::vector<Array>& in, std::vector<int64_t> attrs = {},
                       std::shared_ptr<const Body> body = nullptr) {
  Step s{op, {}, std::move(attrs), 1, std::move(body)};
  for (size_t i = 0; i < in.size(); ++i) s.in.push_back({Ref::value, static_cast<int>(i), 0});
  return naive::compute(s, in, {0.75, -0.5});
}
std::vector<double> values(const Array& a) {
  std::vector<double> v;
  for (const Num& x : a.x) v.push_back(x.v);
  for (const naive::Whole& n : a.n) v.push_back(static_cast<double>(n.v));
  return v;
}
using Doubles = std::vector<double>;
void expect_near(const Array& a, const Doubles& v, double tolerance = 1e-12) {
  ASSERT_EQ(a.x.size(), v.size());
  for (size_t i = 0; i < v.size(); ++i) EXPECT_NEAR(a.x[i].v, v[i], tolerance) << i;
}

TEST(Naive, EveryOperationOfTheFuzzerHasADefinition) {
  std::string missing;
  for (const std::string& name : rule_names())
    if (!naive::knows(name)) missing += name + " ";
  EXPECT_EQ(missing, "");
}

TEST(Naive, KnownValues) {
  const Array x = floats({2, 3}, {1, -2, 3, 4, 5, -6});
  expect_near(run("sum", {x}, {2, 0})[0], {2, 3});
  expect_near(run("sum", {x}, {1, 1})[0], {5, 3, -3});
  expect_near(run("mean", {x}, {3, 0})[0], {5.0 / 6});
  expect_near(run("var", {floats({4}, {1, 2, 3, 4})}, {1, 0})[0], {1.25});
  expect_near(run("max", {x}, {2, 0})[0], {3, 5});
  expect_near(run("transpose", {x}, {1, 0})[0], {1, 4, -2, 5, 3, -6});
  expect_near(run("slice", {x}, {1, 0, 2, 2})[0], {1, 3, 4, -6});
  expect_near(run("concat", {x, x}, {0})[0], {1, -2, 3, 4, 5, -6, 1, -2, 3, 4, 5, -6});
  expect_near(run("cumsum", {x}, {1, 1})[0], {2, 1, 3, 3, -1, -6});
  expect_near(run("matmul", {x, run("transpose", {x}, {1, 0})[0]})[0], {14, -24, -24, 77});
  expect_near(run("add", {x, floats({3}, {10, 20, 30})})[0], {11, 18, 33, 14, 25, 24});
  expect_near(run("gelu", {floats({2}, {1, -1})})[0], {0.8413447460685429, -0.15865525393145707});
  expect_near(run("gelu_tanh", {floats({1}, {1})})[0], {0.8411919906082768});
  expect_near(run("softmax", {floats({2}, {0, std::log(3)})}, {0})[0], {0.25, 0.75});
  expect_near(run("layer_norm", {floats({2}, {1, 3}), floats({2}, {1, 2}), floats({2}, {0, 1})})[0], {-1, 3}, 1e-4);
  expect_near(run("cross_entropy", {floats({1, 2}, {0, 0}), whole({1}, {1})})[0], {std::log(2)});
  expect_near(run("conv2d", {floats({1, 1, 2, 2}, {1, 2, 3, 4}), floats({1, 1, 2, 2}, {1, 0, 0, 1})},
                  {2, 2, 1, 1, 0, 0, 1, 1})[0],
              {5});
  EXPECT_EQ(values(run("sort", {floats({3}, {2, 1, 3})}, {1})[1]), (Doubles{2, 0, 1}));
  EXPECT_EQ(values(run("argmax", {x}, {1, 0})[0]), (Doubles{2, 1}));
  EXPECT_EQ(values(run("gather", {x, whole({2}, {-1, 0})}, {1, 0})[0]), (Doubles{3, 1, -6, 4}));
  EXPECT_EQ(values(run("add", {whole({1}, {250}, u8), whole({1}, {10}, u8)})[0]), (Doubles{4}));
  EXPECT_EQ(values(run("cast", {floats({3}, {-1.5, 300, NAN})}, {static_cast<int64_t>(u8)})[0]), (Doubles{0, 255, 0}));
  EXPECT_THROW(run("gather", {x, whole({1}, {3})}, {1, 0}), naive::OutOfRange);
}

// Random123's known answers for a counter and a key of zeros: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
TEST(Naive, RandomNumbersArePhilox) {
  const Array u = run("uniform", {whole({2}, {0, 0}, i32)}, {4})[0];
  const uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(u.x[i].v, (words[i] >> 8) * 0x1p-24);
}

TEST(Naive, ErrorsGrowAsRoundingsDo) {
  const naive::Rounding narrow(false);
  const Num a{1}, tiny{0x1p-30}, difference = (a + tiny) - a;
  EXPECT_EQ(difference.v, 0x1p-30);
  EXPECT_GT(difference.e, 0x1p-25);  // in f32 nothing of it is left
  EXPECT_LT(difference.e, 0x1p-22);
  EXPECT_EQ(naive::less(difference, {}), naive::Truth::maybe);
  EXPECT_EQ(naive::less({-1}, difference), naive::Truth::yes);
  EXPECT_FALSE((a / difference).known());
  EXPECT_TRUE(std::isinf((Num{3e38} + Num{3e38}).v));                    // too large for f32
  EXPECT_FALSE((Num{3e38, 1e38} + Num{}).known());                       // perhaps
  EXPECT_FALSE(naive::sum({Num{3e38}, Num{3e38}, Num{-3e38}}).known());  // it depends on the order
  const naive::Rounding wide(true);
  EXPECT_EQ((Num{3e38} + Num{3e38}).v, 6e38);
}

TEST(Naive, WhatLeavesTheRangeOfDoublesIsNotTakenForKnown) {
  const naive::Rounding wide(true);
  const Num large{1e300}, inf{INFINITY};
  EXPECT_EQ(naive::fma(large, large, -inf).v, -INFINITY);  // one rounding: the product is a finite number
  EXPECT_FALSE(naive::dot({large, large}, {large, -large}).known());
  EXPECT_FALSE(naive::sum({Num{1e308}, Num{1e308}, -inf}).known());
  EXPECT_TRUE(std::isnan(naive::sum({inf, Num{1}, -inf}).v));
  EXPECT_TRUE(naive::sum({inf, Num{1}, -inf}).known());
  EXPECT_EQ(naive::sum({inf, Num{1}}).v, INFINITY);
}

TEST(Naive, PowersOfNan) {
  const naive::Rounding narrow(false);
  const Num nan{NAN};
  EXPECT_EQ(naive::pow(nan, Num{0}).v, 1);
  EXPECT_EQ(naive::pow(Num{1}, nan).v, 1);
  EXPECT_FALSE(naive::pow(nan, {0, 1e-12}).known());
  EXPECT_FALSE(naive::pow({1.0000001, 1e-6}, nan).known());
  EXPECT_TRUE(std::isnan(naive::pow(nan, {1, 1e-12}).v));
  EXPECT_TRUE(naive::pow(nan, {1, 1e-12}).known());
}

TEST(Naive, SlopesOfPowersOfZero) {
  const naive::Rounding narrow(false);
  const Num x = naive::variable({0});
  EXPECT_EQ(naive::gradient({naive::pow(x, Num{0})}, {Num{1}}, {x})[0].v, 0);
  EXPECT_FALSE(naive::gradient({naive::pow(x, {0, 1e-12})}, {Num{1}}, {x})[0].known());  // infinite, perhaps
  naive::clear_tape();
}

TEST(Naive, PlacesOfNan) {
  Array x = floats({3}, {1, NAN, 2});
  EXPECT_TRUE(naive::best_place(x, {0, 1, 2}, true).known);
  x.x[2] = naive::unknown();
  EXPECT_TRUE(naive::best_place(x, {0, 1, 2}, true).known);
  x.x[0] = naive::unknown();  // NaN itself, perhaps
  EXPECT_FALSE(naive::best_place(x, {0, 1, 2}, true).known);
}

// The derivatives of x·y + sin(x) along the tape, once and twice, forwards and backwards.
TEST(Naive, Derivatives) {
  const naive::Rounding wide(true);
  const Num x = naive::variable({0.7}), y = naive::variable({-2}), f = x * y + naive::sin(x);
  const std::vector<Num> d = naive::gradient({f}, {Num{1}}, {x, y});
  EXPECT_NEAR(d[0].v, -2 + std::cos(0.7), 1e-15);
  EXPECT_NEAR(d[1].v, 0.7, 1e-15);
  EXPECT_NEAR(naive::gradient({d[0]}, {Num{1}}, {x, y})[0].v, -std::sin(0.7), 1e-15);
  EXPECT_NEAR(naive::gradient({d[0]}, {Num{1}}, {x, y})[1].v, 1, 1e-15);
  EXPECT_NEAR(naive::tangents({f}, {x, y}, {Num{1}, Num{2}})[0].v, -2 + std::cos(0.7) + 1.4, 1e-15);
  // Equal ones share it; near ones do not say who has it.
  const Num m = naive::maximum(naive::variable({1}), Num{1});
  EXPECT_EQ(naive::gradient({m}, {Num{1}}, {{1, 0, m.node - 1}})[0].v, 0.5);
  naive::clear_tape();
}

// Scans add in f64; what derivatives hand from one operation to the next is an f32 nevertheless.
TEST(Naive, DerivativesOfScansAreStoredAsFloats) {
  const naive::Rounding narrow(false);
  for (const char* op : {"cumsum", "exclusive_prod", "recurrence"}) {
    Array x = floats({2}, {1.1f, 1.3f});
    for (Num& v : x.x) v = naive::variable(v);
    const bool two = std::string(op) == "recurrence";
    const Array y = run(op, two ? Arrays{x, x} : Arrays{x}, {0, 0})[0];
    const Num d = naive::gradient({y.x[1]}, {Num{1.0 / 3, 0}}, x.x)[0];
    EXPECT_GT(d.e, std::abs(d.v) * 0x1p-25) << op;
    EXPECT_LT(d.e, std::abs(d.v) * 0x1p-20) << op;
    naive::clear_tape();
  }
  const Num x = naive::variable({0.1f}), y = naive::converted(x, true);
  {
    const naive::Rounding wide(true);
    const Num d = naive::gradient({y}, {Num{1.0 / 3}}, {x})[0];
    EXPECT_GT(d.e, 0x1p-28);  // cast back
    const Num same = naive::variable({0.1}), z = naive::converted(same, true);
    EXPECT_EQ(naive::gradient({z}, {Num{1.0 / 3}}, {same})[0].e, 0);
  }
  naive::clear_tape();
}

TEST(Naive, NearlyAllElementsAreCompared) {
  looked() = {};
  const auto rules = static_cast<uint32_t>(rule_names().size());
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    const Program p = grow(seed, static_cast<int>(seed % rules));
    const Failure f = check(p, {});
    EXPECT_TRUE(!f || f.refused) << "seed " << seed << ": " << f.what;
  }
  EXPECT_GT(static_cast<double>(looked().compared), 0.95 * static_cast<double>(looked().elements));
  EXPECT_LT(static_cast<double>(looked().skipped), 0.01 * static_cast<double>(looked().steps));
  EXPECT_GT(looked().steps, 2000u);
}

}  // namespace
}  // namespace duet::fuzz
