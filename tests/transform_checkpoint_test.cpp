// checkpoint: the same bits as without it, and less memory, counted.
#include <stdexcept>

#include "duet/graph/plan.h"
#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;
using expect::in_every_mode;
using expect::tree_bits;

Tensor block(const Tensor& x, const Tensor& w) { return tanh(matmul(tanh(matmul(x, w)), w)) + x; }

struct Net {
  Tensor w;
  nn::Linear out;
};
const Net& net() {
  static const Net n{expect::numbers({6, 6}, 3), nn::Linear::init(6, 2, Key(5))};
  return n;
}

// A value that is used inside twice, outside, and by several calls: sums of gradients have one order.
template <class Call>
auto loss_with(Call call) {
  return [call](const Net& n, const Tensor& x) {
    Tensor h = x;
    for (int i = 0; i < 3; ++i) h = call(block)(h, n.w) * h;
    return sum(square(call(n.out)(h))) + sum(n.w * n.w);
  };
}
auto plain = [](auto f) { return f; };
auto checkpointed = [](auto f) { return checkpoint(f); };

TEST(Checkpoint, TheSameBits) {
  const Tensor x = expect::numbers({5, 6});
  EXPECT_EQ(bits(loss_with(checkpointed)(net(), x)), bits(loss_with(plain)(net(), x)));
  const std::string expected = tree_bits(value_and_grad<0, 1>(loss_with(plain))(net(), x));
  EXPECT_EQ(in_every_mode(value_and_grad<0, 1>(loss_with(checkpointed)), net(), x), expected);
  EXPECT_EQ(tree_bits(value_and_grad<0, 1>(compile(loss_with(checkpointed)))(net(), x)), expected);
  EXPECT_EQ(tree_bits(value_and_grad<0, 1>(freeze(loss_with(checkpointed)))(net(), x)), expected);
  // Passes change nothing of that.
  for (const char* pass : {"cse", "fuse", "fold", "simplify", "plan_memory", "dce"})
    EXPECT_EQ(tree_bits(compile(value_and_grad<0, 1>(loss_with(checkpointed)), {{pass}})(net(), x)), expected) << pass;
}

TEST(Checkpoint, Nested) {
  const Tensor x = expect::numbers({5, 6});
  auto pair = [](auto call) {
    return [=](const Tensor& t, const Tensor& w) { return call(block)(call(block)(t, w), w); };
  };
  auto loss = [](auto f) { return [=](const Tensor& t, const Tensor& w) { return sum(f(f(t, w), w)); }; };
  const std::string expected = tree_bits(grad<0, 1>(loss(pair(plain)))(x, net().w));
  EXPECT_EQ(in_every_mode(grad<0, 1>(loss(checkpoint(pair(checkpointed)))), x, net().w), expected);
  EXPECT_EQ(in_every_mode(grad<0, 1>(loss(checkpoint(pair(plain)))), x, net().w), expected);
}

struct State {
  Tensor h;
  std::optional<Tensor> c;
  std::vector<Tensor> history;
  int steps = 0;
};

TEST(Checkpoint, TreesIntegersAndConstants) {
  auto step = [](const State& s, const Tensor& index, float scale) {
    State n = s;
    n.h = tanh(gather(s.h, index) * *s.c) * scale;
    n.c = *s.c + n.h;
    n.history.push_back(cast(n.h > 0, i32));
    ++n.steps;
    return n;
  };
  auto loss = [&](auto f) {
    return [&, f](const State& s, float scale) {
      State a = f(s, tensor({2, 0, 1}), scale), b = f(a, tensor({1, 1, 2}), scale);
      return sum(b.h * *b.c) + sum(cast(b.history[0] + b.history[1], f32)) * b.steps;
    };
  };
  const State s{expect::numbers({3}), expect::numbers({3}, 2), {}};
  const std::string expected = tree_bits(value_and_grad(loss(step))(s, 0.5f));
  auto f = checkpoint(step);
  EXPECT_EQ(tree_bits(value_and_grad(loss(f))(s, 0.5f)), expected);
  EXPECT_EQ(tree_bits(compile(value_and_grad(loss(f)))(s, 0.5f)), expected);
  EXPECT_EQ(tree_bits(freeze(value_and_grad(loss(f)))(s, 0.5f)), expected);
}

// A result that is an argument, and one that is there twice.
TEST(Checkpoint, ArgumentsAsResults) {
  auto f = [](const Tensor& a, const Tensor& b) { return std::tuple{a, b * 2, a}; };
  auto loss = [&](auto g) {
    return [=](const Tensor& a, const Tensor& b) {
      auto [x, y, z] = g(a, b);
      return sum(x * 3 + y * 5 + z * 7);
    };
  };
  const Tensor a = ones({2});
  EXPECT_EQ(floats(std::get<0>(grad<0, 1>(loss(checkpoint(f)))(a, a))), (std::vector<float>{10, 10}));
  EXPECT_EQ(floats(std::get<1>(grad<0, 1>(loss(checkpoint(f)))(a, a))), (std::vector<float>{10, 10}));
  EXPECT_EQ(grad([&](const Tensor& t) {
              return checkpoint([](const Tensor& p, const Tensor& q) { return p * q * q; })(t, t);
            })(Tensor(2.f))
                .item(),
            12);
}

