// Random numbers: known words, statistics, the same bits everywhere, and keys used twice.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "expect.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;

// Philox 4x32-10 of counter 0 and key 0 is 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (Random123's known answers).
TEST(Random, KnownWords) {
  const std::vector<uint32_t> words = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
  const std::vector<float> u = floats(uniform(Key(0), {4}));
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(u[i], static_cast<float>(words[i] >> 8) * 0x1p-24f);
}

// Of key 42, worked out with another implementation of Philox.
constexpr double kUniformSum = 8278007507;  // of a thousand numbers, times 2^24
const std::vector<int> kSecondKey = {553619769, -36561516}, kFoldedKey = {-1665944269, 1534652871};
const std::vector<int64_t> kPermutation = {0, 4, 5, 2, 3, 1};

// Fixed forever: a changed stream would change every trained model.
TEST(Random, GoldenStream) {
  EXPECT_EQ(Key(0x0123456789abcdefu).data().to_vector<int>(),
            (std::vector<int>{static_cast<int>(0x89abcdefu), 0x01234567}));
  const std::vector<float> u = floats(uniform(Key(42), {1000}));
  double sum = 0;
  for (float v : u) sum += static_cast<double>(v) * 0x1p24;
  EXPECT_EQ(sum, kUniformSum);
  EXPECT_EQ(split(Key(42), 2)[1].data().to_vector<int>(), kSecondKey);
  EXPECT_EQ(fold_in(Key(42), 5).data().to_vector<int>(), kFoldedKey);
  EXPECT_EQ(permutation(Key(42), 6).to_vector<int64_t>(), kPermutation);
}

struct Moments {
  double mean = 0, variance = 0, skew = 0, kurtosis = 0, low = 1e9, high = -1e9;
};
Moments moments(const std::vector<float>& v) {
  Moments m;
  const double n = static_cast<double>(v.size());
  for (float x : v) m.mean += x / n, m.low = std::min(m.low, double{x}), m.high = std::max(m.high, double{x});
  for (float x : v) m.variance += (x - m.mean) * (x - m.mean) / n;
  for (float x : v) {
    const double z = (x - m.mean) / std::sqrt(m.variance);
    m.skew += z * z * z / n, m.kurtosis += z * z * z * z / n;
  }
  return m;
}

// A million numbers: the mean's standard error is sigma/1000; five of them are allowed.
constexpr int64_t kMany = 1000000;

TEST(Random, UniformStatistics) {
  const Moments m = moments(floats(uniform(Key(1), {kMany})));
  EXPECT_NEAR(m.mean, 0.5, 5 * 0.2887e-3);
  EXPECT_NEAR(m.variance, 1.0 / 12, 5 * 0.0745e-3);
  EXPECT_NEAR(m.kurtosis, 1.8, 0.01);
  EXPECT_GE(m.low, 0);
  EXPECT_LT(m.high, 1);
  EXPECT_LT(m.low, 1e-4);
  EXPECT_GT(m.high, 1 - 1e-4);
  const Moments shifted = moments(floats(uniform(Key(1), {1000}, -2, 6)));
  EXPECT_GE(shifted.low, -2);
  EXPECT_LE(shifted.high, 6);
  // Sixteen cells of equal size: chi-square with 15 degrees of freedom is below 44 but once in 10,000 seeds.
  std::vector<double> cell(16, 0);
  for (float v : floats(uniform(Key(2), {kMany}))) ++cell[static_cast<size_t>(v * 16)];
  double chi = 0;
  for (double c : cell) chi += (c - kMany / 16.0) * (c - kMany / 16.0) / (kMany / 16.0);
  EXPECT_LT(chi, 44);
}

TEST(Random, NormalStatistics) {
  const std::vector<float> v = floats(normal(Key(1), {kMany}));
  const Moments m = moments(v);
  EXPECT_NEAR(m.mean, 0, 5e-3);
  EXPECT_NEAR(m.variance, 1, 5 * 1.41e-3);
  EXPECT_NEAR(m.skew, 0, 5 * 2.45e-3);
  EXPECT_NEAR(m.kurtosis, 3, 5 * 4.9e-3);
  EXPECT_LT(m.high, 5.9);
  double inside = 0, neighbours = 0;
  for (size_t i = 0; i < v.size(); ++i)
    inside += std::fabs(v[i])<1, neighbours += i> 0 ? double{v[i]} * double{v[i - 1]} : 0;
  EXPECT_NEAR(inside / kMany, 0.682689, 5 * 0.47e-3);
  EXPECT_NEAR(neighbours / kMany, 0, 5e-3);  // pairs are independent
  const Moments moved = moments(floats(normal(Key(1), {kMany}, 3, 2)));
  EXPECT_NEAR(moved.mean, 3, 1e-2);
  EXPECT_NEAR(moved.variance, 4, 3e-2);
}

