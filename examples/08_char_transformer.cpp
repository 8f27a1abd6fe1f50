// You learn: a language model is a tree like any other. A small transformer learns the letters of Shakespeare's sonnets
// one after the other, with AdamW, a warm-up and clipped gradients; its texts grow longer as it learns, and each new
// length is one more plan. At the end it writes some lines of its own.
#include <duet/duet.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "lesson.h"

using namespace duet;

//   B texts   T letters of each   E width   V letters of the alphabet
constexpr int64_t kWidth = 64, kHeads = 4, kLongest = 64;

struct Layer {
  nn::RMSNorm attention_norm;
  nn::MultiHeadAttention attention;
  nn::RMSNorm mlp_norm;
  nn::Linear up, down;

  static Layer init(const Key& key) {
    auto [k1, k2, k3] = split<3>(key);
    return {nn::RMSNorm::init(kWidth), nn::MultiHeadAttention::init(kWidth, kHeads, k1, /*causal=*/true),
            nn::RMSNorm::init(kWidth), nn::Linear::init(kWidth, 4 * kWidth, k2),
            nn::Linear::init(4 * kWidth, kWidth, k3)};
  }
  Tensor operator()(const Tensor& x) const {  // f32[B,T,E] -> f32[B,T,E]
    const Tensor y = x + attention(attention_norm(x));
    return y + down(gelu(up(mlp_norm(y))));
  }
};

struct Transformer {
  nn::Embedding letters, places;  // f32[V,E], f32[64,E]
  std::vector<Layer> layers;
  nn::RMSNorm norm;
  nn::Linear out;

  static Transformer init(int64_t alphabet, const Key& key) {
    auto [k1, k2, k3, k4, k5] = split<5>(key);
    return {{normal(k1, {alphabet, kWidth}, 0, 0.1)},
            {normal(k2, {kLongest, kWidth}, 0, 0.1)},
            {Layer::init(k3), Layer::init(k4)},
            nn::RMSNorm::init(kWidth),
            nn::Linear::init(kWidth, alphabet, k5)};
  }
  Tensor operator()(const Tensor& text) const {  // i32[B,T] -> f32[B,T,V]: what comes after each letter
    // Places are counted from the end of a text, where the next letter is to be found, whatever its length.
    Tensor x = letters(text) + places.weight.slice(0, kLongest - text.shape(-1), kLongest);
    for (const Layer& layer : layers) x = layer(x);
    return out(norm(x));
  }
};

Tensor loss(const Transformer& m, const Tensor& x, const Tensor& y) { return cross_entropy(m(x), y); }

Tensor train_step(Transformer& m, optim::AdamW& adamw, const Tensor& x, const Tensor& y, float lr) {
  auto [l, g] = value_and_grad(loss)(m, x, y);
  adamw.update(m, optim::clip_by_global_norm(g, 1).gradients, lr);
  return l;
}

// Matrices decay; vectors and what stands for letters and places do not.
optim::AdamW optimizer_of(const Transformer& m) {
  return optim::AdamW::init(m, {.beta2 = 0.99f, .weight_decay = 0.1f}, [](std::string_view name) {
    return name.starts_with("layers") && name.ends_with(".weight") && name.find("norm") == name.npos;
  });
}

struct Corpus {
  std::string alphabet;
  Tensor letters;  // i32[N]: places in the alphabet

  static Corpus read(const std::string& path) {
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    expect(!text.empty(), "the sonnets are there");
    std::string alphabet = text;
    std::sort(alphabet.begin(), alphabet.end());
    alphabet.erase(std::unique(alphabet.begin(), alphabet.end()), alphabet.end());
    std::vector<int32_t> letters;
    for (char c : text) letters.push_back(static_cast<int32_t>(alphabet.find(c)));
    return {alphabet, from_vector(letters, {static_cast<int64_t>(letters.size())})};
  }
  // Texts of n letters, from letter `first` on, and for each letter the next one. 1,024 letters make a batch.
  data::Batches batches(int64_t n, int64_t first, const Key& key) const {
    const int64_t texts = (letters.numel() - first - 1) / n;
    auto rows = [&](int64_t from) { return letters.slice(0, from, from + texts * n).reshape({texts, n}); };
    return {rows(first), rows(first + 1), 1024 / n, &key, {.drop_last = true}};
  }
};

int main() {
  const bool small = small_size();
  const Corpus sonnets = Corpus::read(DUET_SONNETS);
  const Transformer start = Transformer::init(static_cast<int64_t>(sonnets.alphabet.size()), Key(1));
  fmt::print("{} letters, an alphabet of {}\n", sonnets.letters.numel(), sonnets.alphabet.size());

  fmt::print("-- eight steps in each life\n");
  std::vector<std::string> hashes;
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    Transformer m = start;
    optim::AdamW adamw = optimizer_of(m);
    auto step = with_mode(mode, &train_step);
    for (auto [x, y] : sonnets.batches(16, 0, Key(2))) step(m, adamw, x, y, 1e-3f);
    hashes.push_back(bits_hash(std::pair(m, adamw)));
    fmt::print("{:9}{}\n", name(mode), hashes.back());
  }
  expect(hashes[1] == hashes[0] && hashes[2] == hashes[0], "the weights and the moments are the same bits");

  fmt::print("-- training on longer and longer texts\n");
  Transformer m = start;
  optim::AdamW adamw = optimizer_of(m);
  auto step = compile(&train_step);
  const int64_t steps_each = small ? 20 : 160, steps = 3 * steps_each;
  int64_t k = 0;
  for (int64_t length : {16, 32, 64}) {
    Tensor l;
    for (int64_t epoch = 0, end = k + steps_each; k < end; ++epoch) {
      const Key key = fold_in(Key(3), k);
      for (auto [x, y] : sonnets.batches(length, epoch * 7 % length, key))
        if (k < end) l = step(m, adamw, x, y, optim::warmup_cosine(k++, 1e-2f, steps / 20, steps));
    }
    fmt::print("step {:4}, texts of {}: loss {:.3f}\n", k, length, l.item());
    expect(l.item() < 3.3f, "it is learning");
  }
  for (const graph::Event& event : step.cache().events()) fmt::print("  {}: {}\n", event.what, event.why);
  expect(step.cache().plans().size() == 3, "a plan a length; the rate of each step is none");

  const auto [x, y] = sonnets.batches(64, 0, Key(4)).at(0);
  fmt::print("-- a step of 16 texts of 64 letters\n{}\n",
             duel({.max_calls = small ? 5 : 20}, &train_step, m, adamw, x, y, 1e-3f));

  fmt::print("-- and what it has to say\n");
  auto next =
      freeze([m](const Tensor& text, const Key& key) { return categorical(key, m(text)[0][kLongest - 1] / 0.7f); });
  Tensor text = sonnets.letters.slice(0, 0, kLongest);
  for (int64_t i = 0; i < (small ? 40 : 300); ++i) {
    const Tensor letter = next(text.reshape({1, kLongest}), fold_in(Key(5), i)).to(i32);
    fmt::print("{}", sonnets.alphabet[static_cast<size_t>(letter.item<int>())]);
    text = concat({text.slice(0, 1, kLongest), letter.reshape({1})});
  }
  fmt::print("\n");
}
