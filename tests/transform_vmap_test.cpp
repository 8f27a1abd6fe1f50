// vmap: row i of the result is the function of row i, bit for bit; it nests with itself and with gradients.
#include <stdexcept>

#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using expect::expect_rows;
using expect::floats;
using expect::in_every_mode;
using expect::tree_bits;

Tensor special(const Shape& shape) {
  const Tensor x = expect::numbers(shape) * 3.0f;
  return where(x > 2.5f, NAN, where(x < -2.5f, -INFINITY, where(abs(x) < 0.1f, -0.0f, x)));
}

TEST(Vmap, Pointwise) {
  const Tensor x = special({5, 7}), y = special({5, 7}), s = expect::numbers({5}, 3);
  using Unary = Tensor (*)(const Operand&);
  for (Unary f : std::initializer_list<Unary>{neg, abs, exp, log, sqrt, rsqrt, square, reciprocal, sin, cos, tanh, erf,
                                              sigmoid, relu, gelu, gelu_tanh, expm1})
    expect_rows([f](const Tensor& t) { return f(t); }, x);
  using Binary = Tensor (*)(const Operand&, const Operand&);
  for (Binary f : std::initializer_list<Binary>{add, sub, mul, div, maximum, minimum, eq, ne, lt, le, gt, ge}) {
    expect_rows([f](const Tensor& a, const Tensor& b) { return f(a, b); }, x, y);
    expect_rows([f](const Tensor& a, const Tensor& b) { return f(a, b); }, x, s);  // f32[7] beside f32[]
    expect_rows([f](const Tensor& a, const Tensor& b) { return f(a, b); }, s, x);
    expect_rows([f](const Tensor& a) { return f(a, 0.5f); }, x);
    expect_rows([f](const Tensor& a) { return f(2, a); }, s);
  }
  const Tensor table = special({4, 7});
  expect_rows([&](const Tensor& a) { return a * table + 1; }, x);  // captured, of a higher rank
  expect_rows([&](const Tensor& a) { return where(a > 0, table, a); }, x);
  const Tensor small = tensor({{1, 2}, {3, 4}}), wide = small.to(i64);
  expect_rows([](const Tensor& a, const Tensor& b) { return a + b; }, small, wide);  // the wider integer type
}

TEST(Vmap, Reductions) {
  const Tensor x = special({3, 4, 5, 6});
  for (bool keepdims : {false, true}) {
    for (Axes axes : {Axes(), Axes(0), Axes(1), Axes(-1), Axes{0, 1}, Axes{0, 2}, Axes{1, 2}}) {
      const ReduceOver over{axes, keepdims};
      expect_rows([=](const Tensor& t) { return sum(t, over); }, x);
      expect_rows([=](const Tensor& t) { return mean(t, over); }, x);
      expect_rows([=](const Tensor& t) { return max(t, over); }, x);
      expect_rows([=](const Tensor& t) { return sum(t, over); }, cast(x, i32));
    }
    for (int axis : {0, 1, -1}) expect_rows([=](const Tensor& t) { return argmax(t, axis, keepdims); }, x);
  }
  const Tensor scalars = expect::numbers({5}), long_rows = expect::numbers({2, 9000}),
               columns = expect::numbers({2, 100, 3});
  expect_rows([](const Tensor& t) { return sum(t); }, scalars);
  expect_rows([](const Tensor& t) { return sum(t); }, long_rows);
  expect_rows([](const Tensor& t) { return sum(t, 0); }, columns);
  for (const Tensor& t : {x, columns}) {
    expect_rows([](const Tensor& v) { return softmax(v); }, t);
    expect_rows([](const Tensor& v) { return log_softmax(v, 0); }, t);
  }
}

