// Every public function that can fail names the user's line: the one in this file, never one inside duet.
#include "lines/here.h"

#include <fmt/format.h>

namespace duet {
namespace {

TEST(Lines, Pointwise) {
  using Unary = Tensor (*)(const Operand&);
  const Unary all[] = {neg, abs,  exp, log,     sqrt, rsqrt, square,    reciprocal, sin,
                       cos, tanh, erf, sigmoid, relu, gelu,  gelu_tanh, expm1};
  for (Unary f : all) EXPECT_HERE(f(kEmpty));
  using Binary = Tensor (*)(const Operand&, const Operand&);
  const Binary two[] = {add, sub, mul, div, maximum, minimum, eq, ne, lt, le, gt, ge};
  const Tensor bad = ones({4});
  for (Binary f : two) EXPECT_HERE(f(x23(), bad));
  EXPECT_HERE(-kEmpty);
  EXPECT_HERE(x23() + bad);
  EXPECT_HERE(x23() - bad);
  EXPECT_HERE(x23() * bad);
  EXPECT_HERE(x23() / bad);
  EXPECT_HERE(x23() == bad);
  EXPECT_HERE(x23() != bad);
  EXPECT_HERE(x23() < bad);
  EXPECT_HERE(x23() <= bad);
  EXPECT_HERE(x23() > bad);
  EXPECT_HERE(x23() >= bad);
  EXPECT_HERE(1 + kEmpty);
  EXPECT_HERE(kEmpty * 2.f);
  EXPECT_HERE(tensor({1, 2}) * 0.5);
  Tensor y = ones({2, 3});
  EXPECT_HERE(y += bad);
  EXPECT_HERE(y -= bad);
  EXPECT_HERE(y *= bad);
  EXPECT_HERE(y /= bad);
  EXPECT_HERE(where(x23(), x23(), x23()));
  EXPECT_HERE(where(x23() > 0, x23(), bad));
}

TEST(Lines, ReductionsAndMovement) {
  for (const Tensor& x : {kEmpty, Tensor(1.f)}) {
    EXPECT_HERE(sum(x, 3));
    EXPECT_HERE(mean(x, 3));
    EXPECT_HERE(duet::max(x, 3));
    EXPECT_HERE(argmax(x, 3));
    EXPECT_HERE(sum(x, {.axis = {0, 1}}));
    EXPECT_HERE(reshape(x, {7}));
    EXPECT_HERE(x.reshape({7}));
    EXPECT_HERE(transpose(x, {0, 0}));
    EXPECT_HERE(slice_axis(x, 5, 0, 1));
    EXPECT_HERE(x.slice(5, 0, 1));
    EXPECT_HERE(x.row(0));
    EXPECT_HERE(x[0]);
    EXPECT_HERE(concat({x, x}, 4));
    EXPECT_HERE(gather(x, tensor({0}), 2));
    EXPECT_HERE(scatter_add(x, tensor({0}), x, 2));
    EXPECT_HERE(one_hot(x, 3));
    EXPECT_HERE(softmax(x, 2));
    EXPECT_HERE(log_softmax(x, 2));
    EXPECT_HERE(cross_entropy(x, tensor({0})));
    EXPECT_HERE(layer_norm(x, x, x));
    EXPECT_HERE(matmul(x, x23()));
    EXPECT_HERE(linear(x, x23(), x23()));
    EXPECT_HERE(mse(x23(), kEmpty));
  }
  EXPECT_HERE(kEmpty.transpose());
  EXPECT_HERE(transpose(kEmpty));
  EXPECT_HERE(broadcast_to(x23(), {5}));
  EXPECT_HERE(broadcast_to(kEmpty, {5}));
  EXPECT_HERE(cast(kEmpty, f64));
  EXPECT_HERE(kEmpty.to(f64));
  EXPECT_HERE(contiguous(kEmpty));
  EXPECT_HERE(kEmpty.contiguous());
  EXPECT_HERE(stop_gradient(kEmpty));
  EXPECT_HERE(concat({}));
  EXPECT_HERE(duet::max(zeros({0})));
  EXPECT_HERE(gather(x23(), tensor({5})));
  EXPECT_HERE(gather(x23(), tensor({0.5})));
  EXPECT_HERE(one_hot(tensor({5}), 3));
  EXPECT_HERE(cross_entropy(x23(), tensor({0, 9})));
  EXPECT_HERE(cross_entropy(x23(), 3));
  EXPECT_HERE(softmax(1.5f));
  EXPECT_HERE(matmul(x23(), x23()));
}

TEST(Lines, MakingTensors) {
  EXPECT_HERE(full({-1}, 2));
  EXPECT_HERE(full({1}, x23()));
  EXPECT_HERE(zeros({-1}));
  EXPECT_HERE(ones({-1}));
  EXPECT_HERE(arange(-1));
  EXPECT_HERE(arange(0, 1, 0));
  EXPECT_HERE(arange(3, boolean));
  EXPECT_HERE(eye(-1));
  EXPECT_HERE(from_vector(std::vector<float>{1}, {2}));
  EXPECT_HERE(from_span(std::span<const float>(), {2}));
  EXPECT_HERE(tensor({{1.0}, {1.0, 2.0}}));
  EXPECT_HERE((Shape{1, 1, 1, 1, 1, 1, 1}));
  EXPECT_HERE(zeros({1, 1, 1, 1, 1, 1, 1}));
  EXPECT_HERE(sum(x23(), {.axis = {0, 1, 2, 3, 4, 5, 6}}));
  EXPECT_HERE(x23().item());
  EXPECT_HERE(x23().to_vector<int>());
  EXPECT_HERE(x23().data<int>());
  EXPECT_HERE(x23().shape(7));
  EXPECT_HERE(kEmpty.item());
  EXPECT_HERE(kEmpty.to_vector());
  EXPECT_HERE(kEmpty.data());
}

TEST(Lines, Random) {
  const Key key(1);
  EXPECT_HERE(uniform(key, {-1}));
  EXPECT_HERE(normal(key, {-1}));
  EXPECT_HERE(bernoulli(key, 2, {1}));
  EXPECT_HERE(permutation(key, -1));
  EXPECT_HERE(categorical(key, from_vector<int32_t>({1}, {1})));
  EXPECT_HERE(split(key, -1));
  EXPECT_HERE(fold_in(key, 0.5));
  EXPECT_HERE(Key{x23()});
}

TEST(Lines, Layers) {
  const nn::Linear layer = nn::Linear::init(3, 2, Key(1));
  EXPECT_HERE(nn::Linear::init(0, 2, Key(1)));
  EXPECT_HERE(layer(ones({4})));
  EXPECT_HERE(layer(kEmpty));
  nn::Linear m = layer, g = nn::Linear::init(3, 3, Key(1));
  optim::Adam adam = optim::Adam::init(m);
  optim::Sgd sgd = optim::Sgd::init(m);
  EXPECT_HERE(adam.update(m, g, 0.1f));
  EXPECT_HERE(sgd.update(m, g, 0.1f));
}

TEST(Lines, DataAndFiles) {
  EXPECT_HERE(data::load_idx("/nowhere"));
  EXPECT_HERE(data::Batches(x23(), ones({3}), 1, nullptr, {}));
  const data::Batches batches(x23(), ones({2}), 1, nullptr, {});
  EXPECT_HERE(batches.at(7));
  EXPECT_HERE(data::Images().batches(4));
  Tensor t = x23();
  EXPECT_HERE(io::save("/nowhere/x.safetensors", t));
  EXPECT_HERE(io::load("/nowhere/x.safetensors", t));
  EXPECT_HERE(io::save_npy("/nowhere/x.npy", t));
  EXPECT_HERE(io::load_npy("/nowhere/x.npy"));
  EXPECT_HERE(io::save_npz("/nowhere/x.npz", {{"x", t}}));
  EXPECT_HERE(io::load_npz("/nowhere/x.npz"));
  EXPECT_HERE(io::save("/nowhere/x.npz", t));
}

TEST(Lines, Gradients) {
  auto vector = [](const Tensor& x) { return x * 2; };
  EXPECT_HERE(grad(vector)(x23()));
  EXPECT_HERE(value_and_grad(vector)(x23()));
  auto pullback = vjp(vector, x23()).second;
  EXPECT_HERE(pullback(ones({1})));
  Tape tape;
  EXPECT_HERE(tape.backward(x23()));
  auto gradients = tape.backward(Tensor(1.f));
  EXPECT_HERE(gradients(x23()));
}

TEST(Lines, GraphLife) {
  auto f = [](const Tensor& x) { return x + 1; };
  EXPECT_HERE(compile(f, {.without = {"nothing"}}));
  EXPECT_HERE(freeze(f, {.without = {"nothing"}}));
  EXPECT_HERE(with_mode(Mode::eager, f, {"nothing"}));
  EXPECT_HERE(freeze([](const Tensor& x, float) { return x + 1; })(x23(), 1.f));
  EXPECT_HERE(freeze([](const Tensor& x) { return x + sum(x).item(); })(x23()));
  EXPECT_HERE(freeze([](const Tensor& x) { return sum(x) > 0 ? x + 1 : x; })(x23()));
  EXPECT_HERE(freeze([n = 0](const Tensor& x) mutable { return x + ++n; })(x23()));
  EXPECT_HERE(freeze([n = 0](const Tensor& x) mutable { return std::pair{x + 1, ++n}; })(x23()));
  EXPECT_HERE(compile([](const Tensor& x) { return gather(x, tensor({7})); })(x23()));
  EXPECT_HERE(freeze([](const Tensor& x) { return gather(x, tensor({7})); })(x23()));
  EXPECT_HERE(compile([](const Tensor& x) { return matmul(x, x); })(x23()));
  EXPECT_HERE(compile([](const Tensor& x) { return grad([](const Tensor& y) { return y; })(x); })(x23()));
}

TEST(Lines, AsText) {
  Line line(std::source_location::current());
  const unsigned here = __LINE__ - 1;
  EXPECT_EQ(to_string(line), fmt::format("lines_test.cpp:{}", here));
  line.grad_of = true;
  EXPECT_EQ(to_string(line), fmt::format("grad of lines_test.cpp:{}", here));
  EXPECT_EQ(to_string(Line()), "");
  EXPECT_EQ(Line(std::source_location()).file, nullptr);
}

}  // namespace
}  // namespace duet
