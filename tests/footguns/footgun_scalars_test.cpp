// C++ numbers beside tensors: arguments, arithmetic on them, numbers in trees.
#include "expect.h"

namespace duet {
namespace {

using expect::bits;

// compiled and frozen: one plan, however many rates; the same bits as eager.
TEST(FootgunScalars, ThousandRatesOnePlan) {
  auto f = [](const Tensor& x, float lr) { return x * lr + 1; };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  const Tensor x = expect::numbers({17});
  for (int i = 0; i < 1000; ++i) {
    const float lr = 1e-3f * static_cast<float>(i);
    const std::string expected = bits(f(x, lr));
    ASSERT_EQ(bits(compiled(x, lr)), expected);
    ASSERT_EQ(bits(frozen(x, lr)), expected);
  }
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  EXPECT_EQ(frozen.cache().plans().size(), 1u);
}

// compiled follows C++ arithmetic, since C++ runs. frozen refuses and says what to write.
TEST(FootgunScalars, ArithmeticOnTheRate) {
  auto f = [](const Tensor& x, float lr) { return x * (lr * 0.5f); };
  auto compiled = compile(f);
  const Tensor x = expect::numbers({5});
  for (float lr : {0.1f, 0.2f, 0.3f}) EXPECT_EQ(bits(compiled(x, lr)), bits(f(x, lr)));
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  EXPECT_ERROR(TraceError, freeze(f)(x, 0.5f),
               "freeze: a number changes between two recordings: 0.25 and then 0.18181819; C++ computed it from an "
               "argument or from "
               "outside: write x * lr * 0.5f for x * (lr * 0.5f), pass it as an argument, or use compile");
  auto rewritten = [](const Tensor& t, float lr) { return t * lr * 0.5f; };
  auto frozen = freeze(rewritten);
  for (float lr : {0.1f, 0.2f, 0.3f}) EXPECT_EQ(bits(frozen(x, lr)), bits(rewritten(x, lr)));
}

// Special values of an argument stay arguments: 0, the same literal elsewhere, infinity, NaN, a probability of 1.
TEST(FootgunScalars, SpecialFirstValues) {
  auto f = [](const Tensor& x, float a) { return (x + 0.f) * a + 1.f; };
  const Tensor x = expect::numbers({5});
  for (float first : {0.f, -0.f, 1.f, -1.f, INFINITY, NAN, 1e-45f, 3e38f}) {
    auto frozen = freeze(f);
    frozen(x, first);
    for (float a : {2.f, 0.f, 1.f, first}) EXPECT_EQ(bits(frozen(x, a)), bits(f(x, a))) << first << " then " << a;
  }
  auto two = [](const Tensor& t, float a, float b) { return (t + a) * b; };
  auto frozen = freeze(two);
  frozen(x, 1.f, 1.f);  // equal at first, different later
  EXPECT_EQ(bits(frozen(x, 2.f, 3.f)), bits(two(x, 2.f, 3.f)));
  auto drop = [](const Tensor& t, const Key& k, double p) { return where(bernoulli(k, p, t.shape()), t, 0.f); };
  auto frozen_drop = freeze(drop);
  for (double p : {1.0, 0.0, 0.9, 0.5}) EXPECT_EQ(bits(frozen_drop(x, Key(3), p)), bits(drop(x, Key(3), p)));
}

// A double argument keeps its precision beside f64, and is rounded beside f32, as in eager.
TEST(FootgunScalars, DoubleArguments) {
  auto f = [](const Tensor& x, double a) { return std::pair{x * a, x.to(f64) * a}; };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  const Tensor x = expect::numbers({5});
  for (double a : {0.1, 1.0 / 3, 1e-20}) {
    const std::string expected = expect::tree_bits(f(x, a));
    EXPECT_EQ(expect::tree_bits(compiled(x, a)), expected);
    EXPECT_EQ(expect::tree_bits(frozen(x, a)), expected);
  }
}

// An argument that no operation reads. eager and compiled: as C++ says. frozen: refused, for a replay could not follow
// it.
TEST(FootgunScalars, ArgumentThatIsNotAnOperand) {
  auto f = freeze([](const Tensor& x, float unused) {
    (void)unused;
    return x + 1;
  });
  EXPECT_ERROR(TraceError, f(tensor({1.0}), 0.5f),
               "freeze: argument 2 (0.5) reaches no operation as it is; use it as an operand (x * lr), pass it as a "
               "tensor, or use compile");
}

// A host branch on an argument: compiled follows. frozen sees it when the change of the second recording crosses it; a
// branch that both recordings take the same way cannot be seen, and the replay keeps to it.
TEST(FootgunScalars, HostBranchOnAnArgument) {
  auto f = [](const Tensor& x, float a) { return a > 0.45f ? x * a : x + a; };
  const Tensor x = tensor({2.0});
  auto compiled = compile(f);
  EXPECT_EQ(compiled(x, 0.5f).item(), 1.f);
  EXPECT_EQ(compiled(x, 0.25f).item(), 2.25f);
  EXPECT_EQ(compiled.cache().plans().size(), 2u);
  EXPECT_ERROR(TraceError, freeze(f)(x, 0.5f),
               "freeze: two recordings differ: mul and then add; the function is not pure, use compile");
  auto unseen = freeze(f);
  EXPECT_EQ(unseen(x, 4.f).item(), 8.f);
  EXPECT_EQ(unseen(x, 0.25f).item(), 0.5f);  // eager: 2.25
}

// Integers and bools. eager and compiled: as C++ says. frozen: part of the signature, another value is refused or
// recorded anew.
TEST(FootgunScalars, IntegersBelongToTheSignature) {
  auto f = [](const Tensor& x, int n, bool flip) {
    Tensor y = x;
    for (int i = 0; i < n; ++i) y = y * 2.f;
    return flip ? -y : y;
  };
  const Tensor x = tensor({1.0});
  auto compiled = compile(f);
  EXPECT_EQ(compiled(x, 3, false).item(), 8);
  EXPECT_EQ(compiled(x, 2, true).item(), -4);
  auto frozen = freeze(f);
  EXPECT_EQ(frozen(x, 3, false).item(), 8);
  EXPECT_ERROR(TraceError, frozen(x, 2, false),
               "frozen call: the arguments are not those it was recorded with: a number or size in the arguments "
               "differs; freeze "
               "again, or freeze(f, {.on_new_shape = OnNewShape::retrace})");
  auto retrace = freeze(f, {.on_new_shape = OnNewShape::retrace});
  EXPECT_EQ(retrace(x, 3, false).item(), 8);
  EXPECT_EQ(retrace(x, 2, true).item(), -4);
  EXPECT_EQ(retrace(x, 3, false).item(), 8);
}

struct Scaled {
  Tensor w;
  float scale = 1;
  int count = 0;
};

// Floats inside trees. eager and compiled: as C++ says. frozen: configuration, and a function that changes them is
// refused.
TEST(FootgunScalars, NumbersInTrees) {
  auto f = [](const Scaled& s) { return s.w * s.scale; };
  auto compiled = compile(f);
  EXPECT_EQ(compiled(Scaled{tensor({2.0}), 3}).item(), 6);
  EXPECT_EQ(compiled(Scaled{tensor({2.0}), 4}).item(), 8);
  auto frozen = freeze(f);
  EXPECT_EQ(frozen(Scaled{tensor({2.0}), 3}).item(), 6);
  EXPECT_THROW(frozen(Scaled{tensor({2.0}), 4}), TraceError);
  auto counts = [](Scaled& s) {
    ++s.count;
    s.w = s.w * 2;
  };
  Scaled s{tensor({1.0}), 1, 0};
  auto compiled_count = compile(counts);
  compiled_count(s);
  compiled_count(s);
  EXPECT_EQ(s.count, 2);
  EXPECT_EQ(s.w.item(), 4);
  EXPECT_ERROR(TraceError, freeze(counts)(s),
               "freeze: the function changes a plain number or a size in its arguments, which a replay would not; make "
               "it a tensor, or use compile");
  EXPECT_EQ(s.count, 2);
  EXPECT_EQ(s.w.item(), 4);
}

// A floating argument by reference that the function changes. eager and compiled: changed. frozen: refused.
TEST(FootgunScalars, FloatByReference) {
  auto decay = [](const Tensor& x, float& lr) {
    Tensor y = x * lr;
    lr *= 0.5f;
    return y;
  };
  float lr = 1;
  auto compiled = compile(decay);
  EXPECT_EQ(compiled(tensor({8.0}), lr).item(), 8);
  EXPECT_EQ(compiled(tensor({8.0}), lr).item(), 4);
  EXPECT_EQ(lr, 0.25f);
  EXPECT_ERROR(TraceError, freeze(decay)(tensor({8.0}), lr),
               "freeze: the function changes a plain number or a size in its arguments, which a replay would not; make "
               "it a tensor, or use compile");
  EXPECT_EQ(lr, 0.25f);
}

// Numbers that host code puts into the result. eager and compiled: as C++ says. frozen: refused where they differ, for
// a replay would repeat the first.
TEST(FootgunScalars, NumbersInTheResult) {
  int calls = 0;
  auto f = [&calls](const Tensor& x) { return std::pair{x + 1, ++calls}; };
  auto compiled = compile(f);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(compiled(tensor({1.0})).second, i);
  EXPECT_ERROR(TraceError, freeze(f)(tensor({1.0})),
               "freeze: a plain number or a size in the result differs between two recordings, and a replay would "
               "repeat the first; "
               "return a tensor, or use compile");
  auto returns_rate = freeze([](const Tensor& x, float lr) { return std::pair{x * lr, lr}; });
  EXPECT_THROW(returns_rate(tensor({1.0}), 0.5f), TraceError);
  auto constant = freeze([](const Tensor& x) { return std::pair{x + 1, 42}; });
  EXPECT_EQ(constant(tensor({1.0})).second, 42);
  EXPECT_EQ(constant(tensor({2.0})).second, 42);
}

}  // namespace
}  // namespace duet
