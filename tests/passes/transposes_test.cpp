// There is no pass that moves transposes into matmul: a product reads any view of its operands as it lies, eagerly and
// in plans. These tests hold that, counted in kernels: copies would be kernels too.
#include "modes.h"

namespace duet {
namespace {

/// Kernels that f(args…) runs, the same number in every mode, with the same bits.
template <class F, class... A>
uint64_t kernels(const F& f, const A&... args) {
  expect::in_every_mode(f, args...);
  auto count = [&](auto&& g) {
    g(args...);
    const uint64_t before = thread_state.launches;
    g(args...);
    return thread_state.launches - before;
  };
  const uint64_t eager = count(f);
  EXPECT_EQ(count(compile(f)), eager);
  EXPECT_EQ(count(compile(f, {.without = {"simplify"}})), eager);
  EXPECT_EQ(count(freeze(f)), eager);
  return eager;
}

const Tensor& a() {
  static const Tensor x = expect::numbers({5, 7});
  return x;
}
const Tensor& b() {
  static const Tensor x = expect::numbers({5, 3}, 2);
  return x;
}

TEST(Transposes, OperandsOfAMatmul) {
  EXPECT_EQ(kernels([](const Tensor& x, const Tensor& y) { return matmul(transpose(x), y); }, a(), b()), 1u);
  EXPECT_EQ(kernels([](const Tensor& x, const Tensor& y) { return matmul(transpose(y), x); }, a(), b()), 1u);
  EXPECT_EQ(kernels([](const Tensor& x) { return matmul(x, transpose(x)); }, a()), 1u);
  EXPECT_EQ(kernels([](const Tensor& x) { return matmul(transpose(x), transpose(transpose(x))); }, a()), 1u);
  // A slice, a step and a broadcast of a transpose.
  EXPECT_EQ(
      kernels([](const Tensor& x, const Tensor& y) { return matmul(transpose(x).slice(0, 1, 6, 2), y); }, a(), b()),
      1u);
  EXPECT_EQ(kernels(
                [](const Tensor& x, const Tensor& y) {
                  return matmul(broadcast_to(transpose(x), {4, 7, 5}), y);
                },
                a(), b()),
            1u);
}

TEST(Transposes, StacksOfMatrices) {
  const Tensor q = expect::numbers({2, 6, 3, 4}), k = expect::numbers({2, 6, 3, 4}, 2);  // f32[B,T,H,D]
  auto scores = [](const Tensor& x, const Tensor& y) {
    return matmul(transpose(x, {0, 2, 1, 3}), transpose(y, {0, 2, 3, 1}));  // f32[B,H,T,T]
  };
  EXPECT_EQ(kernels(scores, q, k), 1u);
  EXPECT_EQ(kernels(
                [](const Tensor& x, const Tensor& y) {
                  return matmul(transpose(x), transpose(y, {3, 2, 0, 1}));
                },
                q, k),
            1u);
}

// A reshape of a transpose is a view where strides allow it: it merges or splits axes that lie one after the other.
TEST(Transposes, ReshapeBetween) {
  const Tensor x = expect::numbers({2, 3, 4, 5}), w = expect::numbers({4, 6}, 2);
  auto merged_rows = [](const Tensor& t, const Tensor& m) {
    return matmul(reshape(transpose(t, {3, 0, 1, 2}), {5, 6, 4}), m);
  };
  EXPECT_EQ(kernels(merged_rows, x, w), 1u);
  auto split = [](const Tensor& t, const Tensor& m) { return matmul(reshape(transpose(t), {2, 3, 4}), m); };
  EXPECT_EQ(kernels(split, expect::numbers({4, 6}, 3), w), 1u);
  // Heads beside each other again: no stride can say it, in any mode; the copy is a kernel.
  auto merged_heads = [](const Tensor& t, const Tensor& m) {
    return matmul(reshape(transpose(t, {0, 2, 1, 3}), {2, 4, 15}), m);
  };
  EXPECT_EQ(kernels(merged_heads, x, expect::numbers({15, 2}, 4)), 2u);
}

// Gradients of a product are products of transposed views.
TEST(Transposes, Gradients) {
  auto f = grad<0, 1>([](const Tensor& x, const Tensor& w) { return sum(matmul(x, w) * matmul(x, w)); });
  auto counted = compile(f);
  expect::in_every_mode(f, expect::numbers({4, 6}), expect::numbers({6, 2}, 2));
  counted(expect::numbers({4, 6}), expect::numbers({6, 2}, 2));
  for (const auto& plan : counted.cache().plans())
    for (const graph::Node& n : plan->graph().nodes)
      EXPECT_TRUE(n.op != &op<Transpose>() || n.kernel < 0);  // none is a kernel: none is copied
}

// A reduction over a transposed view reads it as it lies. The axes of the view decide the order of a sum, and with it
// the bits, so a pass may not sum the operand over other axes instead.
TEST(Transposes, PermutedReductions) {
  const Tensor x = expect::numbers({40, 30, 3});
  EXPECT_EQ(kernels([](const Tensor& t) { return sum(transpose(t), 0); }, x), 1u);
  EXPECT_EQ(kernels(
                [](const Tensor& t) {
                  return sum(transpose(t, {2, 0, 1}), {.axis = {0, 2}});
                },
                x),
            2u);  // along rows, and then along columns
  EXPECT_EQ(kernels([](const Tensor& t) { return max(transpose(t), -1); }, x), 1u);
  EXPECT_EQ(kernels([](const Tensor& t) { return argmax(transpose(t), 1); }, x), 1u);
}

}  // namespace
}  // namespace duet
