// custom_vjp: the rule is what gradients are, in every mode, of any order, and it is checked.
#include <stdexcept>

#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;
using expect::in_every_mode;

// log(1 + eˣ) with a rule that does not overflow.
auto softplus_rule() {
  return custom_vjp([](const Tensor& x) { return log(1 + exp(x)); },
                    [](const Tensor& x) {
                      Tensor y = log(1 + exp(x));
                      return std::pair{y, sigmoid(x)};
                    },
                    [](const Tensor& s, const Tensor& dy) { return dy * s; });
}

TEST(CustomVjp, TheRuleIsTheGradient) {
  // A rule that is no derivative shows that it is used.
  auto f = custom_vjp([](const Tensor& x) { return x * 2; },
                      [](const Tensor& x) {
                        return std::pair{x * 2, x};
                      },
                      [](const Tensor& x, const Tensor& dy) { return std::tuple{dy * x * 100}; });
  const Tensor x = tensor({1.0, 2.0});
  EXPECT_EQ(floats(f(x)), (std::vector<float>{2, 4}));
  auto loss = [&](const Tensor& v) { return sum(f(v) * 3); };
  EXPECT_EQ(floats(grad(loss)(x)), (std::vector<float>{300, 600}));
  in_every_mode(value_and_grad(loss), x);
  EXPECT_EQ(floats(grad(compile(loss))(x)), (std::vector<float>{300, 600}));
  EXPECT_EQ(floats(grad(freeze(loss))(x)), (std::vector<float>{300, 600}));
  auto [y, pullback] = vjp(f, x);
  EXPECT_EQ(floats(std::get<0>(pullback(ones({2})))), (std::vector<float>{100, 200}));
}

TEST(CustomVjp, WhichFunctionRuns) {
  int plain = 0, forward = 0, backward = 0;
  auto f = custom_vjp([&](const Tensor& x) { return ++plain, x + 0; },
                      [&](const Tensor& x) {
                        return ++forward, std::pair{x + 0, Tensor()};
                      },
                      [&](const Tensor&, const Tensor& dy) { return ++backward, dy; });
  const Tensor x = tensor({1.0});
  f(x);
  EXPECT_EQ(std::tuple(plain, forward, backward), std::tuple(1, 0, 0));
  grad([&](const Tensor& v) { return sum(f(v)); })(x);
  EXPECT_EQ(std::tuple(plain, forward, backward), std::tuple(1, 1, 1));
  grad([&](const Tensor& v) { return sum(v) + sum(f(x)); })(x);  // a tape is open, but f's argument is a constant
  EXPECT_EQ(std::tuple(plain, forward, backward), std::tuple(2, 1, 1));
  grad([&](const Tensor& v) { return f(v), sum(v); })(x);  // the result is not used
  EXPECT_EQ(std::tuple(plain, forward, backward), std::tuple(2, 2, 1));
}

TEST(CustomVjp, FiniteDifferencesAndHigherOrders) {
  auto f = softplus_rule();
  auto loss = [&](const Tensor& x) { return sum(f(x) * x); };
  const Tensor x = expect::numbers({7}).to(f64), v = expect::numbers({7}, 2).to(f64);
  const double h = 1e-6;
  const Tensor numeric = (loss(x + v * h) - loss(x - v * h)) / (2 * h);
  EXPECT_NEAR(sum(grad(loss)(x) * v).item<double>(), numeric.item<double>(), 1e-8);
  // The second derivative differentiates the residual and the rule: that of softplus is s(1 − s).
  auto plain = [](const Tensor& t) { return sum(log(1 + exp(t)) * t); };
  auto second = [&](auto g) {
    return
        [=](const Tensor& t, const Tensor& d) { return grad([&](const Tensor& u) { return sum(grad(g)(u) * d); })(t); };
  };
  EXPECT_LT(max(abs(second(loss)(x, v) - second(plain)(x, v))).item<double>(), 1e-14);
  auto third = [&](auto g) {
    return [=](const Tensor& t, const Tensor& d) {
      return grad([&](const Tensor& u) { return sum(second(g)(u, d) * d); })(t);
    };
  };
  EXPECT_LT(max(abs(third(loss)(x, v) - third(plain)(x, v))).item<double>(), 1e-13);
  const Tensor xf = x.to(f32), vf = v.to(f32);
  in_every_mode(second(loss), xf, vf);
  in_every_mode(third(loss), xf, vf);
}

