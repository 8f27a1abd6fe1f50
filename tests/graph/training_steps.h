// Training steps whose plans tests look at.
#pragma once

#include "duet/duet.h"

namespace duet::testing {

struct Mlp {
  std::vector<nn::Linear> layers;

  static Mlp init(int depth, int64_t in, int64_t hidden, int64_t out, const Key& key) {
    Mlp m;
    for (int i = 0; i < depth; ++i)
      m.layers.push_back(
          nn::Linear::init(i == 0 ? in : hidden, i + 1 == depth ? out : hidden, fold_in(key, static_cast<int64_t>(i))));
    return m;
  }
  Tensor operator()(const Tensor& x) const {
    Tensor h = x;
    for (size_t i = 0; i < layers.size(); ++i) h = i + 1 < layers.size() ? relu(layers[i](h)) : layers[i](h);
    return h;
  }
};

struct TransformerBlock {
  nn::RMSNorm attention_norm;
  nn::MultiHeadAttention attention;
  nn::RMSNorm mlp_norm;
  nn::Linear up, down;

  static TransformerBlock init(int64_t width, int64_t heads, const Key& key) {
    auto [k1, k2, k3] = split<3>(key);
    return {nn::RMSNorm::init(width), nn::MultiHeadAttention::init(width, heads, k1, true), nn::RMSNorm::init(width),
            nn::Linear::init(width, 4 * width, k2), nn::Linear::init(4 * width, width, k3)};
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor y = x + attention(attention_norm(x));
    return y + down(gelu(up(mlp_norm(y))));
  }
};

/// Letters in, scores of the next one out: a transformer of one block.
struct Reader {
  nn::Embedding letters;
  TransformerBlock block;
  nn::Linear out;

  static Reader init(int64_t alphabet, int64_t width, const Key& key) {
    auto [k1, k2, k3] = split<3>(key);
    return {{normal(k1, {alphabet, width}, 0, 0.1)},
            TransformerBlock::init(width, 4, k2),
            nn::Linear::init(width, alphabet, k3)};
  }
  Tensor operator()(const Tensor& text) const { return out(block(letters(text))); }
};

struct ConvNet {
  nn::Conv2d conv1, conv2;
  nn::Linear out;

  static ConvNet init(const Key& key) {
    auto [k1, k2, k3] = split<3>(key);
    return {nn::Conv2d::init(1, 8, 3, k1, {.padding = 1}), nn::Conv2d::init(8, 16, 3, k2, {.padding = 1}),
            nn::Linear::init(16 * 4 * 4, 10, k3)};
  }
  Tensor operator()(const Tensor& images) const {
    const Tensor x = max_pool2d(relu(conv2(relu(conv1(images)))), 2);
    return out(x.reshape({images.shape(0), -1}));
  }
};

/// One step of the optimiser on the cross entropy of a batch; the loss.
template <class Model, class Optimiser>
Tensor train_step(Model& m, Optimiser& optimiser, const Tensor& x, const Tensor& y, float lr) {
  auto loss = [](const Model& model, const Tensor& in, const Tensor& labels) {
    return cross_entropy(model(in), labels);
  };
  auto [l, g] = value_and_grad(loss)(m, x, y);
  optimiser.update(m, g, lr);
  return l;
}

inline Tensor labels(const Shape& shape, int64_t classes) {
  std::vector<int32_t> all(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i * 7 % static_cast<size_t>(classes));
  return from_vector(all, shape);
}

/// body(name, model, optimiser, x, y) for every step.
void for_each_training_step(auto&& body) {
  const Tensor x = normal(Key(1), {32, 64}), y = labels({32}, 10);
  for (int depth : {2, 3, 4, 8, 16}) {
    const Mlp m = Mlp::init(depth, 64, 128, 10, Key(2));
    body(fmt::format("MLP of {} layers, SGD", depth), m, optim::Sgd::init(m), x, y);
    body(fmt::format("MLP of {} layers, SGD with momentum", depth), m, optim::Sgd::init(m, 0.9f), x, y);
    body(fmt::format("MLP of {} layers, Adam", depth), m, optim::Adam::init(m), x, y);
  }
  const ConvNet conv = ConvNet::init(Key(3));
  body(std::string("conv net, Adam"), conv, optim::Adam::init(conv), normal(Key(4), {16, 1, 8, 8}), labels({16}, 10));
  const Reader reader = Reader::init(30, 64, Key(5));
  body(std::string("transformer block, AdamW"), reader, optim::AdamW::init(reader), labels({8, 16}, 30),
       labels({8, 16}, 30));
}

}  // namespace duet::testing
