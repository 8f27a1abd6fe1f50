// You learn: to add an operation, with nothing of duet changed. One struct with a formula and a gradient rule gives an
// op that broadcasts, fuses with its neighbours, differentiates to any order and runs in every mode with the same bits.
#include <duet/duet.h>
#include <duet/testing.h>
#include <fmt/core.h>

#include "lesson.h"

namespace mine {

using duet::In;
using duet::Operand;
using duet::Tensor;

/// Mish, a smooth activation: y = x · tanh(softplus(x)) (Misra 2019).
struct Mish : duet::Pointwise<1> {
  static constexpr std::string_view name = "mish";

  // T is a number of some kind: what you write here runs on every element, alone or inside a fused kernel.
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return x * tanh(softplus(x));
  }

  // dL/dx = dL/dy · (t + x·(1 − t²)·sigmoid(x)). The signature says what to keep for the backward pass: x, and not y.
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    const V t = tanh(softplus(x));
    return dy * (t + x * (V(1) - t * t) * sigmoid(x));
  }
};
inline Tensor mish(const Operand& x) { return duet::dispatch(duet::op<Mish>(), {x}); }

/// x within ±limit is squared, beyond it is a straight line (Huber 1964), with limit as an operand.
struct Huber : duet::Pointwise<2> {
  static constexpr std::string_view name = "huber";
  template <class T>
  DUET_FORMULA T forward(const T& x, const T& limit) {
    const T a = abs(x);
    return select(a <= limit, T(0.5) * x * x, limit * (a - T(0.5) * limit));
  }
  template <class V>
  DUET_RULE duet::Many<V, 2> vjp(const V& dy, In<V, 0> x, In<V, 1> limit) {
    const V a = abs(x);
    const V clipped = select(a <= limit, x, select(x > V(0), limit, -limit));
    return {dy * clipped, select(a <= limit, V(0), dy * (a - limit))};
  }
};
inline Tensor huber(const Operand& x, const Operand& limit) { return duet::dispatch(duet::op<Huber>(), {x, limit}); }

}  // namespace mine

using namespace duet;

Tensor first(const Tensor& x) {
  return grad([](const Tensor& v) { return sum(mine::mish(v)); })(x);
}
Tensor second(const Tensor& x) {
  return grad([](const Tensor& v) { return sum(first(v)); })(x);
}

int main() {
  Tensor x = tensor({-100.0, -1.0, 0.0, 1.0, 100.0});
  fmt::print("mish       {}\n  first    {}\n  second   {}\n", mine::mish(x), first(x), second(x));
  expect(mine::mish(x)[4].item() == 100 && first(x)[4].item() == 1 && second(x)[4].item() == 0, "values and gradients");

  // check_op tests a formula and its rule: values in f64, both gradients, every mode's bits, fusion.
  check_op<mine::Mish>();
  check_op<mine::Huber>({.low = 0.5, .high = 2});
  fmt::print("mish and huber pass check_op\n");

  // It fuses with its neighbours like duet's own.
  auto f = [](const Tensor& x, const Tensor& b) { return mean(square(mine::huber(mine::mish(x * 2.0f + b), 1.5f))); };
  Tensor big = normal(Key(1), {64, 300}), b = normal(Key(2), {300});
  fmt::print("{}\n", explain(f, big, b));
  auto compiled = compile(f);
  Work eager_work = work_of([&] { f(big, b); }), compiled_work = work_of([&] { compiled(big, b); });
  fmt::print("kernels: eager {}, compiled {}\n", eager_work.kernels, compiled_work.kernels);
  expect(compiled_work.kernels < eager_work.kernels, "the pointwise operations are one kernel");

  // Values, gradients and second gradients have one hash in every mode.
  auto all = [&](const Tensor& x, const Tensor& b) { return f(x, b) + sum(second(x)) + sum(grad(f)(x, b)); };
  auto frozen = freeze(all);
  auto replayed = compile(all);
  const std::string hashes[] = {bits_hash(all(big, b)), bits_hash(replayed(big, b)), bits_hash(frozen(big, b))};
  fmt::print("hashes: eager {}, compiled {}, frozen {}\n", hashes[0], hashes[1], hashes[2]);
  expect(hashes[0] == hashes[1] && hashes[1] == hashes[2], "one hash in three modes");
}
