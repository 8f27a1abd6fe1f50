// Kinds of bugs that well-known engines had, for which no other test stands: docs/bug-classes.md has them all.
#include <fmt/format.h>

#include <set>

#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using expect::in_every_mode;
using expect::numbers;
using expect::tree_bits;

const std::vector<float> kSpecial = {0.f,    -0.f,    1.f,      -1.f,    0.5f,     2.f,   INFINITY, -INFINITY,  NAN,
                                     1e-45f, -1e-45f, 1.1e-38f, 3.4e38f, -3.4e38f, 88.4f, -104.f,   16777217.f, -3.f};
Tensor special() { return from_vector(kSpecial, {static_cast<int64_t>(kSpecial.size())}); }
/// Each special value beside each.
std::pair<Tensor, Tensor> special_pairs() {
  const auto n = static_cast<int64_t>(kSpecial.size());
  return {repeat(reshape(special(), {n, 1}), {1, n}), repeat(reshape(special(), {1, n}), {n, 1})};
}

// What a result needs lives until it is read: results that nobody reads or that are given twice, inputs given back, and
// the next call with other data and of another shape.
TEST(BugClasses, BuffersLiveAsLongAsTheirAliases) {
  auto f = [](const Tensor& x, const Tensor& w) {
    Tensor unused = exp(x) * w;
    Tensor a = tanh(x) + w, b = a.transpose(), c = a.slice(0, 0, 1);
    Tensor d = sum(a * a, 0);
    return std::vector<Tensor>{a, a, b, c, x, d, d + 1, x.transpose(), unused.slice(1, 0, 1)};
  };
  auto compiled = compile(f);
  auto frozen = freeze(f, {.on_new_shape = OnNewShape::retrace});
  std::vector<std::vector<Tensor>> kept;
  std::vector<std::string> wanted;
  for (int i = 0; i < 12; ++i) {
    const Tensor x = numbers({3 + i % 3, 17}, 2 * i + 1), w = numbers({17}, 2 * i + 2);
    wanted.push_back(tree_bits(f(x, w)));
    wanted.push_back(wanted.back());
    kept.push_back(compiled(x, w));
    kept.push_back(frozen(x, w));
  }
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(tree_bits(kept[i]), wanted[i]) << i;
}

// Programs that differ in one thing, in turns through one cache: each gives what it gives alone.
TEST(BugClasses, NearTwinsShareNoPlan) {
  struct Twin {
    DType dtype;
    int64_t rows;
    int operation, axis, constant;
    bool keep;
  };
  std::vector<Twin> twins;
  for (DType t : {f32, f64, i32})
    for (int64_t rows : {4, 5, 1})
      for (int operation : {0, 1, 2, 3, 4, 5, 6})
        for (int axis : {0, 1})
          for (int constant : {1, 2, 3, 4})
            for (bool keep : {false, true}) twins.push_back({t, rows, operation, axis, constant, keep});
  EXPECT_GE(twins.size(), 1000u);
  const Twin* now = nullptr;
  auto program = [&](const Tensor& x) {
    const Twin& t = *now;
    Tensor y = x * t.constant;
    switch (t.operation) {
      case 0:
        y = y + 1;
        break;
      case 1:
        y = y - 1;
        break;
      case 2:
        y = y.slice(t.axis, 0, 1 + t.constant % 2);
        break;
      case 3:
        y = flip(y, t.axis);
        break;
      case 4:
        y = y.transpose();
        break;
      case 5:
        y = cumsum(y, t.axis, t.keep);
        break;
      default:
        y = concat({y, y}, t.axis);
        break;
    }
    return t.operation % 2 == 0 ? sum(y, {.axis = t.axis, .keepdims = t.keep})
                                : max(y, {.axis = t.axis, .keepdims = t.keep});
  };
  auto warm = compile(program);
  for (int turn : {0, 1})
    for (const Twin& t : twins) {
      now = &t;
      const Tensor x = (numbers({t.rows, 4}, static_cast<int>(t.rows)) * 100).to(t.dtype);
      ASSERT_EQ(bits(warm(x)), bits(program(x)))
          << turn << ' ' << name(t.dtype) << ' ' << t.rows << ' ' << t.operation << ' ' << t.axis << ' ' << t.constant;
    }
}

