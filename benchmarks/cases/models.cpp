// Training steps of the models of examples/08 and examples/09.
//   B texts or images   T letters a text   E width   V letters of the alphabet
#include "../case.h"

namespace bench {
namespace {

constexpr int64_t kWidth = 64, kHeads = 4, kAlphabet = 61;

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
  Tensor operator()(const Tensor& x) const {
    const Tensor y = x + attention(attention_norm(x));
    return y + down(gelu(up(mlp_norm(y))));
  }
};

struct Transformer {
  nn::Embedding letters, places;  // f32[V,E], f32[T,E]
  std::vector<Layer> layers;
  nn::RMSNorm norm;
  nn::Linear out;

  static Transformer init(int64_t length) {
    auto [k1, k2, k3, k4, k5] = split<5>(Key(1));
    return {{normal(k1, {kAlphabet, kWidth}, 0, 0.1)},
            {normal(k2, {length, kWidth}, 0, 0.1)},
            {Layer::init(k3), Layer::init(k4)},
            nn::RMSNorm::init(kWidth),
            nn::Linear::init(kWidth, kAlphabet, k5)};
  }
  Tensor operator()(const Tensor& text) const {  // i32[B,T] -> f32[B,T,V]
    Tensor x = letters(text) + places.weight;
    for (const Layer& layer : layers) x = layer(x);
    return out(norm(x));
  }
};

Tensor loss(const Transformer& m, const Tensor& x, const Tensor& y) { return cross_entropy(m(x), y); }

Tensor write(Transformer& m, optim::AdamW& adamw, const Tensor& x, const Tensor& y, float lr) {
  auto [l, g] = value_and_grad(loss)(m, x, y);
  adamw.update(m, optim::clip_by_global_norm(g, 1).gradients, lr);
  return l;
}

struct Net {
  nn::Conv2d conv1, conv2;
  nn::BatchNorm norm1, norm2;
  nn::Dropout drop;
  nn::Linear out;

  static Net init(const Key& key) {
    auto [k1, k2, k3] = split<3>(key);
    return {.conv1 = nn::Conv2d::init(1, 16, 3, k1, {.padding = 1}),
            .conv2 = nn::Conv2d::init(16, 32, 3, k2, {.padding = 1}),
            .norm1 = nn::BatchNorm::init(16),
            .norm2 = nn::BatchNorm::init(32),
            .drop = {0.3f},
            .out = nn::Linear::init(32 * 4 * 4, 10, k3)};
  }
  Tensor operator()(const Tensor& images, const Key& key) {  // f32[B,1,8,8] -> f32[B,10]
    Tensor x = relu(norm1.train(conv1(images)));
    x = max_pool2d(relu(norm2.train(conv2(x))), 2);
    return out(drop(x.reshape({images.shape(0), -1}), key));
  }
};

std::pair<Tensor, std::vector<Buffer>> net_loss(Net& m, const Tensor& x, const Tensor& y, const Key& key) {
  Tensor l = cross_entropy(m(x, key), y);
  return {l, nn::buffers(m)};
}

Tensor recognize(Net& m, optim::Adam& adam, const Tensor& x, const Tensor& y, const Key& key, float lr) {
  auto [l, g] = value_and_grad(net_loss)(m, x, y, key);
  adam.update(m, g, lr);
  nn::set_buffers(m, l.second);
  return l.first;
}

template <class M>
double parameters_of(const M& m) {
  double n = 0;
  for_each_leaf(m, [&](const Tensor& t) { n += double(t.numel()); });
  return n;
}

}  // namespace

std::unique_ptr<Program> make_transformer(const Sizes& s) {
  const Transformer m = Transformer::init(s[1]);
  const double letters = double(s[0] * s[1]), e = double(kWidth);
  // A layer: four projections, scores and values of attention (half of them are masked), the MLP; then the last layer.
  const double forward = 2 * letters * (2 * (12 * e * e + double(s[1]) * e) + e * double(kAlphabet));
  auto text = [&](uint64_t key) { return (uniform(Key(key), {s[0], s[1]}) * float(kAlphabet)).to(i32); };
  return lives({3 * forward, 24 * parameters_of(m), 12 * parameters_of(m)}, &write, m,
               optim::AdamW::init(m, {.beta2 = 0.99f, .weight_decay = 0.1f}), text(2), text(3), 1e-3f);
}

std::unique_ptr<Program> make_conv(const Sizes& s) {
  const Net m = Net::init(Key(1));
  const double pixels = 64.0 * double(s[0]), first = pixels * 9 * 16, rest = pixels * 9 * 16 * 32 + double(s[0]) * 5120;
  return lives({2 * (2 * first + 3 * rest), 24 * parameters_of(m), 12 * parameters_of(m)}, &recognize, m,
               optim::Adam::init(m), uniform(Key(2), {s[0], 1, 8, 8}), (uniform(Key(3), {s[0]}) * 10.0f).to(i32),
               Key(4), 1e-3f);
}

}  // namespace bench
