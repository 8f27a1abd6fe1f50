// You learn: a trained model is a file. Train, save, load into a fresh model, freeze it, and ask it about a digit: what
// it says is what the trained model says, bit for bit.
#include <fmt/format.h>

#include <duet/duet.h>
#include <unistd.h>

#include <filesystem>

#include "lesson.h"

using namespace duet;

struct Mlp {
  nn::Linear hidden, out;
};
Mlp make_mlp(const Key& key) {
  auto [k1, k2] = split<2>(key);
  return {nn::Linear::init(64, 64, k1), nn::Linear::init(64, 10, k2)};
}
Tensor forward(const Mlp& m, const Tensor& x) { return m.out(relu(m.hidden(x))); }  // f32[B,64] -> f32[B,10]
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(forward(m, x), y); }

int main() {
  const auto [train, test] = data::load_idx(DUET_DIGITS);
  Mlp trained = make_mlp(Key(1));
  auto adam = optim::Adam::init(trained);
  auto step = compile(
      [](Mlp& m, optim::Adam& o, const Tensor& x, const Tensor& y, float lr) { o.update(m, grad(loss)(m, x, y), lr); });
  const int64_t epochs = 5, steps = epochs * train.batches(32).size();
  for (int64_t epoch = 0, k = 0; epoch < epochs; ++epoch)
    for (auto [x, y] : train.batches(32, fold_in(Key(2), epoch)))
      step(trained, adam, x, y, optim::warmup_cosine(k++, 5e-3f, 20, steps));

  // A name, a type, a shape and the elements of each leaf: what other programs read as well.
  const auto path = std::filesystem::temp_directory_path() / fmt::format("digits-{}.safetensors", getpid());
  io::save(path.string(), trained);
  for (const auto& [name, t] : io::load_safetensors(path.string())) fmt::print("{:13} {}\n", name, t.spec());

  // A model to load into says which leaves there must be; the file says what is in them.
  Mlp loaded = make_mlp(Key(99));
  expect(bits_hash(loaded) != bits_hash(trained), "a fresh model is another one");
  io::load(path.string(), loaded);
  std::filesystem::remove(path);
  expect(bits_hash(loaded) == bits_hash(trained), "every bit of the weights came back");

  // Frozen, the weights are constants of the plan, and a call runs no host code but the kernels'.
  auto predict = freeze([m = loaded](const Tensor& x) { return softmax(forward(m, x)); }, {OnNewShape::retrace});
  const Tensor all = predict(test.x);
  expect(same_bits(all, softmax(forward(trained, test.x))), "the same predictions, bit for bit");
  fmt::print("test accuracy {:.3f}\n\n", mean(argmax(all, -1) == test.y).item());

  const Tensor digit = test.x[7], picture = digit.reshape({8, 8}), p = predict(digit.reshape({1, 64}))[0];
  for (int64_t i = 0; i < 8; ++i) {
    for (float shade : picture[i].to_vector()) fmt::print("{0}{0}", ".:-=+*#%@"[static_cast<size_t>(shade * 8)]);
    fmt::print("\n");
  }
  fmt::print("it is a {}, says the file with {:.2f}; it is labelled {}\n", argmax(p, 0).item<int>(), max(p).item(),
             test.y[7].item<int>());
}