TEST(Random, Bernoulli) {
  for (double p : {0.0, 0.25, 0.9, 1.0}) {
    const Tensor b = bernoulli(Key(3), p, {kMany});
    EXPECT_EQ(b.dtype(), boolean);
    EXPECT_NEAR(mean(b).item<double>(), p, 5e-3 * std::sqrt(p * (1 - p)) + 1e-6);
  }
  EXPECT_ERROR(Error, bernoulli(Key(3), 1.5, {2}), "bernoulli: 1.5 is no probability; give a number in 0 to 1");
  EXPECT_ERROR(Error, bernoulli(Key(3), NAN, {2}), "bernoulli: nan is no probability; give a number in 0 to 1");
}

TEST(Random, CategoricalFollowsTheProbabilities) {
  const std::vector<double> p = {0.05, 0.5, 0, 0.15, 0.3};
  constexpr int64_t kDraws = 20'000;
  std::vector<float> logits;
  for (double v : p) logits.push_back(static_cast<float>(std::log(v)));  // log(0) = -inf
  const Tensor rows = broadcast_to(from_vector(logits, {1, 5}), {kDraws, 5});
  const Tensor drawn = categorical(Key(11), rows);
  EXPECT_EQ(to_string(drawn.spec()), "i64[20000]");
  std::vector<double> count(5);
  for (int64_t i : drawn.to_vector<int64_t>()) count.at(static_cast<size_t>(i))++;
  EXPECT_EQ(count[2], 0);
  double chi_square = 0;
  for (size_t i = 0; i < 5; ++i) {
    const double mean = p[i] * static_cast<double>(kDraws);
    if (p[i] > 0) chi_square += (count[i] - mean) * (count[i] - mean) / mean;
  }
  EXPECT_LT(chi_square, 16.27);  // three degrees of freedom, p = 0.001

  // Along any axis, of doubles, and compiled.
  const Tensor x = cast(transpose(rows), f64);
  EXPECT_EQ(to_string(categorical(Key(11), x, 0).spec()), "i64[20000]");
  auto draw = [](const Tensor& data, const Tensor& l) { return categorical(Key(data), l); };
  const Tensor key = Key(11).data();
  EXPECT_EQ(compile(draw)(key, rows).to_vector<int64_t>(), drawn.to_vector<int64_t>());
}

TEST(Random, CategoricalEdges) {
  const float inf = HUGE_VALF;
  EXPECT_EQ(categorical(Key(1), from_vector<float>({-inf, -inf}, {2})).to_vector<int64_t>(), std::vector<int64_t>{0});
  EXPECT_EQ(categorical(Key(1), from_vector<float>({9, NAN, 9}, {3})).to_vector<int64_t>(), std::vector<int64_t>{1});
  EXPECT_EQ(categorical(Key(1), from_vector<float>({-inf, -1e30f}, {2})).to_vector<int64_t>(), std::vector<int64_t>{1});
  EXPECT_ERROR(ShapeError, categorical(Key(1), zeros({2, 0})),
               "categorical: there is no index among no logits: f32[2,0]; give at least one");
  EXPECT_ERROR(ShapeError, categorical(Key(1), zeros({2, 3}), 2),
               "categorical: there is no axis 2: f32[2,3]; axes go from -2 to 1");
  EXPECT_ERROR(DTypeError, categorical(Key(1), from_vector<int32_t>({1, 2}, {2})),
               "categorical: takes floating numbers: i32[2]; use .to(f32)");
}

TEST(Random, Permutation) {
  for (int64_t n : {0, 1, 2, 17, 1000}) {
    std::vector<int64_t> p = permutation(Key(9), n).to_vector<int64_t>();
    std::sort(p.begin(), p.end());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(p[static_cast<size_t>(i)], i);
  }
  // All orders of three come up about equally often.
  std::vector<int> count(27, 0);
  for (int k = 0; k < 6000; ++k) {
    const auto p = permutation(fold_in(Key(5), k), 3).to_vector<int64_t>();
    ++count[static_cast<size_t>(p[0] * 9 + p[1] * 3 + p[2])];
  }
  int orders = 0;
  for (int c : count) {
    orders += c > 0;
    EXPECT_TRUE(c == 0 || std::abs(c - 1000) < 5 * 29) << c;
  }
  EXPECT_EQ(orders, 6);
  EXPECT_ERROR(ShapeError, permutation(Key(9), -1),
               "permutation: the number of elements is negative: -1; give 0 or more");
}

