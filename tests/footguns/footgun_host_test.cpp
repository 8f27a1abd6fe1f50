// Host code in a function: prints, clocks, globals, containers, static tensors, early returns, recursion. Each test
// says what eager, compiled and frozen do.
#include <functional>

#include "expect.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;

const std::string kNumberChanges =
    "; C++ computed it from an argument or from outside: write x * lr * 0.5f for x * (lr * 0.5f), pass it as an "
    "argument, or use compile";

// A line printed by host code. eager and compiled: at each call. frozen: twice, when it is recorded, then never.
TEST(FootgunHost, Prints) {
  std::string printed;
  auto f = [&](const Tensor& x) {
    printed += fmt::format("called with {}\n", x.spec());
    return x + 1;
  };
  auto lines = [&](auto&& g) {
    printed.clear();
    for (int i = 0; i < 3; ++i) g(ones({2}));
    return std::count(printed.begin(), printed.end(), '\n');
  };
  EXPECT_EQ(lines(eager(f)), 3);
  EXPECT_EQ(lines(compile(f)), 3);
  EXPECT_EQ(lines(freeze(f)), 2);
}

// A print of a value. eager: the value. compiled: the value too, never a placeholder; the plan is split there. frozen:
// refused, for there is no value yet.
TEST(FootgunHost, PrintsOfValues) {
  std::string printed;
  auto f = [&](const Tensor& x) {
    Tensor y = x * 2;
    printed = to_string(y);
    return y + 1;
  };
  for (Mode mode : {Mode::eager, Mode::compiled}) {
    auto g = with_mode(mode, f);
    for (float v : {1.f, 2.f}) {
      g(full({1}, v));
      EXPECT_EQ(printed, v == 1 ? "[2.] f32[1]" : "[4.] f32[1]");
    }
  }
  EXPECT_ERROR(
      TraceError, freeze(f)(ones({1})),
      "to_vector: a frozen function has no values while it is traced; compute with tensors (where, maximum), or "
      "use compile");
}

// A clock beside a tensor. eager and compiled: the time of each call, one plan. frozen: it ticked between the two
// recordings, so it is refused.
TEST(FootgunHost, Clocks) {
  int64_t ticks = 0;
  auto now = [&] { return static_cast<float>(++ticks); };  // a clock that tests can read
  auto f = [&](const Tensor& x) { return x + now(); };
  auto compiled = compile(f);
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(compiled(zeros({1})).item(), static_cast<float>(i));
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  ticks = 0;
  EXPECT_ERROR(TraceError, freeze(f)(zeros({1})),
               "freeze: a number changes between two recordings: 1 and then 2" + kNumberChanges);
}

// A branch on a clock that stands still while a function is frozen. eager and compiled: the branch of each call, a plan
// each. frozen: nothing differs between the recordings, so nothing can be seen, and the replay keeps to the first.
TEST(FootgunHost, BranchOnAClock) {
  int hour = 9;
  auto f = [&](const Tensor& x) { return hour < 12 ? x + 1 : x * 10; };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  const Tensor x = tensor({3.0});
  EXPECT_EQ(compiled(x).item(), 4);
  EXPECT_EQ(frozen(x).item(), 4);
  hour = 15;
  EXPECT_EQ(f(x).item(), 30);
  EXPECT_EQ(compiled(x).item(), 30);
  EXPECT_EQ(compiled.cache().plans().size(), 2u);
  EXPECT_EQ(frozen(x).item(), 4);
}

float global_rate = 0.5f;
Tensor global_scale;

// Globals. eager and compiled: as they are at each call, one plan. frozen: as they were when it was recorded; the
// tensor is listed among the constants.
TEST(FootgunHost, Globals) {
  global_scale = tensor({2.0});
  auto f = [](const Tensor& x) { return x * global_scale * global_rate; };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  const Tensor x = tensor({3.0});
  EXPECT_EQ(compiled(x).item(), 3);
  EXPECT_EQ(frozen(x).item(), 3);
  global_rate = 2;
  global_scale = tensor({5.0});
  EXPECT_EQ(f(x).item(), 30);
  EXPECT_EQ(compiled(x).item(), 30);
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  EXPECT_EQ(frozen(x).item(), 3);
  ASSERT_EQ(frozen.constants().size(), 1u);
  EXPECT_EQ(frozen.constants()[0].item(), 2);
  global_rate = 0.5f;
  global_scale = Tensor();
}

// A captured container that grows. eager and compiled: its tensors of now; another number of them is another plan, and
// the old one is found again. frozen: those it was recorded with.
TEST(FootgunHost, CapturedContainers) {
  std::vector<Tensor> terms = {tensor({1.0})};
  auto f = [&](const Tensor& x) {
    Tensor y = x;
    for (const Tensor& t : terms) y = y + t;
    return y;
  };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  const Tensor x = tensor({10.0});
  EXPECT_EQ(compiled(x).item(), 11);
  EXPECT_EQ(frozen(x).item(), 11);
  terms.push_back(tensor({5.0}));
  EXPECT_EQ(compiled(x).item(), 16);
  EXPECT_EQ(frozen(x).item(), 11);
  terms.pop_back();
  terms[0] = tensor({2.0});
  EXPECT_EQ(compiled(x).item(), 12);
  EXPECT_EQ(compiled.cache().plans().size(), 2u);
}

