// item() and branches on values inside recorded functions: the plan so far runs, and recording goes on.
#include "expect.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;

// eager: plain. compiled: two segments, both found in the cache from the second call on. frozen: refused with the line.
TEST(FootgunSplits, BranchOnAValue) {
  auto f = [](const Tensor& x) {
    Tensor y = x * 2;
    if (sum(y).item() > 0) return exp(y);
    return y - 1;
  };
  auto run = compile(f);
  const Tensor up = tensor({1.0, 2.0}), down = tensor({-1.0, -2.0});
  EXPECT_EQ(bits(run(up)), bits(f(up)));
  EXPECT_EQ(run.cache().plans().size(), 2u);
  EXPECT_EQ(run.cache().hits(), 0u);
  EXPECT_EQ(bits(run(up)), bits(f(up)));
  EXPECT_EQ(run.cache().hits(), 2u);
  EXPECT_EQ(bits(run(down)), bits(f(down)));  // the other branch is a third plan
  EXPECT_EQ(run.cache().plans().size(), 3u);
  EXPECT_EQ(run.cache().hits(), 3u);
  EXPECT_EQ(bits(run(up)), bits(f(up)));
  EXPECT_EQ(run.cache().plans().size(), 3u);
  EXPECT_ERROR(TraceError, freeze(f)(up),
               "item: a frozen function has no values while it is traced; compute with tensors (where, maximum), or "
               "use compile");
}

// eager: a copy of the view. compiled: the same; a recorded view is not taken for a dense value. frozen: refused.
TEST(FootgunSplits, ElementsOfAViewMadeContiguous) {
  std::vector<float> seen;
  auto f = [&](const Tensor& x) {
    const Tensor view = (x * 2).transpose(), dense = view.contiguous();
    seen.assign(dense.data(), dense.data() + dense.numel());
    return dense + view;
  };
  const Tensor x = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  const std::string eager = bits(f(x));
  auto run = compile(f);
  for (int i = 0; i < 2; ++i) {
    seen.clear();
    EXPECT_EQ(bits(run(x)), eager);
    EXPECT_EQ(seen, (std::vector<float>{2, 8, 4, 10, 6, 12}));
  }
  EXPECT_ERROR(TraceError, freeze(f)(x),
               "data: a frozen function has no values while it is traced; compute with tensors (where, maximum), or "
               "use compile");
}

// `if (tensor)`. compiled: split there, to the values of eager. frozen: refused; it has no line of its own, so the line
// of the operation that made the value is named.
TEST(FootgunSplits, BranchOnATensor) {
  auto f = [](const Tensor& x) {
    if (sum(x) > 0) return x + 1;
    return x - 1;
  };
  auto run = compile(f);
  EXPECT_EQ(run(tensor({1.0})).item(), 2);
  EXPECT_EQ(run(tensor({-1.0})).item(), -2);
  EXPECT_ERROR(TraceError, freeze(f)(tensor({1.0})),
               "item: a frozen function has no values while it is traced; compute with tensors (where, maximum), or "
               "use compile");
}

// A loop whose exit depends on a value, under an open tape. compiled: the tape's values live across the splits, to the
// bits of eager.
TEST(FootgunSplits, LoopWithAnOpenTape) {
  auto f = [](const Tensor& w, const Tensor& x) {
    Tensor y = x;
    for (int i = 0; i < 50 && sum(square(y)).item() < 100; ++i) y = tanh(y * w) + y;
    return mean(square(y));
  };
  auto step = [&](const Tensor& w, const Tensor& x) { return value_and_grad(f)(w, x); };
  auto run = compile(step);
  const Tensor w = expect::numbers({16}), x = expect::numbers({16}, 2);
  const std::string expected = expect::tree_bits(step(w, x));
  EXPECT_EQ(expect::tree_bits(run(w, x)), expected);
  const uint64_t plans = run.cache().plans().size(), hits = run.cache().hits();
  EXPECT_EQ(expect::tree_bits(run(w, x)), expected);
  EXPECT_EQ(run.cache().plans().size(), plans);
  EXPECT_GE(run.cache().hits() - hits, 3u);
  // The tape outside of the compiled function gives the same.
  auto outside = value_and_grad(compile(f));
  EXPECT_EQ(expect::tree_bits(outside(w, x)), expected);
}

