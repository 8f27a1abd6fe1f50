// Wrong calls of products, convolutions, normalisations, losses, attention and layers.
#pragma once

#include <fmt/format.h>

#include "bad_calls/call.h"

namespace duet::bad {

inline void add_products(std::vector<Function>& all) {
  const Tensor a = expect::numbers({2, 3}, 1), b = expect::numbers({3, 4}, 2), bias = expect::numbers({4}, 3);
  const Tensor batch = expect::numbers({2, 2, 3}, 4), batch2 = expect::numbers({2, 3, 4}, 5);
  all.push_back(
      {"neural",
       "matmul",
       {tensor("a", a, Types::alike, Fits::last).also("a scalar", zeros({})),
        tensor("b", b, Types::alike).also("[4,4]", zeros({4, 4})).also("[2]", zeros({2})).also("a scalar", zeros({}))},
       [](const Values& v) { return Tensors{matmul(v.t(0), v.t(1))}; }});
  all.push_back(
      {"neural",
       "matmul",
       {tensor("a", batch, Types::alike, Fits::last).also("three of them", zeros({3, 2, 3})),
        tensor("b", batch2, Types::alike).also("three of them", zeros({3, 3, 4})).also("too high", zeros({2, 4, 4}))},
       [](const Values& v) { return Tensors{matmul(v.t(0), v.t(1))}; }});
  all.push_back({"neural",
                 "linear",
                 {tensor("x", a, Types::alike, Fits::last),
                  tensor("weight", b, Types::alike, Fits::last).also("too high", zeros({4, 4})),
                  tensor("bias", bias, Types::alike, Fits::last)},
                 [](const Values& v) { return Tensors{linear(v.t(0), v.t(1), v.t(2))}; },
                 {"matmul", "add"}});

  const Tensor image = expect::numbers({2, 4, 5, 5}, 6), kernel = expect::numbers({6, 2, 3, 3}, 7);
  auto size = [](const char* name, int64_t good) {
    return positive(name, good).also("INT64_MAX", INT64_MAX).also("2^62", int64_t{1} << 62);
  };
  auto pads = [](const char* name) {
    return choices(name, 0, {-1, -2, INT_MIN, INT64_MIN, INT64_MAX, INT64_MAX - 1, int64_t{1} << 62});
  };
  all.push_back({"neural",
                 "conv2d",
                 {tensor("x", image, Types::alike, Fits::exactly)
                      .without("of shape [3,")
                      .without("of shape [4,")
                      .without("of shape [2,4,")
                      .also("smaller than the kernel", zeros({2, 4, 2, 5})),
                  tensor("weight", kernel, Types::alike, Fits::exactly)
                      .without("of shape [8,")
                      .without("of shape [6,2,")
                      .also("odd", zeros({7, 2, 3, 3}))
                      .also("of none", zeros({6, 2, 0, 3})),
                  positive("stride", 1), pads("padding"), size("dilation", 1),
                  positive("groups", 2).also("3", int64_t{3}).also("INT64_MAX", INT64_MAX)},
                 [](const Values& v) {
                   return Tensors{
                       conv2d(v.t(0), v.t(1),
                              {.stride = {v.n(2), 1}, .padding = {0, v.n(3)}, .dilation = v.n(4), .groups = v.n(5)})};
                 }});
  all.push_back(
      {"neural",
       "unfold",
       {tensor("x", image, Types::floats).also("a vector", zeros({4})).also("of three axes", zeros({4, 5, 5})),
        size("kernel", 2).also("6", int64_t{6}), positive("stride", 1), pads("padding"), size("dilation", 1)},
       [](const Values& v) {
         return Tensors{unfold(v.t(0), {v.n(1), 2}, {.stride = v.n(2), .padding = v.n(3), .dilation = {1, v.n(4)}})};
       }});
  for (bool largest : {true, false})
    all.push_back(
        {"neural",
         largest ? "max_pool2d" : "avg_pool2d",
         {tensor("x", image, Types::floats).also("a vector", zeros({4})).also("of three axes", zeros({4, 5, 5})),
          size("kernel", 2).also("6", int64_t{6}), choices("stride", 1, {-1, -2, INT_MIN, INT64_MIN}),
          pads("padding").also("more than half", int64_t{2})},
         [largest](const Values& v) {
           const PoolOptions o{.stride = v.n(2), .padding = v.n(3)};
           return Tensors{largest ? max_pool2d(v.t(0), {2, v.n(1)}, o) : avg_pool2d(v.t(0), {v.n(1), 2}, o)};
         }});
}

inline void add_neural(std::vector<Function>& all) {
  const Tensor x = expect::numbers({4, 6}, 1), wide = expect::numbers({6}, 2), beta = expect::numbers({6}, 3);
  const Tensor images = expect::numbers({2, 6, 3}, 4), positives = square(beta) + 0.5f,
               labels = duet::tensor({0, 5, 2, 1});
  const Argument eps = fixed("eps", 1e-5);  // any number: NaN or a negative one makes NaN, as in PyTorch
  auto features = [&](const char* name, const Tensor& t) { return tensor(name, t, Types::alike, Fits::exactly); };
  all.push_back({"neural",
                 "layer_norm",
                 {tensor("x", x, Types::alike, Fits::last).also("a scalar", zeros({})), features("gamma", wide),
                  features("beta", beta), eps},
                 [](const Values& v) { return Tensors{layer_norm(v.t(0), v.t(1), v.t(2), v.d(3))}; }});
  all.push_back({"neural",
                 "rms_norm",
                 {tensor("x", x, Types::alike, Fits::last).also("a scalar", zeros({})), features("gamma", wide), eps},
                 [](const Values& v) { return Tensors{rms_norm(v.t(0), v.t(1), v.d(2))}; }});
  all.push_back(
      {"neural",
       "group_norm",
       {tensor("x", images, Types::alike).also("a vector", zeros({6})).also("of other channels", zeros({2, 4, 3})),
        positive("groups", 3).also("4", int64_t{4}).also("7", int64_t{7}).also("INT64_MAX", INT64_MAX),
        features("gamma", wide), features("beta", beta), eps},
       [](const Values& v) { return Tensors{group_norm(v.t(0), v.n(1), v.t(2), v.t(3), v.d(4))}; }});
  all.push_back(
      {"neural",
       "batch_norm",
       {tensor("x", images, Types::alike).also("a vector", zeros({6})).also("of other channels", zeros({2, 4, 3})),
        features("gamma", wide), features("beta", beta), features("mean", beta), features("variance", positives), eps},
       [](const Values& v) { return Tensors{batch_norm(v.t(0), v.t(1), v.t(2), v.t(3), v.t(4), v.d(5))}; }});
  all.push_back({"neural",
                 "batch_statistics",
                 {tensor("x", images, Types::floats).also("a vector", zeros({6})).also("a scalar", zeros({}))},
                 [](const Values& v) {
                   return Tensors{batch_statistics(v.t(0)).mean, batch_statistics(v.t(0)).variance};
                 }});
  Argument index = tensor("labels", labels, Types::integers, Fits::exactly);
  for (int bad : {6, 7, -1, -2, INT_MAX, INT_MIN})
    index.wrong.push_back({fmt::format("with {}", bad), duet::tensor({0, 1, 2, bad})});
  all.push_back({"neural",
                 "cross_entropy",
                 {tensor("logits", x, Types::floats)
                      .also("a scalar", zeros({}))
                      .also("a vector", zeros({6}))
                      .also("a row less", zeros({3, 6})),
                  index},
                 [](const Values& v) { return Tensors{cross_entropy(v.t(0), v.t(1))}; },
                 {"one_hot"}});
  auto loss = [&](const char* name, Binary f, const char* of) {
    all.push_back({"neural",
                   name,
                   {tensor("a", x, Types::alike, Fits::last), tensor("b", square(x), Types::alike, Fits::last)},
                   [f](const Values& v) { return Tensors{f(v.t(0), v.t(1))}; },
                   {of, "minimum"}});
  };
  loss(
      "mse", [](const Tensor& a, const Tensor& b) { return mse(a, b); }, "sub");
  loss(
      "binary_cross_entropy", [](const Tensor& a, const Tensor& b) { return binary_cross_entropy(a, b); },
      "binary_cross_entropy");
  loss(
      "huber", [](const Tensor& a, const Tensor& b) { return huber(a, b, 2); }, "sub");
  all.push_back({"neural",
                 "huber",
                 {tensor("a", x, Types::alike), tensor("b", square(x), Types::alike),
                  reals("delta", 1, {0, -1, kNaN, kInf, -kInf})},
                 [](const Values& v) { return Tensors{huber(v.t(0), v.t(1), v.d(2))}; },
                 {"sub", "minimum"}});
  const Tensor q = expect::numbers({2, 3, 4}, 5), k = expect::numbers({2, 5, 4}, 6), w = expect::numbers({2, 5, 6}, 7),
               mask = ones({3, 5}, boolean);
  all.push_back(
      {"neural",
       "attention",
       {tensor("q", q, Types::alike, Fits::last).also("a vector", zeros({4})).also("three of them", zeros({3, 3, 4})),
        tensor("k", k, Types::alike, Fits::last).also("a vector", zeros({4})).also("a key more", zeros({2, 6, 4})),
        tensor("v", w, Types::alike).also("a vector", zeros({6})).also("a value more", zeros({2, 6, 6})),
        tensor("mask", mask, Types::bools, Fits::exactly)
            .without("empty")
            .without("of f32")
            .without("no elements of f32")
            .without("a scalar")
            .without("an axis less")
            .without("of shape [2,3,5]")
            .also("zeros in f64", zeros({3, 5}, f64))},
       [](const Values& v) { return Tensors{attention(v.t(0), v.t(1), v.t(2), {.mask = v.t(3)})}; },
       {"matmul", "where"}});
}

inline void add_layers(std::vector<Function>& all) {
  const Key key(3);
  const Tensor x = expect::numbers({4, 6}, 1), h = expect::numbers({4, 3}, 2),
               images = expect::numbers({2, 6, 5, 5}, 3);
  auto made = [&](const char* name, std::vector<Argument> arguments, OfValues f) {
    all.push_back({"layers", name, std::move(arguments), [f](const Values& v) { return Tensors{f(v)}; }});
  };
  auto units = [](const char* name, int64_t good) {
    return positive(name, good).also("INT64_MAX", INT64_MAX).also("2^62", int64_t{1} << 62);
  };
  const Argument from_zero = count("out", 3);
  made("Linear", {units("in", 6), from_zero},
       [key](const Values& v) { return nn::Linear::init(v.n(0), v.n(1), key).weight; });
  made("Embedding", {units("words", 6), units("width", 3)},
       [key](const Values& v) { return nn::Embedding::init(v.n(0), v.n(1), key).weight; });
  made("GruCell", {units("in", 6), units("hidden", 3)},
       [key](const Values& v) { return nn::GruCell::init(v.n(0), v.n(1), key).input.weight; });
  made("LayerNorm", {units("features", 6)}, [](const Values& v) { return nn::LayerNorm::init(v.n(0)).weight; });
  made("RMSNorm", {units("features", 6)}, [](const Values& v) { return nn::RMSNorm::init(v.n(0)).weight; });
  made("BatchNorm", {units("channels", 6)}, [](const Values& v) { return nn::BatchNorm::init(v.n(0)).weight; });
  made("GroupNorm", {positive("groups", 3).also("4", int64_t{4}), units("channels", 6)},
       [](const Values& v) { return nn::GroupNorm::init(v.n(0), v.n(1)).weight; });
  made("Conv2d", {units("in", 6), units("out", 4), units("kernel", 3), positive("groups", 2).also("5", int64_t{5})},
       [key](const Values& v) {
         return nn::Conv2d::init(v.n(0), v.n(1), {v.n(2), 3}, key, {.groups = v.n(3)}).weight;
       });
  made("MultiHeadAttention",
       {units("width", 6), positive("heads", 2).also("4", int64_t{4}).also("INT64_MAX", INT64_MAX)},
       [key](const Values& v) { return nn::MultiHeadAttention::init(v.n(0), v.n(1), key).query.weight; });

  auto called = [&](const char* name, std::vector<Argument> arguments, OfValues f, std::vector<std::string> says = {}) {
    all.push_back(
        {"layers", name, std::move(arguments), [f](const Values& v) { return Tensors{f(v)}; }, std::move(says)});
  };
  auto floats = [](const char* name, const Tensor& good) { return tensor(name, good, Types::alike, Fits::last); };
  const nn::Linear linear = nn::Linear::init(6, 3, key);
  called("Linear", {floats("x", x)}, [linear](const Values& v) { return linear(v.t(0)); }, {"linear", "matmul", "add"});
  const nn::Embedding table = nn::Embedding::init(6, 3, key);
  Argument index = tensor("index", duet::tensor({0, 5, 2}), Types::integers);
  for (int bad : {6, 7, -1, INT_MAX, INT_MIN})
    index.wrong.push_back({fmt::format("with {}", bad), duet::tensor({0, 1, bad})});
  called("Embedding", {index}, [table](const Values& v) { return table(v.t(0)); }, {"embedding"});
  const nn::LayerNorm norm = nn::LayerNorm::init(6);
  called("LayerNorm", {floats("x", x).also("a scalar", zeros({}))}, [norm](const Values& v) { return norm(v.t(0)); },
         {"layer_norm"});
  const nn::RMSNorm rms = nn::RMSNorm::init(6);
  called("RMSNorm", {floats("x", x).also("a scalar", zeros({}))}, [rms](const Values& v) { return rms(v.t(0)); },
         {"rms_norm"});
  const nn::GroupNorm group = nn::GroupNorm::init(3, 6);
  called("GroupNorm",
         {tensor("x", images, Types::alike).also("a vector", zeros({6})).also("of other channels", zeros({2, 5, 3}))},
         [group](const Values& v) { return group(v.t(0)); }, {"group_norm"});
  const nn::BatchNorm batch = nn::BatchNorm::init(6);
  called("BatchNorm",
         {tensor("x", images, Types::alike).also("a vector", zeros({6})).also("of other channels", zeros({2, 5, 3}))},
         [batch](const Values& v) { return batch(v.t(0)); }, {"batch_norm"});
  called("BatchNorm",
         {tensor("x", images, Types::alike)
              .also("a vector", zeros({6}))
              .also("of other channels", zeros({2, 5, 3}))
              .also("one element a channel", zeros({1, 6}))
              .also("no elements", zeros({0, 6}))},
         [batch](const Values& v) {
           nn::BatchNorm mine = batch;
           const std::string before = expect::tree_bits(mine);
           try {
             return mine.train(v.t(0));
           } catch (...) {
             if (expect::tree_bits(mine) != before) throw std::logic_error("the running statistics changed");
             throw;
           }
         },
         {"batch_norm", "batch_statistics"});
  const nn::Conv2d conv = nn::Conv2d::init(6, 4, 3, key);
  called("Conv2d",
         {tensor("x", images, Types::alike)
              .also("a vector", zeros({6}))
              .also("of other channels", zeros({2, 5, 5, 5}))
              .also("too small", zeros({2, 6, 2, 5}))},
         [conv](const Values& v) { return conv(v.t(0)); }, {"conv2d"});
  const nn::GruCell gru = nn::GruCell::init(6, 3, key);
  called("GruCell", {floats("x", x), floats("h", h)}, [gru](const Values& v) { return gru(v.t(0), v.t(1)); },
         {"matmul", "linear", "add"});
  const nn::MultiHeadAttention heads = nn::MultiHeadAttention::init(6, 2, key);
  const Tensor words = expect::numbers({2, 4, 6}, 4), memory = expect::numbers({2, 5, 6}, 5);
  called("MultiHeadAttention", {floats("x", words).also("a vector", zeros({6})).also("a scalar", zeros({}))},
         [heads](const Values& v) { return heads(v.t(0)); }, {"matmul", "linear"});
  called("MultiHeadAttention",
         {floats("x", words).also("a vector", zeros({6})), floats("memory", memory).also("a vector", zeros({6}))},
         [heads](const Values& v) { return heads.attend(v.t(0), v.t(1)); }, {"matmul", "linear"});
  all.push_back({"layers",
                 "Dropout",
                 {tensor("x", x, Types::floats), reals("p", 0.5, {-0.1, 1, 1.5, kNaN, kInf, -kInf})},
                 [key](const Values& v) { return Tensors{nn::Dropout{v.f(1)}(v.t(0), key)}; },
                 {"dropout"}});
}

}  // namespace duet::bad