// No rewrite is true of real numbers only: every one over all pairs of special values, bit by bit.
TEST(BugClasses, NoRewriteChangesASpecialValue) {
  auto f = [](const Tensor& x, const Tensor& y) {
    return std::vector<Tensor>{x * 0,
                               x - x,
                               x / x,
                               x + 0,
                               x + -0.f,
                               x - 0,
                               x * 1,
                               x / 1,
                               x / 3,
                               -(-x),
                               log(exp(x)),
                               (x + y) - y,
                               x * y + x * -1,
                               x * 2 - x,
                               where(x == x, y, x),
                               maximum(x, x),
                               abs(-x),
                               sqrt(square(x)),
                               reciprocal(reciprocal(x)),
                               (x * y) / y,
                               pow(x, 1),
                               pow(x, 2),
                               transpose(transpose(x)) + y,
                               x.to(f64).to(f32),
                               0 - x,
                               0 * y + x};
  };
  const auto [x, y] = special_pairs();
  in_every_mode(f, x, y);
  in_every_mode(grad([&](const Tensor& a, const Tensor& b) {
                  Tensor all = zeros({});
                  for (const Tensor& t : f(a, b)) all = all + sum(t);
                  return all;
                }),
                x, y);
}

// NaN and the sign of zero pass through what compares, alone and fused, forward and backward.
TEST(BugClasses, NanAndTheSignOfZeroSurviveFusion) {
  const auto [x, y] = special_pairs();
  auto compare = [](const Tensor& a, const Tensor& b) {
    return std::vector<Tensor>{relu(a), maximum(a, b), minimum(a, b),   clamp(a, -1, 1),
                               abs(a),  sign(a),       leaky_relu(a, b)};
  };
  for (const Tensor& t : compare(x, y)) {
    const std::vector<float> from = x.to_vector(), to = t.to_vector();
    for (size_t i = 0; i < from.size(); ++i)
      if (from[i] != from[i]) {
        ASSERT_TRUE(to[i] != to[i]) << "a NaN became " << to[i];
      }
  }
  EXPECT_TRUE(std::signbit(relu(full({}, -0.f)).item()) ==
              std::signbit(compile([](const Tensor& a) { return relu(a); })(full({}, -0.f)).item()));
  auto fused = [&](const Tensor& a, const Tensor& b) {
    std::vector<Tensor> all;
    for (const Tensor& t : compare(a * 1.5f, b)) all.push_back(t * 2 - 1);
    return all;
  };
  in_every_mode(fused, x, y);
  in_every_mode(grad<0, 1>([&](const Tensor& a, const Tensor& b) {
                  Tensor all = zeros({});
                  for (const Tensor& t : fused(a, b)) all = all + sum(t);
                  return all;
                }),
                x, y);
}

// A transpose is told by its axes, not by its name: over squares every order of axes fits every product.
TEST(BugClasses, OrdersOfAxesAreToldApartOverSquares) {
  const Tensor a = numbers({4, 4, 4}, 1), b = numbers({4, 4, 4}, 2);
  const std::initializer_list<int> orders[] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  std::set<std::string> results;
  for (const auto& p : orders)
    for (const auto& q : orders)
      results.insert(in_every_mode(
          [&](const Tensor& x, const Tensor& y) { return matmul(transpose(x, p), transpose(transpose(y, q), q)); }, a,
          b));
  EXPECT_EQ(results.size(), 6 * 3u);  // q after q is one of three orders
}

