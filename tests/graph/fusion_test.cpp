// How many kernels programs take, launches, packing and copies included, and that they keep eager's bits.
#include <duet/duet.h>
#include <gtest/gtest.h>

#include "modes.h"
#include "ops/cases.h"

using namespace duet;
using namespace duet::expect;

namespace {

struct Launches {
  uint64_t eager = 0, compiled = 0;
};

// Launches of f(args…), compared with eager's bits on one thread and on two; the second call runs the plan that the
// first one made.
template <class F, class... A>
Launches launches(const F& f, const A&... args) {
  Launches n;
  uint64_t start = thread_state.launches;
  const std::string eager = tree_bits(f(args...));
  n.eager = thread_state.launches - start;
  auto compiled = compile(f);
  for (int call = 0; call < 2; ++call) {
    set_threads(call + 1);
    start = thread_state.launches;
    EXPECT_EQ(tree_bits(compiled(args...)), eager) << to_string(explain(compiled));
    n.compiled = thread_state.launches - start;
  }
  set_threads(0);
  EXPECT_EQ(tree_bits(freeze(f)(args...)), eager);
  for (const char* without : {"fuse", "combine", "plan_memory", "cse"})
    EXPECT_EQ(tree_bits(compile(f, {.without = {without}})(args...)), eager) << without;
  return n;
}

#define EXPECT_KERNELS(expected, ...)                                              \
  do {                                                                             \
    const Launches n = launches(__VA_ARGS__);                                      \
    EXPECT_EQ(n.compiled, static_cast<uint64_t>(expected)) << "eager " << n.eager; \
  } while (false)

Tensor numbers(const Shape& shape, int seed = 0) { return normal(Key(static_cast<uint32_t>(seed) + 17), shape); }

// Shapes of rows: short and long ones, one, and more than a block or a chunk holds.
const Shape kRows[] = {{5, 3}, {32, 10}, {33, 64}, {70, 130}, {1, 1000}, {3, 5000}, {2, 3, 7, 40}, {9000}, {4, 1}};

// What is reduced when all rows are done has to be made in the kernel: b's maximum is another kernel's.
TEST(Fusion, OperandsAreNotReducedBehindTheRows) {
  const auto f = [](const Tensor& x, const Tensor& b) {
    const Tensor t = b * max(b), s = sum(x * 2.0f, 0);
    return std::pair(s, s * t);
  };
  EXPECT_KERNELS(2, f, numbers({300, 2}), numbers({2}, 1));
}

TEST(Fusion, RowsAreOneKernel) {
  for (const Shape& s : kRows) {
    SCOPED_TRACE(fmt::format("{}", s));
    const Tensor x = numbers(s), g = numbers({s[s.rank() - 1]}, 1), b = numbers({s[s.rank() - 1]}, 2);
    EXPECT_KERNELS(
        1, [](const Tensor& v, const Tensor& c) { return gelu(v + c); }, x, b);
    EXPECT_KERNELS(
        1, [](const Tensor& v) { return softmax(v); }, x);
    EXPECT_KERNELS(
        1, [](const Tensor& v) { return log_softmax(v); }, x);
    EXPECT_KERNELS(
        1, [](const Tensor& v) { return logsumexp(v, -1); }, x);
    EXPECT_KERNELS(
        1, [](const Tensor& v) { return var(v, -1); }, x);
    EXPECT_KERNELS(
        1, [](const Tensor& v, const Tensor& c, const Tensor& d) { return layer_norm(v, c, d); }, x, g, b);
    EXPECT_KERNELS(
        1, [](const Tensor& v, const Tensor& c) { return rms_norm(v, c); }, x, g);
    EXPECT_KERNELS(
        1, [](const Tensor& v) { return mean(square(v)); }, x);
  }
}

TEST(Fusion, ChainsWithBroadcastingAreOneKernel) {
  const Tensor x = numbers({6, 40}), row = numbers({40}, 1), column = numbers({6, 1}, 2), one = numbers({}, 3);
  EXPECT_KERNELS(
      1,
      [](const Tensor& v, const Tensor& r, const Tensor& c, const Tensor& s) {
        return tanh(v * exp(r) + sin(c)) * sigmoid(s);
      },
      x, row, column, one);
  EXPECT_KERNELS(
      1, [](const Tensor& v, const Tensor& c) { return cast(v * c > 0, DType::f32) * v; }, x, column);
}

TEST(Fusion, CrossEntropyAndItsGradientAreOneKernel) {
  for (const Shape& s : {Shape{32, 10}, Shape{100, 300}, Shape{1, 7}}) {
    const Tensor x = numbers(s), y = cast(uniform(Key(3), {s[0]}) * 7, DType::i32);
    EXPECT_KERNELS(
        1,
        [](const Tensor& v, const Tensor& l) {
          return value_and_grad([&](const Tensor& z) { return cross_entropy(z, l); })(v);
        },
        x, y);
  }
}

TEST(Fusion, LayerNormForwardAndBackwardAreOneKernel) {
  for (const Shape& s : {Shape{32, 64}, Shape{100, 300}, Shape{2, 5, 16}}) {
    const Tensor x = numbers(s), g = numbers({s[s.rank() - 1]}, 1), b = numbers({s[s.rank() - 1]}, 2),
                 dy = numbers(s, 3);
    EXPECT_KERNELS(
        1,
        [](const Tensor& v, const Tensor& c, const Tensor& d, const Tensor& up) {
          auto [y, pullback] =
              vjp([](const Tensor& p, const Tensor& q, const Tensor& r) { return layer_norm(p, q, r); }, v, c, d);
          return std::pair(y, pullback(up));
        },
        x, g, b, dy);
  }
}

TEST(Fusion, ProductsTakeInWhatFollows) {
  const Tensor x = numbers({32, 64}), w = numbers({64, 48}, 1), b = numbers({48}, 2), r = numbers({32, 48}, 3);
  EXPECT_KERNELS(
      1, [](const Tensor& v, const Tensor& m, const Tensor& c) { return relu(matmul(v, m) + c); }, x, w, b);
  EXPECT_KERNELS(
      1, [](const Tensor& v, const Tensor& m, const Tensor& c) { return gelu(matmul(v, m) + c); }, x, w, b);
  EXPECT_KERNELS(
      1, [](const Tensor& v, const Tensor& m, const Tensor& c, const Tensor& s) { return matmul(v, m) + c + s; }, x, w,
      b, r);
}

TEST(Fusion, AttentionIsThreeKernels) {
  const Tensor q = numbers({2, 3, 8, 16}), k = numbers({2, 3, 8, 16}, 1), v = numbers({2, 3, 8, 16}, 2),
               m = numbers({8, 8}, 3);
  EXPECT_KERNELS(
      3,
      [](const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& mask) {
        return matmul(softmax(matmul(a, transpose(b, {0, 1, 3, 2})) * 0.25f + mask), c);
      },
      q, k, v, m);
}

TEST(Fusion, LabelsThatCannotCountTheClasses) {
  const Tensor l = from_vector(std::vector<uint8_t>{5, 255, 0, 44}, {4}), x = numbers({4, 300});
  launches([](const Tensor& v, const Tensor& y) { return sum(one_hot(y, 300) * v, 1); }, x, l);
  launches([](const Tensor& v, const Tensor& y) { return cross_entropy(v, y); }, x, l);
}

// The bad index that eager mode meets first is reported in every mode, however kernels were put together.
TEST(Fusion, TheFirstErrorIsReported) {
  auto message = [](const auto& f, const auto&... args) -> std::string {
    try {
      f(args...);
    } catch (const IndexError& e) {
      return e.what();
    }
    return "none";
  };
  const Tensor x = numbers({2, 3}), table = numbers({4, 3}, 1), label = from_vector(std::vector<int32_t>{9, 0}, {2}),
               row = from_vector(std::vector<int32_t>{0, 77}, {2});
  auto f = [](const Tensor& v, const Tensor& t, const Tensor& l, const Tensor& i) {
    const Tensor h = one_hot(l, 3);
    const Tensor g = gather(t, i);
    return h * v + g;
  };
  const std::string eager = message(f, x, table, label, row);
  EXPECT_NE(eager.find("one_hot: label 9"), std::string::npos) << eager;
  EXPECT_EQ(message(compile(f), x, table, label, row), eager);
  EXPECT_EQ(message(freeze(f), x, table, label, row), eager);
  auto two = [](const Tensor& v, const Tensor& w, const Tensor& l, const Tensor& k) {
    const Tensor h = one_hot(l, 3), q = one_hot(k, 3) * v;
    const Tensor z = softmax(matmul(q, w));
    return std::pair(q, z * h);
  };
  const Tensor w = numbers({3, 3}, 4), other = from_vector(std::vector<int32_t>{0, 55}, {2});
  const std::string first = message(two, x, w, label, other);
  EXPECT_EQ(message(compile(two), x, w, label, other), first);
  EXPECT_EQ(message(freeze(two), x, w, label, other), first);
}

struct Model {
  std::vector<nn::Linear> layers;
};
Tensor loss(const Model& m, const Tensor& x, const Tensor& y) {
  Tensor h = x;
  for (size_t i = 0; i < m.layers.size(); ++i) {
    h = m.layers[i](h);
    if (i + 1 < m.layers.size()) h = relu(h);
  }
  return cross_entropy(h, y);
}
Model model(std::vector<int64_t> sizes) {
  Model m;
  for (size_t i = 0; i + 1 < sizes.size(); ++i)
    m.layers.push_back(nn::Linear::init(sizes[i], sizes[i + 1], Key(static_cast<uint32_t>(i) + 5)));
  return m;
}

template <class Optimiser>
Launches training_step(const Model& start, const Optimiser& optimiser) {
  return launches(
      [](Model m, Optimiser o, const Tensor& x, const Tensor& y, float rate) {
        auto [l, g] = value_and_grad(loss)(m, x, y);
        o.update(m, g, rate);
        return std::tuple(l, m, o);
      },
      start, optimiser, numbers({32, start.layers[0].weight.shape(0)}), cast(uniform(Key(3), {32}) * 10, DType::i32),
      1e-3f);
}

// Three layers: 3 products, the loss and its gradient, 3 and 2 products back, the biases' gradients, and Adam.
TEST(Fusion, TheDigitsStepIsElevenKernels) {
  const Model m = model({64, 128, 64, 10});
  const Launches n = training_step(m, optim::Adam::init(m));
  EXPECT_LE(n.compiled, 11u);
  EXPECT_GT(n.eager, 40u);
}

TEST(Fusion, OptimisersAreOneKernel) {
  for (const size_t layers : {size_t{1}, size_t{4}, size_t{12}}) {
    const Model m = model(std::vector<int64_t>(layers + 1, 24));
    auto update = [](const auto& optimiser) {
      return [optimiser](Model p, const Model& g, float rate) {
        auto o = optimiser;
        o.update(p, g, rate);
        return std::pair(p, o);
      };
    };
    EXPECT_KERNELS(1, update(optim::Adam::init(m)), m, m, 1e-3f);
    EXPECT_KERNELS(1, update(optim::AdamW::init(m)), m, m, 1e-3f);
    EXPECT_KERNELS(1, update(optim::Sgd::init(m, 0.9f)), m, m, 1e-3f);
  }
}

struct Soft : Pointwise<1> {  // an op of the user's own
  static constexpr std::string_view name = "soft";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return x / (T(1) + abs(x));
  }
};

