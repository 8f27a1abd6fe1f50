// Gradients inside and outside of compile and freeze, composed in any order: words that are applied to a function one
// after the other, every order of them, to the same bits.
#include <functional>

#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using Function = std::function<Tensor(const Tensor&)>;

Function compiled(const Function& f) { return compile(f); }
Function frozen(const Function& f) { return freeze(f); }
Function checkpointed(const Function& f) { return checkpoint(f); }
Function unchanged(const Function& f) { return f; }
// A rule that is f's own gradient, written by hand: the gradient of a scalar function times what comes from above.
Function ruled(const Function& f) {
  return custom_vjp([f](const Tensor& x) { return f(x); },
                    [f](const Tensor& x) {
                      return std::pair{f(x), x};
                    },
                    [f](const Tensor& x, const Tensor& dy) { return grad(f)(x) * dy; });
}
Function gradient(const Function& f) {
  return [f](const Tensor& x) { return grad(f)(x); };
}
// The Hessian times a fixed vector, as a gradient of a gradient.
Function hessian_vector(const Function& f) {
  return [f](const Tensor& x) {
    return grad([&](const Tensor& t) { return sum(grad(f)(t) * expect::numbers({6}, 9)); })(x);
  };
}
Tensor energy(const Tensor& x) { return mean(tanh(x) * exp(x * 0.5f) + square(x)); }

struct Word {
  const char* name;
  Function (*apply)(const Function&);
};
constexpr Word kInside[] = {{"", unchanged},
                            {"compile ", compiled},
                            {"freeze ", frozen},
                            {"checkpoint ", checkpointed},
                            {"custom_vjp ", ruled}};
constexpr Word kOutside[] = {
    {"", unchanged}, {"compile ", compiled}, {"freeze ", frozen}, {"checkpoint ", checkpointed}};
constexpr Word kDerivatives[] = {{"grad ", gradient}, {"hessian_vector ", hessian_vector}};

// outside(derivative(inside(inside(energy)))), called twice, for all words there are.
TEST(TransformCompile, AnyOrder) {
  const Tensor x = expect::numbers({6});
  int composed = 0;
  for (const Word& derivative : kDerivatives) {
    const std::string expected = bits(derivative.apply(energy)(x));
    for (const Word& a : kInside)
      for (const Word& b : kInside)
        for (const Word& outside : kOutside) {
          const Function f = outside.apply(derivative.apply(a.apply(b.apply(energy))));
          for (int call = 0; call < 2; ++call)
            EXPECT_EQ(bits(f(x)), expected) << outside.name << derivative.name << a.name << b.name << "call " << call;
          ++composed;
        }
  }
  EXPECT_EQ(composed, 200);
  expect::clean_thread();
}

// A derivative between each pair of words, and one outside of all: third derivatives through compile, freeze and
// checkpoint.
TEST(TransformCompile, DerivativesBetween) {
  const Tensor x = expect::numbers({6});
  auto total = [](const Function& f) { return Function([f](const Tensor& t) { return sum(f(t)); }); };
  const std::string expected = bits(gradient(total(gradient(total(gradient(energy)))))(x));
  for (const Word& a : kOutside)
    for (const Word& b : kOutside)
      for (const Word& c : kOutside) {
        const Function f = a.apply(gradient(total(b.apply(gradient(total(c.apply(gradient(energy))))))));
        for (int call = 0; call < 2; ++call) EXPECT_EQ(bits(f(x)), expected) << a.name << b.name << c.name;
      }
  expect::clean_thread();
}

// A rule's function and its gradient may each be compiled, frozen or checkpointed, inside of what is compiled.
TEST(TransformCompile, CustomRules) {
  const Tensor x = expect::numbers({6});
  // dL/dx = 3·x·dy: no derivative of the function, so that it shows which one ran.
  const Function function = [](const Tensor& t) { return sum(square(t)); };
  const std::string expected = bits(x * 1.5f);
  for (const Word& a : kOutside)
    for (const Word& b : kOutside)
      for (const Word& c : kOutside) {
        const Function inner = a.apply(function);
        auto rule = custom_vjp(
            inner,
            [inner](const Tensor& t) {
              return std::pair{inner(t), t};
            },
            [b](const Tensor& t, const Tensor& dy) {
              return b.apply([dy](const Tensor& u) { return u * 3 * dy; })(t);
            });
        const Function f = c.apply(gradient([rule](const Tensor& t) { return rule(t) * 0.5f; }));
        for (int call = 0; call < 2; ++call) EXPECT_EQ(bits(f(x)), expected) << a.name << b.name << c.name;
      }
}

// Whatever is composed is one graph: the outermost function's, found again at the next call.
TEST(TransformCompile, OnePlan) {
  const Tensor x = expect::numbers({6});
  auto inner = compile(energy);
  auto outer = compile([&](const Tensor& t) { return hessian_vector(checkpointed(inner))(t); });
  for (int i = 0; i < 3; ++i) outer(x);
  EXPECT_EQ(inner.cache().plans().size(), 0u);
  EXPECT_EQ(outer.cache().plans().size(), 1u);
  EXPECT_EQ(outer.cache().hits(), 2u);
  // The other way round: a tape outside of a compiled function has one plan forward; the walk back runs eagerly.
  auto outside = gradient(inner);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bits(outside(x)), bits(grad(energy)(x)));
  EXPECT_EQ(inner.cache().plans().size(), 1u);
}

}  // namespace
}  // namespace duet