TEST(Vmap, Matmul) {
  const Tensor a = expect::numbers({4, 3, 300}), b = expect::numbers({4, 300, 5}, 2), m = expect::numbers({300, 5}, 3),
               left = expect::numbers({6, 3}, 4), v = expect::numbers({4, 300}, 5);
  expect_rows([](const Tensor& x, const Tensor& y) { return matmul(x, y); }, a, b);
  expect_rows([&](const Tensor& x) { return matmul(x, m); }, a);
  expect_rows([&](const Tensor& x) { return matmul(left, x); }, a);
  expect_rows([&](const Tensor& x) { return matmul(x, transpose(x)); }, a);
  expect_rows([&](const Tensor& x) { return matmul(x, m); }, v);  // a vector: one product for all
  expect_rows([](const Tensor& x, const Tensor& y) { return matmul(x, y); }, v, b);
  expect_rows([](const Tensor& x, const Tensor& y) { return matmul(x, y); }, a, v);
  expect_rows([](const Tensor& x) { return matmul(x, x); }, v);  // a dot product
  const Tensor deep = expect::numbers({2, 3, 1, 8}), stack = expect::numbers({3, 8, 2}), w = expect::numbers({8, 2});
  expect_rows([&](const Tensor& x) { return matmul(x, stack); }, deep);
  expect_rows([&](const Tensor& x) { return matmul(x, w); }, deep);
  expect_rows([&](const Tensor& x) { return matmul(x, zeros({0, 2})); }, zeros({3, 0}));
  const nn::Linear layer = nn::Linear::init(300, 5, Key(1));
  expect_rows([&](const Tensor& x) { return relu(layer(x)); }, v);
  // One kernel for the batch.
  const uint64_t before = thread_state.launches;
  vmap([&](const Tensor& x) { return matmul(x, m); })(v);
  EXPECT_EQ(thread_state.launches - before, 1u);
}

TEST(Vmap, Movement) {
  const Tensor x = expect::numbers({3, 4, 6}), one = expect::numbers({3, 1, 6});
  expect_rows([](const Tensor& t) { return reshape(t, {2, -1}); }, x);
  expect_rows([](const Tensor& t) { return reshape(transpose(t), {24}); }, x);
  expect_rows([](const Tensor& t) { return transpose(t); }, x);
  expect_rows([](const Tensor& t) { return broadcast_to(t, {2, 5, 6}); }, one);
  expect_rows([](const Tensor& t) { return t.slice(1, 1, 6, 2); }, x);
  expect_rows([](const Tensor& t) { return t[2] * t[-1 + 4]; }, x);
  expect_rows([](const Tensor& t) { return concat({t, t * 2, ones({1, 6})}); }, x);
  expect_rows([](const Tensor& t) { return concat({zeros({4, 1}), t}, 1); }, x);
  expect_rows([](const Tensor& t) { return contiguous(transpose(cast(t, f64))); }, x);
  expect_rows([](const Tensor& t) { return cast(t > 0, i32) + arange(6, i32); }, x);
  expect_rows([](const Tensor& t) { return one_hot(argmax(t), 6) * t; }, x);
  expect_rows([](const Tensor& t) { return gather(t, tensor({1, 0, 1}), 1); }, x);
  const Tensor table = expect::numbers({5, 2, 3}), index = tensor({{0, 4, -1}, {2, 2, 0}});
  for (int axis : {0, 1, 2})
    expect_rows([&](const Tensor& t) { return gather(table, t, axis); }, tensor({{0, 1, -1}, {1, 1, 0}}));
  expect_rows([&](const Tensor& t) { return gather(table, t); }, index);
  expect_rows([](const Tensor& t) { return scatter_add(zeros({3, 6}), tensor({1, 0, 1, 2}), t); }, x);
  expect_rows([](const Tensor& t) { return stop_gradient(t) + t; }, x);
}

TEST(Vmap, UnbatchedArgumentsAndTrees) {
  struct Model {
    nn::Linear layer;
    Tensor scale;
  };
  const Model m{nn::Linear::init(4, 3, Key(1)), tensor({0.5})};
  const Tensor x = expect::numbers({6, 4});
  auto f = [](const Model& model, const Tensor& t, float factor) {
    return tanh(model.layer(t)) * model.scale * factor;
  };
  const Tensor expected = f(m, x, 2.f);
  EXPECT_EQ(bits(vmap(f, {.unbatched = {0}})(m, x, 2.f)), bits(expected));
  // A tree of batches gives a tree of batches; what does not depend on the batch is repeated.
  using List = std::vector<Tensor>;
  auto g = [](const List& l) { return std::pair{l[0] + l[1], List{ones({2}), l[1]}}; };
  auto [sums, rest] = vmap(g)(List{x, x * 2});
  EXPECT_EQ(bits(sums), bits(x + x * 2));
  EXPECT_EQ(bits(rest[0]), bits(ones({6, 2})));
  EXPECT_EQ(bits(rest[1]), bits(x * 2));
  // Keys and numbers are the same for every example.
  auto noisy = [](const Tensor& t, const Key& key) { return t + uniform(key, {4}); };
  EXPECT_EQ(bits(vmap(noisy)(x, Key(3))), bits(x + uniform(Key(3), {4})));
  EXPECT_EQ(bits(vmap([](const Tensor& t) { return t * 2; })(zeros({0, 3}))), bits(zeros({0, 3})));
}