// Chains of any length: no recursion into them, no limit of a kernel's size.
TEST(BugClasses, ChainsOfAnyLength) {
  const Tensor x = numbers({64}, 1);
  for (int n : {1, 10, 100, 1000, 10'000}) {
    auto f = [n](const Tensor& t) {
      Tensor y = t;
      for (int i = 0; i < n; ++i) y = i % 3 == 0 ? y * 1.0009f : i % 3 == 1 ? tanh(y) : y + t;
      return y;
    };
    const std::string wanted = bits(f(x));
    EXPECT_EQ(bits(compile(f)(x)), wanted) << n;
    EXPECT_EQ(bits(freeze(f)(x)), wanted) << n;
  }
}

// Every pair of types beside each other: the same result or the same error, compiled and not.
TEST(BugClasses, EveryPairOfTypesAgreesInEveryMode) {
  using Binary = Tensor (*)(const Operand&, const Operand&);
  const std::pair<const char*, Binary> all[] = {{"add", add},
                                                {"sub", sub},
                                                {"mul", mul},
                                                {"div", div},
                                                {"pow", pow},
                                                {"maximum", maximum},
                                                {"minimum", minimum},
                                                {"eq", eq},
                                                {"ne", ne},
                                                {"lt", lt},
                                                {"le", le},
                                                {"gt", gt},
                                                {"ge", ge},
                                                {"logical_and", logical_and},
                                                {"logical_or", logical_or}};
  auto outcome = [](const auto& f, const Tensor& x, const Tensor& y) {
    try {
      return bits(f(x, y));
    } catch (const Error& e) {
      const std::string text = e.what();
      return std::string(typeid(e).name()) + text.substr(0, text.rfind(" ["));
    }
  };
  for (const auto& [title, op] : all)
    for (DType t : {f32, f64, i32, i64, u8, boolean})
      for (DType u : {f32, f64, i32, i64, u8, boolean}) {
        const Tensor x = (numbers({2, 3}, 1) * 5).to(t), y = (numbers({3}, 2) * 5).to(u);
        auto f = [op = op](const Tensor& a, const Tensor& b) { return op(a, b); };
        const std::string eager = outcome(f, x, y);
        EXPECT_EQ(outcome(compile(f), x, y), eager) << title << ' ' << name(t) << ' ' << name(u);
        EXPECT_EQ(outcome(freeze(f), x, y), eager) << title << ' ' << name(t) << ' ' << name(u);
      }
}

// Positions beyond 32 bits, in a tensor that repeats a few elements.
TEST(BugClasses, PositionsBeyond32Bits) {
  constexpr int64_t n = int64_t{1} << 33;
  auto f = [](const Tensor& x) {
    const Tensor wide = broadcast_to(reshape(x, {3, 1}), {3, n});
    const Tensor index = from_vector(std::vector<int64_t>{0, n - 1, -1, (int64_t{1} << 32) + 5, -n}, {5});
    return std::vector<Tensor>{wide.slice(1, n - 3, n),  wide.slice(1, 0, n, n - 1),
                               gather(wide, index, 1),   wide.transpose()[n - 2],
                               wide.transpose()[-n] + 1, full({}, 0) + static_cast<float>(wide.numel() / n)};
  };
  const Tensor x = tensor({1.0, 2.0, 3.0});
  in_every_mode(f, x);
  EXPECT_EQ(f(x)[2].to_vector(), (std::vector<float>{1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3}));
  EXPECT_EQ(f(x)[3].to_vector(), (std::vector<float>{1, 2, 3}));
}

// Right the first time is not enough: gradients over several calls with fresh data, and with a short last batch.
TEST(BugClasses, BackwardAgainWithFreshDataAndAShortBatch) {
  auto f = [](const Tensor& w, const Tensor& x) {
    return mean(square(tanh(matmul(x, w)) - sum(x, {.axis = -1, .keepdims = true})));
  };
  auto eager = value_and_grad(f);
  auto compiled = compile(eager);
  auto frozen = freeze(eager, {.on_new_shape = OnNewShape::retrace});
  for (int64_t rows : {8, 8, 8, 3, 8, 1, 8}) {
    const Tensor w = numbers({5, 4}, static_cast<int>(rows)), x = numbers({rows, 5}, 17 + static_cast<int>(rows));
    const auto wanted = eager(w, x);
    EXPECT_EQ(tree_bits(compiled(w, x)), tree_bits(wanted)) << rows;
    EXPECT_EQ(tree_bits(frozen(w, x)), tree_bits(wanted)) << rows;
  }
}

}  // namespace
}  // namespace duet