struct Layer {
  Tensor weight;
  std::vector<Tensor> scales;
  int power = 2;
};
struct Result {
  Tensor y;
  std::optional<Tensor> extra;
};

// Trees in, out and between; arguments that have no gradient.
TEST(CustomVjp, TreesAndArgumentsWithoutGradients) {
  auto plain = [](const Layer& l, const Tensor& index, const Tensor& x, int twice) {
    return Result{gather(x, index) * l.weight * l.scales[0] * twice, l.scales[1] + 0};
  };
  auto f = custom_vjp(
      plain,
      [=](const Layer& l, const Tensor& index, const Tensor& x, int twice) {
        return std::pair{plain(l, index, x, twice), std::tuple{l, gather(x, index), twice, index}};
      },
      [](const auto& kept, const Result& dy) {
        const auto& [l, picked, twice, index] = kept;
        Layer g{sum_to(dy.y * picked * l.scales[0] * twice, l.weight.shape()),
                {sum_to(dy.y * picked * l.weight * twice, l.scales[0].shape()), *dy.extra}};
        return std::tuple{g, Tensor(), scatter_add(zeros({4}), index, dy.y * l.weight * l.scales[0] * twice),
                          std::nullopt};
      });
  const Layer layer{tensor({2.0}), {tensor({3.0}), tensor({4.0})}};
  const Tensor x = tensor({1.0, 2.0, 3.0, 4.0}), index = tensor({2, 2, 0});
  auto loss = [&](auto g) {
    return [&, g](const Layer& l, const Tensor& t) {
      Result r = g(l, index, t, 2);
      return sum(square(r.y)) + sum(*r.extra * 5);
    };
  };
  auto expected = grad<0, 1>(loss(plain))(layer, x);
  auto given = grad<0, 1>(loss(f))(layer, x);
  EXPECT_EQ(expect::tree_bits(given), expect::tree_bits(expected));
  in_every_mode(grad<0, 1>(loss(f)), layer, x);
  EXPECT_EQ(std::get<0>(given).power, 2);
  // Only one of two results reaches the loss.
  auto half = grad([&](const Layer& l) { return sum(*f(l, index, x, 2).extra); })(layer);
  EXPECT_EQ(floats(half.scales[1]), (std::vector<float>{1}));
  EXPECT_EQ(floats(half.weight), (std::vector<float>{0}));
}

// The same tensor twice is two arguments, and what is returned as it came has a gradient of its own.
TEST(CustomVjp, ArgumentsTwiceAndPassedThrough) {
  auto f = custom_vjp([](const Tensor& a, const Tensor&) { return a; },
                      [](const Tensor& a, const Tensor&) {
                        return std::pair{a, 0};
                      },
                      [](int, const Tensor& dy) {
                        return std::tuple{dy * 10, dy * 100};
                      });
  EXPECT_EQ(grad([&](const Tensor& x) { return f(x * 1, x); })(Tensor(1.f)).item(), 110);
  EXPECT_EQ(grad([&](const Tensor& x) { return f(x, x) + x; })(Tensor(1.f)).item(), 111);
}

TEST(CustomVjp, InsideVmapAndPerExample) {
  auto f = custom_vjp([](const Tensor& x, const Tensor& w) { return sum(x * w); },
                      [](const Tensor& x, const Tensor& w) {
                        return std::pair{sum(x * w), std::pair{x, w}};
                      },
                      [](const std::pair<Tensor, Tensor>& r, const Tensor& dy) {
                        return std::tuple{dy * r.second * 10, dy * r.first * 100};
                      });
  const Tensor x = reshape(arange(6), {3, 2}), w = tensor({2.0, 5.0});
  EXPECT_EQ(bits(vmap(f, {.unbatched = {1}})(x, w)), bits(sum(x * w, -1)));
  EXPECT_EQ(bits(vmap(grad<0>(f), {.unbatched = {1}})(x, w)), bits(contiguous(broadcast_to(w * 10, {3, 2}))));
  EXPECT_EQ(bits(vmap(grad<1>(f), {.unbatched = {1}})(x, w)), bits(x * 100));
  // The tapes around the vmap use the rule as well; what every example has gets the sum.
  auto total = [&](const Tensor& a, const Tensor& b) { return sum(vmap(f, {.unbatched = {1}})(a, b)); };
  EXPECT_EQ(bits(grad<0>(total)(x, w)), bits(contiguous(broadcast_to(w * 10, {3, 2}))));
  EXPECT_EQ(bits(grad<1>(total)(x, w)), bits(sum(x * 100, 0)));
  in_every_mode(grad<0, 1>(total), x, w);
}