// The step of the issue: a training step that looks at its loss. Both segments hit the cache the second time.
TEST(FootgunSplits, StepThatLooksAtItsLoss) {
  auto loss = [](const Tensor& w, const Tensor& x) { return mean(square(x * w - 1)); };
  auto step = [&](Tensor& w, const Tensor& x, float lr) {
    auto [l, g] = value_and_grad(loss)(w, x);
    if (l.item() > 1e-3f) w = w - g * lr;
    return l;
  };
  Tensor eager_w = tensor({0.5, 2.0}), w = eager_w;
  const Tensor x = tensor({1.0, 3.0});
  auto run = compile(step);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bits(run(w, x, 0.1f)), bits(step(eager_w, x, 0.1f)));
    EXPECT_EQ(bits(w), bits(eager_w));
    EXPECT_GE(run.cache().hits(), static_cast<uint64_t>(2 * i));
  }
  EXPECT_LE(run.cache().plans().size(), 3u);
}

// An exception after a split. compiled: a split gives nothing of the arguments away, and they are as before.
TEST(FootgunSplits, ThrowAfterASplit) {
  Tensor w = tensor({1.0, 2.0, 3.0});
  auto f = compile([](Tensor& t, bool fail) {
    t = t * 2;
    const float total = sum(t).item();
    t = t + 1;
    if (fail) throw std::runtime_error("host");
    return total;
  });
  f(w, false);
  EXPECT_EQ(floats(w), (std::vector<float>{3, 5, 7}));
  EXPECT_THROW(f(w, true), std::runtime_error);
  EXPECT_EQ(floats(w), (std::vector<float>{3, 5, 7}));
  EXPECT_EQ(f(w, false), 30);
  EXPECT_EQ(floats(w), (std::vector<float>{7, 11, 15}));
}

// An index error that is caught inside. eager and compiled: caught; recording goes on, and what was lost says so.
TEST(FootgunSplits, CaughtErrorAtASplit) {
  auto f = [](const Tensor& x, const Tensor& index) {
    Tensor lost;
    try {
      lost = gather(x, index);
      return sum(lost).item() + 0 * x;
    } catch (const IndexError&) {
      return x * 3;
    }
  };
  auto run = compile(f);
  const Tensor x = tensor({1.0, 2.0});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(floats(run(x, tensor({9}))), (std::vector<float>{3, 6}));
    EXPECT_EQ(floats(run(x, tensor({1}))), (std::vector<float>{2, 2}));
  }
  auto keeps = compile([](const Tensor& t, const Tensor& index) {
    Tensor lost = gather(t, index);
    try {
      lost.item();
    } catch (const IndexError&) {
    }
    return lost + t;
  });
  EXPECT_ERROR(TraceError, keeps(tensor({1.0}), tensor({9})),
               "add: the value was never computed: f32[1]; the compiled function that recorded it threw");
}

// Printing, data() and to_vector() are looks at values as well. compiled: split at each, once a place.
TEST(FootgunSplits, EveryLookSplits) {
  std::string text;
  auto f = compile([&](const Tensor& x) {
    Tensor y = x * 2;
    text = to_string(y);
    Tensor z = y + 1;
    const float first = z.data()[0];
    Tensor u = z * first;
    return u + u.to_vector()[0];
  });
  for (int i = 0; i < 2; ++i) EXPECT_EQ(floats(f(tensor({1.0, 2.0}))), (std::vector<float>{18, 24}));
  EXPECT_EQ(text, "[2. 4.] f32[2]");
  EXPECT_EQ(f.cache().plans().size(), 4u);
  size_t splits = 0;
  for (const graph::Event& e : f.cache().events()) splits += e.what == "split";
  EXPECT_EQ(splits, 3u);  // each place once, however often the function is called
}

// Splits in a function that a recorded one calls. compiled: they belong to the outer recording.
TEST(FootgunSplits, InsideANestedFunction) {
  auto inner = compile([](const Tensor& x) { return sum(x).item() > 0 ? x * 2 : x; });
  auto outer = compile([&](const Tensor& x) { return inner(x + 1) + 1; });
  EXPECT_EQ(outer(tensor({1.0})).item(), 5);
  EXPECT_EQ(outer(tensor({-3.0})).item(), -1);
  EXPECT_EQ(inner.cache().plans().size(), 0u);
}

}  // namespace
}  // namespace duet