Tensor soft(const Operand& x) { return dispatch(op<Soft>(), {x}); }

TEST(Fusion, AThousandOperationsAreFourKernels) {
  EXPECT_KERNELS(
      4,
      [](const Tensor& x) {
        Tensor y = x;
        for (int i = 0; i < 250; ++i) y = soft(tanh(sin(y * 1.5f)));
        return y;
      },
      numbers({3, 700}));
}

// A random program of elements, values of rows, of columns and of all, that no pattern anticipates.
Tensor mixture(uint64_t seed, const Tensor& x, const Tensor& other) {
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  auto random = [&](size_t n) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<size_t>(state % n);
  };
  std::vector<Tensor> values{x, other};
  const size_t steps = 3 + random(14);
  for (size_t i = 0; i < steps; ++i) {
    const Tensor& a = values[values.size() - 1 - random(std::min<size_t>(values.size(), 4))];
    const Tensor& b = values[random(values.size())];
    ReduceOver over{-1, true};
    if (random(2) == 0) {
      over.axis = Axes();
      over.axis.count = 0;
      for (int d = 0; d + 1 < a.rank(); ++d) over.axis.axis[over.axis.count++] = d;
    }
    if (random(6) == 0) over.axis = Axes();
    switch (random(9)) {
      case 0:
        values.push_back(tanh(a) * 0.5f);
        break;
      case 1:
        values.push_back(a + b);
        break;
      case 2:
        values.push_back(a * b - b);
        break;
      case 3:
        values.push_back(mean(a, over));
        break;
      case 4:
        values.push_back(max(a, over));
        break;
      case 5:
        values.push_back(sum(square(a), over) * 0.01f);
        break;
      case 6:
        values.push_back(cast(a > b, DType::f32));
        break;
      case 7:
        values.push_back(min(a * 2.0f, over));
        break;
      default:
        values.push_back(maximum(a, sin(b)));
    }
  }
  Tensor y = values.back();
  for (size_t i = 2; i + 1 < values.size(); ++i)
    if (random(3) == 0) y = y + values[i];
  return y;
}

