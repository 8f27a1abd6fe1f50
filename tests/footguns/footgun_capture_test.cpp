// Host code around a recorded function: captures, counters, values that leave it, exceptions. Each test says what
// eager, compiled and frozen do.
#include <thread>

#include "expect.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;

// eager: the captured tensor is rebound. compiled: the same, after the call. frozen: refused, nothing would do it
// later.
TEST(FootgunCapture, RebindEscapes) {
  for (bool compiled : {false, true}) {
    Tensor captured = tensor({0.0});
    auto f = [&](const Tensor& x) {
      Tensor y = x * 2;
      captured = y + 1;
      return y;
    };
    auto run = compile(f);
    for (double v : {1.0, 2.0, 3.0}) {
      Tensor y = compiled ? run(tensor({v})) : eager(f)(tensor({v}));
      EXPECT_EQ(y.item(), static_cast<float>(2 * v));
      EXPECT_EQ(captured.item(), static_cast<float>(2 * v + 1));
    }
    EXPECT_EQ(run.cache().plans().size(), compiled ? 1u : 0u);
  }
  Tensor captured = tensor({0.0});
  auto frozen = freeze([&](const Tensor& x) {
    Tensor y = x * 2;
    captured = y + 1;
    return y;
  });
  EXPECT_ERROR(
      TraceError, frozen(tensor({1.0})),
      "freeze: a value is kept by host code after the call: the result of add; return it instead, or use compile");
}

// eager and compiled: host code counts at every call, the number is a run-time slot. frozen: the second recording sees
// another number and refuses.
TEST(FootgunCapture, CounterAsOperand) {
  int calls = 0;
  auto f = [&calls](const Tensor& x) { return x * static_cast<float>(++calls); };
  auto run = compile(f);
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(run(tensor({2.0})).item(), static_cast<float>(2 * i));
  EXPECT_EQ(run.cache().plans().size(), 1u);
  calls = 0;
  EXPECT_ERROR(
      TraceError, freeze(f)(tensor({2.0})),
      "freeze: a number changes between two recordings: 1 and then 2; C++ computed it from an argument or from "
      "outside: write x * lr * 0.5f for x * (lr * 0.5f), pass it as an argument, or use compile");
  EXPECT_EQ(calls, 2);
}

// An integer counter is a slot as well; frozen names it in its own kind.
TEST(FootgunCapture, IntegerCounterAsOperand) {
  int calls = 0;
  auto f = [&calls](const Tensor& x) { return x + ++calls; };
  auto run = compile(f);
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(run(tensor({2})).item<int>(), 2 + i);
  EXPECT_EQ(run.cache().plans().size(), 1u);
  calls = 0;
  EXPECT_ERROR(
      TraceError, freeze(f)(tensor({2})),
      "freeze: a number changes between two recordings: 1 and then 2; C++ computed it from an argument or from "
      "outside: write x * lr * 0.5f for x * (lr * 0.5f), pass it as an argument, or use compile");
}

// A counter that changes which operations run: compiled makes the other plan, frozen refuses.
TEST(FootgunCapture, CounterAsBranch) {
  int calls = 0;
  auto f = [&calls](const Tensor& x) { return ++calls % 2 == 0 ? exp(x) : sin(x); };
  auto run = compile(f);
  const Tensor x = tensor({0.5, 1.5});
  const std::string even = bits(exp(x)), odd = bits(sin(x));
  for (int i = 1; i <= 6; ++i) EXPECT_EQ(bits(run(x)), i % 2 == 0 ? even : odd);
  EXPECT_EQ(run.cache().plans().size(), 2u);
  calls = 0;
  EXPECT_ERROR(TraceError, freeze(f)(x),
               "freeze: two recordings differ: sin and then exp; the function is not pure, use compile");
  calls = 0;
  auto grows = [&calls](const Tensor& t) {
    Tensor y = t * 2;
    for (int i = 0; i < calls; ++i) y = y * 2;
    ++calls;
    return y;
  };
  EXPECT_ERROR(TraceError, freeze(grows)(x),
               "freeze: two recordings differ: 1 operations and then 2; the function is not pure, use compile");
  calls = 0;
  auto slices = [&calls](const Tensor& t) { return exp(t.slice(0, 0, 1 + calls++) * 2); };
  EXPECT_ERROR(
      TraceError, freeze(slices)(x),
      "freeze: two recordings differ: slice with other operands or attributes; the function is not pure, use compile");
}

// eager and compiled see a captured tensor as it is now. frozen: it is a constant, and listed.
TEST(FootgunCapture, CapturedTensorChangesBetweenCalls) {
  Tensor scale = tensor({2.0});
  auto f = [&scale](const Tensor& x) { return x * scale; };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  EXPECT_EQ(compiled(tensor({3.0})).item(), 6);
  EXPECT_EQ(frozen(tensor({3.0})).item(), 6);
  ASSERT_EQ(frozen.constants().size(), 1u);
  EXPECT_EQ(bits(frozen.constants()[0]), bits(scale));
  scale = tensor({5.0});
  EXPECT_EQ(eager(f)(tensor({3.0})).item(), 15);
  EXPECT_EQ(compiled(tensor({3.0})).item(), 15);
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  EXPECT_EQ(frozen(tensor({3.0})).item(), 6);
  scale *= 2;  // frozen holds the old value, so nobody computes in its storage
  EXPECT_EQ(frozen(tensor({3.0})).item(), 6);
  EXPECT_EQ(frozen.constants()[0].item(), 2);
}