TEST(CustomVjp, Errors) {
  const Tensor x = ones({2});
  auto with = [&](auto rule) {
    return custom_vjp([](const Tensor& t) { return t * 2; }, [](const Tensor& t) { return std::pair{t * 2, t}; }, rule);
  };
  auto total = [](auto f) { return [=](const auto& t) { return sum(f(t)); }; };
  EXPECT_ERROR(ShapeError, grad(total(with([](const Tensor&, const Tensor&) { return ones({3}); })))(x),
               "custom_vjp: backward gave f32[3] as the gradient of f32[2] in argument 1; they must be the same");
  EXPECT_ERROR(DTypeError, grad(total(with([](const Tensor&, const Tensor& dy) { return dy.to(f64); })))(x),
               "custom_vjp: backward gave f64[2] as the gradient of f32[2] in argument 1; they must be the same");
  using List = std::vector<Tensor>;
  auto listed = custom_vjp([](const List& l) { return l[0] * l[1]; },
                           [](const List& l) {
                             return std::pair{l[0] * l[1], 0};
                           },
                           [](int, const Tensor& dy) {
                             return List{dy, dy, dy};
                           });
  EXPECT_ERROR(ShapeError, grad(total(listed))(List{x, x}),
               "custom_vjp: backward gave 3 gradients for argument 1, which has 2 tensors; return a tree like it");
  const Tensor w = ones({2});
  EXPECT_ERROR(
      TraceError, grad([&](const Tensor& t) {
        auto f = custom_vjp([&](const Tensor& a) { return a * t; },
                            [&](const Tensor& a) {
                              return std::pair{a * t, 0};
                            },
                            [](int, const Tensor& dy) { return dy; });
        return sum(f(t * 2));
      })(w),
      "custom_vjp: the function captures a tensor that is differentiated: f32[2] in mul; pass it as an argument");
  expect::clean_thread();
}

TEST(CustomVjp, ExceptionsLeaveNothingBehind) {
  const Tensor x = ones({2});
  struct Stop : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  auto in_forward = custom_vjp([](const Tensor& t) { return t; },
                               [](const Tensor& t) -> std::pair<Tensor, int> { throw Stop(to_string(t)); },
                               [](int, const Tensor& dy) { return dy; });
  auto in_backward = custom_vjp([](const Tensor& t) { return t; },
                                [](const Tensor& t) {
                                  return std::pair{t, 0};
                                },
                                [](int, const Tensor& dy) -> Tensor { throw Stop(to_string(dy)); });
  auto total = [](auto f) { return [=](const Tensor& t) { return sum(vmap(f)(t)); }; };
  EXPECT_THROW(grad(total([&](const Tensor& t) { return in_forward(t); }))(x), std::exception);
  expect::clean_thread();
  EXPECT_THROW(grad([&](const Tensor& t) { return sum(in_forward(t)); })(x), Stop);
  expect::clean_thread();
  EXPECT_THROW(grad([&](const Tensor& t) { return sum(in_backward(t)); })(x), std::exception);
  expect::clean_thread();
  EXPECT_THROW(compile(grad([&](const Tensor& t) { return sum(in_forward(t)); }))(x), Stop);
  expect::clean_thread();
  // And the functions work as before.
  EXPECT_EQ(bits(grad([&](const Tensor& t) { return sum(softplus_rule()(t)); })(x)), bits(sigmoid(x)));
}

}  // namespace
}  // namespace duet