TEST(Fusion, MixturesOfRowsAndColumnsKeepTheirBits) {
  const int programs = duet::testing::small_size() ? 60 : 600;
  uint64_t eager = 0, compiled = 0;
  for (int i = 0; i < programs; ++i) {
    static const Shape kShapes[] = {{7, 5}, {40, 33}, {3, 11, 6}, {64, 64}, {1, 9}, {9, 1}, {130, 20}, {2, 4500}};
    const Shape& s = kShapes[static_cast<size_t>(i) % std::size(kShapes)];
    const Tensor x = numbers(s, i), other = numbers(i % 3 == 0 ? Shape{s[s.rank() - 1]} : s, i + 1);
    SCOPED_TRACE(fmt::format("program {} of {}", i, s));
    const Launches n = launches(
        [i](const Tensor& a, const Tensor& b) {
          return value_and_grad<0, 1>([i](const Tensor& p, const Tensor& q) {
            return mean(mixture(static_cast<uint64_t>(i) + 1, p, q));
          })(a, b);
        },
        x, other);
    EXPECT_LE(n.compiled, n.eager);
    eager += n.eager;
    compiled += n.compiled;
    if (HasFailure()) break;
  }
  EXPECT_LT(compiled * 4, eager) << "kernels of all programs";
}

}  // namespace