// A captured tensor that host code makes anew at each call is a slot when compiled; frozen takes it when its bits
// agree.
TEST(FootgunCapture, TensorMadeInside) {
  int calls = 0;
  auto compiled = compile([&](const Tensor& x) { return x + from_vector<float>({static_cast<float>(++calls)}, {1}); });
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(compiled(tensor({10.0})).item(), static_cast<float>(10 + i));
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  auto same = freeze([](const Tensor& x) { return x + tensor({7.0}); });
  EXPECT_EQ(same(tensor({1.0})).item(), 8);
  auto differs = freeze([&](const Tensor& x) { return x + from_vector<float>({static_cast<float>(++calls)}, {1}); });
  EXPECT_ERROR(TraceError, differs(tensor({1.0})),
               "freeze: a tensor differs between two recordings: f32[1]; pass it as an argument, or use compile");
}

// Host code runs at every call of eager and compiled, twice and then never when frozen.
TEST(FootgunCapture, SideEffects) {
  int runs = 0;
  auto f = [&runs](const Tensor& x) {
    ++runs;
    return x + 1;
  };
  auto count = [&](auto&& g) {
    runs = 0;
    for (int i = 0; i < 3; ++i) g(tensor({1.0}));
    return runs;
  };
  EXPECT_EQ(count(eager(f)), 3);
  EXPECT_EQ(count(compile(f)), 3);
  EXPECT_EQ(count(freeze(f)), 2);
}

// Tensors kept by host code. eager and compiled: whole values after the call, and they stay. frozen: refused, as in
// RebindEscapes.
TEST(FootgunCapture, KeptBetweenCalls) {
  std::vector<Tensor> kept;
  auto f = compile([&](const Tensor& x) {
    kept.push_back(exp(x));
    return kept.back() + 1;
  });
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    Tensor x = expect::numbers({100}, i);
    f(x);
    expected.push_back(bits(exp(x)));
  }
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(bits(kept[i]), expected[i]);
}

// A value whose recording ended in an exception was never computed; any use says so with the line.
TEST(FootgunCapture, ExceptionInsideATrace) {
  Tensor escaped;
  auto f = [&](const Tensor& x) -> Tensor {
    escaped = x * 2;
    if (x.shape(0) == 1) throw std::runtime_error("host");
    return escaped;
  };
  auto run = compile(f);
  EXPECT_THROW(run(tensor({1.0})), std::runtime_error);
  EXPECT_ERROR(TraceError, escaped + 1,
               "add: the value was never computed: f32[1]; the compiled function that recorded it threw");
  EXPECT_ERROR(TraceError, escaped.item(),
               "item: the value was never computed: f32[1]; the compiled function that recorded it threw");
  EXPECT_ERROR(TraceError, escaped.to_vector(),
               "to_vector: the value was never computed: f32[1]; the compiled function that recorded it threw");
  auto other = compile([](const Tensor& x) { return x + 1; });
  EXPECT_ERROR(TraceError, other(escaped),
               "add: the value was never computed: f32[1]; the compiled function that recorded it threw");
  auto frozen = freeze([](const Tensor& x) { return x + 1; });
  EXPECT_THROW(frozen(escaped), TraceError);
  // The function itself is as good as new.
  EXPECT_EQ(floats(run(tensor({1.0, 2.0}))), (std::vector<float>{2, 4}));
  EXPECT_EQ(floats(escaped), (std::vector<float>{2, 4}));
  EXPECT_EQ(thread_state.trace, nullptr);
}

// frozen: what an impure function left behind when it was refused is dead too.
TEST(FootgunCapture, TensorFromADeadTrace) {
  Tensor escaped;
  auto frozen = freeze([&](const Tensor& x) { return escaped = x * 2; });
  EXPECT_ERROR(
      TraceError, frozen(tensor({1.0})),
      "freeze: a value is kept by host code after the call: the result of mul; return it instead, or use compile");
  EXPECT_ERROR(TraceError, escaped.item(),
               "item: the value was never computed: f32[1]; the compiled function that recorded it threw");
}

// A value being recorded belongs to its thread.
TEST(FootgunCapture, UseFromAnotherThread) {
  auto f = compile([](const Tensor& x) {
    Tensor y = x * 2;
    std::thread([&] {
      EXPECT_ERROR(
          TraceError, y + 1,
          "add: the value is being recorded by another compiled function: f32[1]; use it where it is returned");
      EXPECT_ERROR(
          TraceError, y.item(),
          "item: the value is being recorded by another compiled function: f32[1]; use it where it is returned");
    }).join();
    return y;
  });
  EXPECT_EQ(f(tensor({3.0})).item(), 6);
}

}  // namespace
}  // namespace duet