TEST(Checkpoint, RandomNumbersAreDrawnAgain) {
  auto noisy = [](const Tensor& x, const Key& key) {
    return where(bernoulli(fold_in(key, 1), 0.5, {4}), x * uniform(key, {4}), x);
  };
  auto loss = [](auto f) {
    return [=](const Tensor& x, const Key& key) { return sum(exp(f(f(x, key), fold_in(key, 7)))); };
  };
  const Tensor x = expect::numbers({4});
  const std::string expected = bits(grad(loss(noisy))(x, Key(3)));
  static std::vector<std::string> said;
  said.clear();
  set_debug(1);
  set_debug_sink([](std::string_view line) { said.emplace_back(line); });
  EXPECT_EQ(bits(grad(loss(checkpoint(noisy)))(x, Key(3))), expected);
  const Key captured(4);  // an argument of no call: it is the same key that is drawn from again
  grad([&](const Tensor& t) {
    return sum(checkpoint([&](const Tensor& v) { return exp(v) * normal(captured, {4}); })(t));
  })(x);
  set_debug(0);
  set_debug_sink(nullptr);
  for (const std::string& line : said) EXPECT_EQ(line.find("used before"), std::string::npos) << line;
  EXPECT_EQ(in_every_mode(grad(loss(checkpoint(noisy))), x, Key(3)), expected + ";");
}

TEST(Checkpoint, HigherDerivatives) {
  const Tensor x = expect::numbers({5, 6}).to(f64), w = expect::numbers({6, 6}, 2).to(f64),
               v = expect::numbers({5, 6}, 3).to(f64);
  auto loss = [](auto f) { return [=](const Tensor& t, const Tensor& u) { return sum(square(f(f(t, u), u))); }; };
  auto hessian_vector = [](auto g) {
    return [=](const Tensor& t, const Tensor& u, const Tensor& d) {
      return grad<0, 1>([=](const Tensor& p, const Tensor& q) { return sum(grad(g)(p, q) * d); })(t, u);
    };
  };
  auto [ax, aw] = hessian_vector(loss(block))(x, w, v);
  auto [bx, bw] = hessian_vector(loss(checkpoint(block)))(x, w, v);
  EXPECT_LT(max(abs(ax - bx)).item<double>(), 1e-12);
  EXPECT_LT(max(abs(aw - bw)).item<double>(), 1e-12);
  in_every_mode(hessian_vector(loss(checkpoint(block))), x.to(f32), w.to(f32), v.to(f32));
  auto third = grad([](const Tensor& t) {
    return grad([](const Tensor& u) { return grad(checkpoint([](const Tensor& s) { return sin(s) * exp(s); }))(u); })(
        t);
  });
  const double at = 0.7, exact = 2 * std::exp(at) * (std::cos(at) - std::sin(at));
  EXPECT_NEAR(third(Tensor(at)).item<double>(), exact, 1e-12);
}

// A chain of n blocks of k operations on f32[4096], each keeping its result.
constexpr int kBlocks = 8, kOps = 6;
constexpr int64_t kBytes = 4096 * 4;
Tensor chain_block(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kOps; ++i) y = tanh(y);
  return y;
}
template <class Call>
auto chain(Call call) {
  return [call](const Tensor& x) {
    Tensor y = x;
    for (int i = 0; i < kBlocks; ++i) y = call(chain_block)(y);
    return sum(y);
  };
}

// Bytes of large blocks at the peak, in whole buffers; headers and scalars are less than one.
template <class F>
int64_t peak_buffers(const F& f, const Tensor& x) {
  f(x);
  const int64_t before = memory_stats().live_bytes;
  reset_peak();
  f(x);
  return (memory_stats().peak_bytes - before) / kBytes;
}

TEST(Checkpoint, EagerMemoryAndOperations) {
  const Tensor x = expect::numbers({4096});
  auto a = grad(chain(plain));
  auto b = grad(chain(checkpointed));
  EXPECT_EQ(bits(b(x)), bits(a(x)));
  // Without it every result is alive when the walk begins, and one gradient is added; with it the arguments of all
  // blocks but the first, which is the caller's, the results of one block, its gradient and the next one.
  const int64_t kept = peak_buffers(a, x), kept_with = peak_buffers(b, x);
  EXPECT_EQ(kept, kBlocks * kOps + 1);
  EXPECT_EQ(kept_with, kBlocks - 1 + kOps + 2);
  auto launches = [&](const auto& f) {
    const uint64_t before = thread_state.launches;
    f(x);
    return static_cast<int>(thread_state.launches - before);
  };
  EXPECT_EQ(launches(b) - launches(a), kBlocks * kOps);  // every operation once more
}