// A tensor in a static variable, made by the first call. eager: a value for ever. compiled: recorded by the first call,
// a value after it and an input of the second plan; right each time. frozen: refused, since host code keeps it; and
// what it kept was never computed, which every use of it says.
template <Mode mode>
Tensor with_static_table(const Tensor& x) {
  static const Tensor table = exp(arange(3));
  return x + table;
}
TEST(FootgunHost, StaticTensors) {
  const Tensor x = tensor({1.0, 2.0, 3.0});
  const std::string expected = bits(x + exp(arange(3)));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bits(with_static_table<Mode::eager>(x)), expected);
  auto compiled = compile(with_static_table<Mode::compiled>);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bits(compiled(x)), expected);
  EXPECT_EQ(compiled.cache().plans().size(), 2u);
  EXPECT_EQ(bits(with_static_table<Mode::compiled>(x)), expected);
  EXPECT_ERROR(
      TraceError, freeze(with_static_table<Mode::frozen>)(x),
      "freeze: a value is kept by host code after the call: the result of exp; return it instead, or use compile");
  EXPECT_ERROR(TraceError, with_static_table<Mode::frozen>(x),
               "add: the value was never computed: f32[3]; the compiled function that recorded it threw");
}

// A value of one call read by the next. eager and compiled: the value. frozen: refused.
TEST(FootgunHost, StateFromCallToCall) {
  for (Mode mode : {Mode::eager, Mode::compiled}) {
    Tensor total = zeros({1});
    auto f = with_mode(mode, [&](const Tensor& x) {
      total = total + x;
      return total * 2;
    });
    for (int i = 1; i <= 4; ++i) EXPECT_EQ(f(ones({1})).item(), static_cast<float>(2 * i));
    EXPECT_LE(f.cache().plans().size(), 1u);
  }
  Tensor total = zeros({1});
  auto frozen = freeze([&](const Tensor& x) {
    total = total + x;
    return total * 2;
  });
  EXPECT_ERROR(
      TraceError, frozen(ones({1})),
      "freeze: a value is kept by host code after the call: the result of add; return it instead, or use compile");
}

// Returns before the end. eager and compiled: the path of each call, a plan each; nothing is recorded, nothing is
// planned. frozen: the flag belongs to the signature.
TEST(FootgunHost, EarlyReturns) {
  auto f = [](const Tensor& x, bool flag) {
    if (x.shape(0) == 0) return x;
    Tensor y = exp(x);
    if (flag) return y;
    return y * 2 + 1;
  };
  const Tensor x = expect::numbers({3}), none = zeros({0});
  auto compiled = compile(f);
  EXPECT_EQ(&compiled(none, false).block(), &none.block());
  EXPECT_EQ(compiled.cache().plans().size(), 0u);
  for (bool flag : {true, false, true}) EXPECT_EQ(bits(compiled(x, flag)), bits(f(x, flag)));
  EXPECT_EQ(compiled.cache().plans().size(), 2u);
  auto frozen = freeze(f, {.on_new_shape = OnNewShape::retrace});
  for (bool flag : {true, false, true}) EXPECT_EQ(bits(frozen(x, flag)), bits(f(x, flag)));
  EXPECT_EQ(frozen(none, true).shape(), Shape{0});
}

// An error that the function catches by itself. The same in all modes: shapes are known while a function is recorded.
TEST(FootgunHost, TryAndCatch) {
  auto f = [](const Tensor& x, const Tensor& y) {
    try {
      return x + y;
    } catch (const ShapeError&) {
      return x * 2;
    }
  };
  const Tensor x = ones({2}), y = ones({3});
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(floats(f(x, y)), (std::vector<float>{2, 2}));
    EXPECT_EQ(floats(compiled(x, y)), (std::vector<float>{2, 2}));
    EXPECT_EQ(floats(frozen(x, y)), (std::vector<float>{2, 2}));
  }
}

// Recursion. The same in all modes, as C++ does it: what is called inside is recorded into the one graph, also when it
// is the compiled function itself.
TEST(FootgunHost, Recursion) {
  std::function<Tensor(const Tensor&, int)> power = [&](const Tensor& x, int n) {
    if (n == 0) return x * 0 + 1;
    Tensor half = power(x, n / 2);
    return n % 2 == 0 ? half * half : half * half * x;
  };
  const Tensor x = tensor({2.0, -1.5});
  const std::string eager = bits(power(x, 13));
  EXPECT_EQ(bits(compile(power)(x, 13)), eager);
  EXPECT_EQ(bits(freeze(power)(x, 13)), eager);
  std::function<Tensor(const Tensor&, int)> itself;
  auto compiled = compile([&](const Tensor& t, int n) { return n == 0 ? t * 1.f : itself(t, n - 1) * t; });
  itself = compiled;
  EXPECT_EQ(floats(compiled(x, 3)), (std::vector<float>{16, 5.0625f}));
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
}

// x += 1 of an argument by value, and of a captured copy. The same in all modes: contents are never changed through
// another handle.
TEST(FootgunHost, MutationOfCopies) {
  const Tensor captured = tensor({7.0});
  auto f = [captured](Tensor x) {
    Tensor c = captured;
    x += 1;
    c *= 2;
    return x + c;
  };
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto g = with_mode(mode, f);
    Tensor x = tensor({1.0});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(g(x).item(), 16);
    EXPECT_EQ(x.item(), 1);
    EXPECT_EQ(captured.item(), 7);
  }
}

}  // namespace
}  // namespace duet