TEST(Vmap, NestsWithItself) {
  const Tensor a = expect::numbers({3, 4}), b = expect::numbers({5, 4}, 2);
  auto outer = [](const Tensor& x, const Tensor& y) {
    return vmap([&](const Tensor& p) { return vmap([&](const Tensor& q) { return sum(p * q) + p[0]; })(y); })(x);
  };
  const std::string all = in_every_mode(outer, a, b);
  const Tensor y = outer(a, b);
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 5; ++j) EXPECT_EQ(bits(y[i][j]), bits(sum(a[i] * b[j]) + a[i][0]));
  expect_rows([](const Tensor& m) { return vmap([&](const Tensor& r) { return softmax(r) * sum(m); })(m); },
              expect::numbers({2, 3, 4}));
}

struct Mlp {
  nn::Linear hidden, out;
};
Tensor example_loss(const Mlp& m, const Tensor& x, const Tensor& label) {
  const Tensor logits = m.out(relu(m.hidden(x)));
  return -sum(log_softmax(logits) * one_hot(label, 3));
}

// One gradient an example, and their sum.
TEST(Vmap, PerExampleGradients) {
  const Mlp m{nn::Linear::init(4, 6, Key(1)), nn::Linear::init(6, 3, Key(2))};
  const Tensor x = expect::numbers({5, 4}), labels = tensor({0, 2, 1, 1, 0});
  auto per_example = [](const Mlp& model, const Tensor& xs, const Tensor& ls) {
    return vmap(value_and_grad(example_loss), {.unbatched = {0}})(model, xs, ls);
  };
  in_every_mode(per_example, m, x, labels);
  auto [losses, grads] = per_example(m, x, labels);
  EXPECT_EQ(grads.hidden.weight.shape(), (Shape{5, 4, 6}));
  for (int64_t i = 0; i < 5; ++i) {
    auto [loss, g] = value_and_grad(example_loss)(m, x[i], labels[i]);
    EXPECT_EQ(bits(losses[i]), bits(loss));
    EXPECT_EQ(bits(grads.hidden.weight[i]), bits(g.hidden.weight));
    EXPECT_EQ(bits(grads.hidden.bias[i]), bits(g.hidden.bias));
    EXPECT_EQ(bits(grads.out.weight[i]), bits(g.out.weight));
  }
  auto total = [](const Mlp& model, const Tensor& xs, const Tensor& ls) {
    return sum(vmap(example_loss, {.unbatched = {0}})(model, xs, ls));
  };
  in_every_mode(grad(total), m, x, labels);
  const Mlp g = grad(total)(m, x, labels);
  EXPECT_LT(max(abs(g.hidden.weight - sum(grads.hidden.weight, 0))).item(), 1e-6f);
  EXPECT_LT(max(abs(g.out.bias - sum(grads.out.bias, 0))).item(), 1e-6f);
}

// stop_gradient holds for the tapes outside too, and aliases made inside are seen by them.
TEST(Vmap, TapesOnBothSides) {
  const Tensor x = expect::numbers({3, 2}), w = tensor({2.0, 3.0});
  EXPECT_EQ(bits(grad([&](const Tensor& t) {
              return sum(vmap([](const Tensor& r) { return stop_gradient(r) * r; })(t));
            })(x)),
            bits(x));
  auto f = [](const Tensor& v, const Tensor& t) {  // d/dw of the per-example dw: 2·x²·w at each, with an alias of w
    return sum(
        vmap([&](const Tensor& r) { return grad([&](const Tensor& u) { return sum(square(u * r) * u); })(v); })(t));
  };
  const Tensor expected = sum(x * x, 0) * w * 6;
  EXPECT_LT(max(abs(grad(f)(w, x) - expected)).item(), 1e-5f);
  in_every_mode(grad<0, 1>(f), w, x);
  Tape tape;
  Tensor a = x;
  tape.watch(a);
  Tensor y = sum(vmap([](const Tensor& r) { return sum(r * r); })(a));
  EXPECT_EQ(bits(tape.backward(y)(a)), bits(x * 2));
}

TEST(Vmap, CompiledInside) {
  const Tensor x = expect::numbers({4, 3});
  auto f = [](const Tensor& t) { return exp(t) / sum(exp(t)); };
  const std::string expected = bits(vmap(f)(x));
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bits(vmap(compiled)(x)), expected);
    EXPECT_EQ(bits(vmap(frozen)(x)), expected);
    EXPECT_EQ(bits(frozen(x[0])), bits(f(x[0])));
  }
}