TEST(Checkpoint, CompiledMemory) {
  const Tensor x = expect::numbers({64, 64});
  auto layers = [](auto call) {
    return [call](const Tensor& t, const Tensor& w) {
      auto f = [](const Tensor& h, const Tensor& u) {
        Tensor y = h;
        for (int i = 0; i < 4; ++i) y = tanh(matmul(y, u));
        return y;
      };
      Tensor y = t;
      for (int i = 0; i < 6; ++i) y = call(f)(y, w);
      return sum(y);
    };
  };
  const Tensor w = expect::numbers({64, 64}, 2);
  auto a = compile(value_and_grad(layers(plain)));
  auto b = compile(value_and_grad(layers(checkpointed)));
  EXPECT_EQ(tree_bits(b(x, w)), tree_bits(a(x, w)));
  const auto plan_of = [](const auto& f) { return f.cache().plans().at(0); };
  auto matmuls = [](const graph::Plan& p) {
    int n = 0;
    for (const graph::Node& node : p.graph().nodes) n += node.op == &op<Matmul>();
    return n;
  };
  EXPECT_EQ(matmuls(*plan_of(b)) - matmuls(*plan_of(a)), 6 * 4);  // cse does not take the second computation away
  int regions = 0;
  for (const graph::Node& node : plan_of(b)->graph().nodes) regions = std::max(regions, node.region);
  EXPECT_EQ(regions, 6);
  const int64_t buffer = 64 * 64 * 4;
  // All results and a gradient; the arguments of the blocks between (the first one's is the caller's, the last one's
  // dies as its results are made), the results of one block and a gradient.
  EXPECT_EQ(plan_of(a)->memory().arena_bytes / buffer, 6 * 4 + 1);
  EXPECT_EQ(plan_of(b)->memory().arena_bytes / buffer, (6 - 2) + 4 + 1);
}

TEST(Checkpoint, ReleasesItsArguments) {
  const Tensor x = ones({5000});
  const int64_t before = memory_stats().live_bytes;
  {
    auto [y, pullback] = vjp(checkpoint([](const Tensor& t) { return sum(exp(exp(t * 0.1f))); }), x);
    EXPECT_LT(memory_stats().live_bytes - before, 4096 + 20000);
    pullback(ones({}));
  }
  EXPECT_LT(memory_stats().live_bytes - before, 4096);
}

TEST(Checkpoint, CallsTheFunctionAgain) {
  int calls = 0;
  auto f = checkpoint([&](const Tensor& x) { return ++calls, x * x; });
  const Tensor x = Tensor(3.f);
  EXPECT_EQ(f(x).item(), 9);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(grad(f)(x).item(), 6);
  EXPECT_EQ(calls, 3);
  grad([&](const Tensor& t) { return t + f(x); })(x);  // nothing to differentiate
  EXPECT_EQ(calls, 4);
}

TEST(Checkpoint, Errors) {
  const Tensor x = ones({2});
  EXPECT_ERROR(
      TraceError, grad([](const Tensor& t) { return sum(checkpoint([&](const Tensor& a) { return a * t; })(t)); })(x),
      "checkpoint: the function captures a tensor that is differentiated: f32[2] in mul; pass it as an argument");
  EXPECT_ERROR(TraceError, grad([](const Tensor& t) {
                 auto inner = checkpoint([](const Tensor& a) { return a * 2; });
                 return sum(checkpoint([&](const Tensor& a) { return a * inner(t); })(t));
               })(x),
               "checkpoint: the function captures a tensor that is differentiated: f32[2] in checkpoint; pass it as an "
               "argument");
  expect::clean_thread();
  // What is captured and not differentiated may be.
  EXPECT_EQ(
      floats(grad([&](const Tensor& t) { return sum(checkpoint([&](const Tensor& a) { return a * x; })(t)); })(x)),
      (std::vector<float>{1, 1}));
}

TEST(Checkpoint, ExceptionsLeaveNothingBehind) {
  const Tensor x = ones({2});
  int calls = 0;
  auto f = checkpoint([&](const Tensor& t) {
    if (++calls >= 2) throw std::runtime_error(to_string(t.spec()));
    return t * 2;
  });
  auto loss = [&](const Tensor& t) { return sum(f(t)); };
  EXPECT_THROW(grad(loss)(x), std::runtime_error);  // in the walk
  expect::clean_thread();
  EXPECT_THROW(grad(loss)(x), std::runtime_error);  // in the call
  expect::clean_thread();
  calls = 0;
  EXPECT_THROW(compile(grad(loss))(x), std::runtime_error);
  expect::clean_thread();
  calls = 0;
  EXPECT_THROW(grad([&](const Tensor& t) { return sum(vmap(f)(t)); })(x), std::runtime_error);
  expect::clean_thread();
}

// Tapes that are hidden may be closed by the user meanwhile.
TEST(Checkpoint, ATapeIsClosedInside) {
  auto tape = std::make_unique<Tape>();
  Tensor w = ones({2});
  tape->watch(w);
  Tensor y = checkpoint([&](const Tensor& t) {
    tape.reset();
    return t * 2;
  })(w);
  EXPECT_EQ(floats(y), (std::vector<float>{2, 2}));
  expect::clean_thread();
}

}  // namespace
}  // namespace duet
