// You learn: products of 16-bit numbers, everything else in f32. The weights stay f32, a scope says what products round
// to, and the bits are the same in every mode. f16 has few exponents, so its losses are scaled up; the scale finds
// itself.
#include <fmt/format.h>

#include <duet/duet.h>

#include "lesson.h"

using namespace duet;

struct Mlp {
  nn::Linear hidden, out;
};
Tensor forward(const Mlp& m, const Tensor& x) { return m.out(relu(m.hidden(x))); }  // f32[B,64] -> f32[B,10]
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(forward(m, x), y); }

struct Training {  // one tree: what a step rebinds, and a checkpoint saves
  Mlp model;
  optim::Adam adam;
  optim::LossScale scaler;
};

int main() {
  const auto [train, test] = data::load_idx(DUET_DIGITS);
  for (DType dtype : {f32, bf16, f16}) {
    auto step = [dtype](Training& t, const Tensor& x, const Tensor& y) {
      Autocast scope(dtype);  // f32: none
      auto [l, g] = value_and_grad([&](const Mlp& m) { return t.scaler.scaled(loss(m, x, y)); })(t.model);
      return t.scaler.update(t.adam, t.model, g, 2e-3f);  // bool[]: whether all gradients were finite
    };
    auto trained = [&](const auto& f) {
      auto [k1, k2] = split<2>(Key(1));
      const Mlp m{nn::Linear::init(64, 64, k1), nn::Linear::init(64, 10, k2)};
      Training t{m, optim::Adam::init(m), optim::LossScale::init(dtype == f16 ? 0x1p24f : 1)};
      int64_t skipped = 0;
      for (int64_t epoch = 0; epoch < (small_size() ? 1 : 10); ++epoch)
        for (auto [x, y] : train.batches(32, fold_in(Key(2), epoch))) skipped += f(t, x, y) ? 0 : 1;
      return std::pair(t, skipped);
    };
    const auto [eager, skipped] = trained(step);
    expect(bits_hash(eager) == bits_hash(trained(compile(step)).first), "compiled: the same bits");
    expect(bits_hash(eager) == bits_hash(trained(freeze(step, {OnNewShape::retrace})).first), "frozen: the same bits");
    const float accuracy = mean(argmax(forward(eager.model, test.x), -1) == test.y).item();
    expect(small_size() || accuracy > 0.85f, "it learns");
    fmt::print("{:4}  accuracy {:.3f}, loss scale {}, {} steps skipped, the same bits in three modes\n", name(dtype),
               accuracy, eager.scaler.scale.item(), skipped);
  }

  // For storage: half the bytes, and a rounding at each operation. A number beside it counts in f32.
  const Tensor x = tensor({1.0, 2.0, 3.0}).to(bf16);
  fmt::print("\n{}\n{}\n{} bytes\n", x / 3, sum(exp(x)), x.size_bytes());
}