TEST(Random, KeysAreIndependent) {
  std::set<std::string> seen;
  const std::vector<Key> keys = split(Key(1), 200);
  for (const Key& k : keys) seen.insert(bits(k.data()));
  for (int i = 0; i < 200; ++i) seen.insert(bits(fold_in(Key(1), i).data()));
  seen.insert(bits(Key(1).data()));
  EXPECT_EQ(seen.size(), 401u);
  auto [a, b] = split<2>(Key(1));
  EXPECT_EQ(bits(a.data()), bits(keys[0].data()));  // a prefix does not depend on the number
  const std::vector<float> x = floats(normal(a, {100000})), y = floats(normal(b, {100000}));
  double product = 0;
  for (size_t i = 0; i < x.size(); ++i) product += double{x[i]} * double{y[i]};
  EXPECT_NEAR(product / 100000, 0, 5 / std::sqrt(100000.0));
  EXPECT_EQ(bits(fold_in(Key(1), 3).data()), bits(fold_in(Key(1), tensor({3})).data()));
  EXPECT_NE(bits(fold_in(Key(1), -1).data()), bits(fold_in(Key(1), 1).data()));
  EXPECT_ERROR(ShapeError, split(Key(1), -2), "split: the number of keys is negative: -2; give 0 or more");
  EXPECT_ERROR(DTypeError, fold_in(Key(1), tensor({1, 2})), "fold_in: the number must be one integer: i32[2]");
  EXPECT_ERROR(DTypeError, Key(tensor({1.0, 2.0})), "Key: a key is i32[2]: f32[2]; make one with Key(seed)");
  EXPECT_ERROR(DTypeError, Key{Tensor()}, "Key: a key is i32[2]: empty; make one with Key(seed)");
}

// Any number of threads, any instruction set, any mode; and a prefix is a prefix.
TEST(Random, SameBitsEverywhere) {
  auto draw = [](const Key& key) {
    auto [a, b, c] = split<3>(key);
    return std::tuple{uniform(a, {70001}), normal(b, {3, 12345}), bernoulli(c, 0.3, {257}),
                      permutation(fold_in(key, 7), 1000)};
  };
  const std::string expected = expect::tree_bits(draw(Key(77)));
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (int threads : {1, 2, 3}) {
      cpu::set_threads(threads);
      for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
        EXPECT_EQ(expect::tree_bits(with_mode(mode, draw)(Key(77))) == expected, true)
            << isa << threads << std::string(name(mode));
    }
  }
  cpu::set_threads(0);
  const std::vector<float> all = floats(uniform(Key(8), {1000}));
  for (int64_t n : {1, 3, 4, 5, 63, 999}) {
    const std::vector<float> some = floats(uniform(Key(8), {n}));
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
  }
}

// A frozen function draws new numbers from a new key, and the same from the same.
TEST(Random, FrozenFollowsItsKey) {
  auto f = freeze([](const Key& k, const Tensor& x) { return x + normal(k, {3}); });
  const Tensor x = zeros({3});
  EXPECT_EQ(bits(f(Key(1), x)), bits(normal(Key(1), {3}) + 0));
  EXPECT_EQ(bits(f(Key(2), x)), bits(normal(Key(2), {3}) + 0));
}

std::vector<std::string>& noted() {
  static std::vector<std::string> lines;
  return lines;
}
// Using a key twice is noticed at DUET_DEBUG=1, once for each use, with both lines.
TEST(Random, KeyReuseIsReported) {
  noted().clear();
  set_debug(1);
  set_debug_sink([](std::string_view line) { noted().emplace_back(line); });
  const Key key(123);
  uniform(key, {2});
  const unsigned first = __LINE__ - 1;
  EXPECT_TRUE(noted().empty());
  normal(key, {2});
  const unsigned second = __LINE__ - 1;
  fold_in(key, 1);  // deriving a key is no use
  uniform(fold_in(key, 1), {2});
  auto [a, b] = split<2>(Key(123));
  uniform(a, {2});
  uniform(b, {2});
  auto compiled = compile([](const Key& k) { return uniform(k, {2}); });
  compiled(Key(5));
  compiled(Key(6));
  set_debug(0);
  set_debug_sink(nullptr);
  std::erase_if(noted(), [](const std::string& line) { return line.find("key") == std::string::npos; });
  ASSERT_EQ(noted().size(), 1u);
  EXPECT_EQ(
      noted()[0],
      fmt::format("normal: this key was used before, at random_test.cpp:{}; the numbers repeat, use split or fold_in "
                  "[random_test.cpp:{}]",
                  first, second));
}

}  // namespace
}  // namespace duet