TEST(Vmap, Errors) {
  auto id = [](const Tensor& t) { return t; };
  const Tensor x = ones({3, 2});
  EXPECT_ERROR(ShapeError, vmap([](const Tensor& a, const Tensor& b) { return a + b; })(x, ones({4})),
               "vmap: batches differ in size: f32[3,2] and f32[4]; their first axes must be equal");
  EXPECT_ERROR(ShapeError, vmap([](const Tensor& a, const Tensor& b) { return a + b; })(x, Tensor(1.f)),
               "vmap: argument 1 has no axis of examples: f32[]; leave it out, {.unbatched = {1}}");
  EXPECT_ERROR(ShapeError, vmap([](float v) { return ones({2}) * v; })(1.f),
               "vmap: no argument has examples; give at least one tensor that is a batch");
  EXPECT_ERROR(ShapeError, vmap(id, {.unbatched = {0}})(x),
               "vmap: no argument has examples; give at least one tensor that is a batch");
  EXPECT_ERROR(Error, vmap(id, {.unbatched = {2}})(x), "vmap: there is no argument 2: there are 1; count from 0");
  const char* reads =
      ": the value is one example of a batch: f32[]; inside vmap compute with tensors (where, maximum), and read the "
      "result";
  EXPECT_ERROR(TraceError, vmap([](const Tensor& t) { return t * sum(t).item(); })(x), std::string("item") + reads);
  EXPECT_ERROR(TraceError, vmap([](const Tensor& t) { return t * sum(t).to_vector()[0]; })(x),
               std::string("to_vector") + reads);
  try {
    vmap([](const Tensor& t) { return sum(t) > 0 ? t : -t; })(x);
    ADD_FAILURE();
  } catch (const TraceError& e) {
    EXPECT_EQ(std::string(e.what()).find("item: the value is one example of a batch: bool[]"), 0u) << e.what();
  }
  EXPECT_ERROR(
      Error, vmap([](const Tensor& k) { return uniform(Key(k), {2}); })(tensor({{1, 2}, {3, 4}})),
      "uniform: vmap has no rule for this operation: i32[2] of a batch; compute it outside of vmap, or call it "
      "in a loop");
  EXPECT_ERROR(ShapeError, vmap([](const Tensor& t) {
                 return reshape(t, {1, 1, 1, 1, 1, 2}) * 2;
               })(x),
               "reshape: with the batch, the result f32[1,1,1,1,1,2] has more than 6 axes; reshape it to fewer");
  // Errors of operations speak of one example.
  EXPECT_ERROR(ShapeError, vmap([](const Tensor& t) { return t + ones({5}); })(x),
               "add: shapes do not broadcast: f32[2], f32[5]; axes must be equal or 1, aligned at the last");
  Tensor escaped;
  vmap([&](const Tensor& t) { return escaped = t * 2; })(x);
  EXPECT_ERROR(TraceError, escaped + 1,
               "add: the value is one example of a batch, and its vmap is over: f32[2]; return it from the function");
  EXPECT_ERROR(TraceError, escaped.to_vector(),
               "to_vector: the value is one example of a batch, and its vmap is over: f32[2]; return it from the "
               "function");
  EXPECT_ERROR(TraceError, compile([&](const Tensor& t) { return t + escaped; })(ones({2})),
               "add: the value is one example of a batch, and its vmap is over: f32[2]; return it from the function");
  expect::clean_thread();
}

TEST(Vmap, ExceptionsLeaveNothingBehind) {
  const Tensor x = ones({3, 2});
  auto f = [](const Tensor& t) -> Tensor {
    return vmap([&](const Tensor&) -> Tensor { throw std::runtime_error(to_string(t.spec())); })(t);
  };
  EXPECT_THROW(f(x), std::runtime_error);
  expect::clean_thread();
  EXPECT_THROW(vmap(f)(reshape(x, {3, 2, 1})), std::runtime_error);
  expect::clean_thread();
  EXPECT_THROW(vmap(grad([&](const Tensor& t) { return sum(f(t)); }))(reshape(x, {3, 2, 1})), std::runtime_error);
  expect::clean_thread();
  EXPECT_THROW(compile(vmap(grad([&](const Tensor& t) { return sum(f(t)); })))(reshape(x, {3, 2, 1})),
               std::runtime_error);
  expect::clean_thread();
  EXPECT_EQ(floats(vmap([](const Tensor& t) { return sum(t); })(x)), (std::vector<float>{2, 2, 2}));
}

}  // namespace
}  // namespace duet
