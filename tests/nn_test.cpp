// Layers: what they compute, that gradients reach every parameter, and that all three modes train them to the same
// bits.
#include <numeric>

#include "duet/testing.h"
#include "expect.h"

namespace duet {
namespace {

using namespace expect;

/// A layer on an input: gradients of all parameters are there and differ from 0, and are the same in every mode.
template <class Layer, class F>
void check_layer(const Layer& layer, const Tensor& x, F f) {
  auto loss = [&](const Layer& m, const Tensor& v) {
    const Tensor y = f(m, v);
    return sum(y * numbers(y.shape(), 9)) + sum(square(y));
  };
  auto all = [&](const Layer& m, const Tensor& v) { return value_and_grad<0, 1>(loss)(m, v); };
  const auto [l, g] = all(layer, x);
  EXPECT_TRUE(std::isfinite(l.item()));
  for_each_named_leaf(std::get<0>(g), [&](std::string_view name, const Tensor& t) {
    // (A number added to all keys adds the same to all scores of a query: softmax does not see it.)
    if (is_float(t.dtype()) && !name.starts_with("running") && name != "key.bias") {
      EXPECT_GT(duet::max(abs(t)).item(), 1e-6f) << "no gradient reaches " << name;
    }
  });
  auto compiled = compile(all);
  auto frozen = freeze(all);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(tree_bits(compiled(layer, x)), tree_bits(all(layer, x)));
    EXPECT_EQ(tree_bits(frozen(layer, x)), tree_bits(all(layer, x)));
  }
  // The parameters' gradients are those of differences.
  Layer moved = layer;
  std::vector<Tensor> directions;
  for_each_parameter(moved, [&](Tensor& t) { directions.push_back(numbers(t.shape(), 77)); });
  auto at = [&](float h) {
    size_t i = 0;
    moved = layer;
    for_each_parameter(moved, [&](Tensor& t) { t = t + directions[i++] * h; });
    return loss(moved, x).template item<double>();
  };
  double slope = 0;
  size_t i = 0;
  Layer gradients = std::get<0>(g);
  for_each_parameter(gradients, [&](Tensor& t) { slope += sum(t * directions[i++]).template item<double>(); });
  if (directions.empty()) return;
  const double differences = (at(1e-2f) - at(-1e-2f)) / 2e-2;
  EXPECT_NEAR(slope, differences, 2e-2 * (1 + std::abs(slope)));
}

/// Every element of `y` is near the one of `expected`.
void expect_near(const Tensor& y, const Tensor& expected, float tolerance = 1e-5f) {
  ASSERT_EQ(to_string(y.spec()), to_string(expected.spec()));
  EXPECT_LE(duet::max(abs(y - expected)).item(), tolerance);
}

TEST(NN, NormsAreTheirOperations) {
  const Tensor x = numbers({4, 6, 5});
  nn::LayerNorm layer = nn::LayerNorm::init(5);
  EXPECT_EQ(bits(layer(x)), bits(layer_norm(x, ones({5}), zeros({5}), static_cast<double>(1e-5f))));
  layer.weight = numbers({5}, 2);
  check_layer(layer, x, [](const auto& m, const Tensor& v) { return m(v); });
  nn::RMSNorm rms = nn::RMSNorm::init(5);
  EXPECT_EQ(bits(rms(x)), bits(rms_norm(x, ones({5}), static_cast<double>(1e-6f))));
  check_layer(rms, x, [](const auto& m, const Tensor& v) { return m(v); });
  nn::GroupNorm group = nn::GroupNorm::init(3, 6);
  EXPECT_EQ(bits(group(x)), bits(group_norm(x, 3, ones({6}), zeros({6}), static_cast<double>(1e-5f))));
  check_layer(group, x, [](const auto& m, const Tensor& v) { return m(v); });
  const nn::BatchNorm batch = nn::BatchNorm::init(6);
  expect_near(batch(x), x / std::sqrt(1 + 1e-5f));  // before any training the statistics change nothing
  check_layer(batch, x, [](const auto& m, const Tensor& v) { return m(v); });
  check_layer(batch, x, [](nn::BatchNorm m, const Tensor& v) { return m.train(v); });
}

TEST(NN, BatchNormKeepsRunningStatistics) {
  nn::BatchNorm norm = nn::BatchNorm::init(2);
  const Tensor x = tensor({{1.f, 10.f}, {3.f, 30.f}, {5.f, 20.f}});
  norm.train(x);
  expect_near(norm.running_mean.value, tensor({0.3f, 2.f}));
  expect_near(norm.running_var.value, tensor({0.9f + 0.4f, 0.9f + 10}));  // variances of n − 1: 4 and 100
  norm.momentum = 1;
  const Tensor trained = norm.train(x);
  expect_near(norm.running_mean.value, tensor({3.f, 20.f}));
  expect_near(norm.running_var.value, tensor({4.f, 100.f}), 1e-4f);
  const float by = std::sqrt(1.5f);
  expect_near(trained, tensor({{-by, -by}, {0.f, by}, {by, 0.f}}));
  EXPECT_NE(bits(norm(x)), bits(trained));  // used, it has the running variance
  // A failed call leaves the statistics as they are.
  const std::string before = tree_bits(norm);
  EXPECT_ERROR(ShapeError, norm.train(ones({1, 2})),
               "BatchNorm: the variance of one element a channel is not known: f32[1,2]; train on larger batches");
  EXPECT_ERROR(ShapeError, norm.train(ones({0, 2})),
               "BatchNorm: the variance of no elements a channel is not known: f32[0,2]; train on larger batches");
  EXPECT_ERROR(ShapeError, norm.train(ones({4, 3})),
               "batch_norm: gamma is f32[2] for f32[4,3]; it must have one number a channel: [3]");
  EXPECT_EQ(tree_bits(norm), before);
}

/// Two layers with batch normalisation and dropout between them.
struct Net {
  nn::Linear hidden;
  nn::BatchNorm norm;
  nn::Dropout drop;
  nn::Linear out;
};

std::pair<Tensor, std::vector<Buffer>> net_loss(Net& m, const Tensor& x, const Tensor& y, const Key& key) {
  const Tensor h = m.drop(relu(m.norm.train(m.hidden(x))), key);
  return {cross_entropy(m.out(h), y), nn::buffers(m)};
}

Tensor net_step(Net& m, optim::Adam& adam, const Tensor& x, const Tensor& y, const Key& key, float lr) {
  auto [l, g] = value_and_grad(net_loss)(m, x, y, key);
  adam.update(m, g, lr);
  nn::set_buffers(m, l.second);
  return l.first;
}

TEST(NN, StatisticsComeOutOfGradientsInEveryMode) {
  auto [k1, k2, k3] = split<3>(Key(5));
  const Net start{nn::Linear::init(4, 16, k1), nn::BatchNorm::init(16), {0.1f}, nn::Linear::init(16, 2, k2)};
  const Tensor x = normal(k3, {64, 4}) + 2, y = (sum(square(x - 2), -1) > 3.3f).to(i32);
  std::vector<std::string> results;
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    Net m = start;
    optim::Adam adam = optim::Adam::init(m);
    auto step = with_mode(mode, &net_step);
    std::vector<float> losses;
    Tensor running = zeros({16});
    for (int i = 0; i < 60; ++i) {
      running = running * 0.9f + mean(m.hidden(x), 0) * 0.1f;
      losses.push_back(step(m, adam, x, y, fold_in(Key(1), i), 0.02f).item());
    }
    EXPECT_LT(losses.back(), 0.6f * losses.front());
    expect_near(m.norm.running_mean.value, running, 1e-4f);
    EXPECT_GT(duet::max(abs(m.norm.running_mean.value)).item(), 0.5f);
    const Tensor used = m.out(m.drop(relu(m.norm(m.hidden(x)))));
    EXPECT_GT(mean(argmax(used) == y).item(), 0.85f);
    results.push_back(tree_bits(m));
  }
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(results[2], results[0]);
}

TEST(NN, BuffersOfAnotherModelAreRefused) {
  struct Two {
    nn::BatchNorm a, b;
  };
  Two m{nn::BatchNorm::init(2), nn::BatchNorm::init(3)};
  const std::vector<Buffer> mine = nn::buffers(m);
  ASSERT_EQ(mine.size(), 4u);
  EXPECT_EQ(bits(mine[3].value), bits(ones({3})));
  std::vector<Buffer> other = mine;
  other[2].value = ones({2});
  const std::string before = tree_bits(m);
  EXPECT_ERROR(ShapeError, nn::set_buffers(m, other),
               "set_buffers: buffer 3 is f32[3], f32[2] is given; take the buffers of the same model");
  other.pop_back();
  other[2].value = Tensor();
  EXPECT_ERROR(ShapeError, nn::set_buffers(m, other),
               "set_buffers: buffer 3 is f32[3], empty is given; take the buffers of the same model");
  other.pop_back();
  EXPECT_ERROR(ShapeError, nn::set_buffers(m, other),
               "set_buffers: 2 buffers for a model with 4; take the buffers of the same model");
  EXPECT_EQ(tree_bits(m), before);
}

TEST(NN, EmbeddingPicksRows) {
  const nn::Embedding words = nn::Embedding::init(7, 3, Key(2));
  const Tensor index = tensor({{0, 6}, {3, 3}});
  const Tensor y = words(index);
  EXPECT_EQ(to_string(y.spec()), "f32[2,2,3]");
  EXPECT_EQ(bits(y[1][0]), bits(words.weight[3]));
  EXPECT_EQ(bits(y[1][1]), bits(words.weight[3]));
  const nn::Embedding g = grad([&](const nn::Embedding& m) { return sum(m(index)); })(words);
  EXPECT_EQ(floats(sum(g.weight, -1)), (std::vector<float>{3, 0, 0, 6, 0, 0, 3}));
  EXPECT_NEAR(mean(square(nn::Embedding::init(100, 100, Key(1)).weight)).item(), 1, 0.05);
}

TEST(NN, DropoutIsThereWithAKeyOnly) {
  const nn::Dropout drop{0.4f};
  const Tensor x = numbers({50, 40});
  EXPECT_EQ(drop(x).id(), x.id());
  EXPECT_EQ(bits(drop(x, Key(3))), bits(dropout(x, static_cast<double>(0.4f), Key(3))));
  EXPECT_EQ(bits(nn::Dropout{0}(x, Key(3))), bits(x));
  // Its mask is the gradient's.
  const Tensor g = grad([&](const Tensor& v) { return sum(drop(v, Key(3))); })(x);
  EXPECT_EQ(bits(g != 0), bits(drop(x, Key(3)) != 0));
  EXPECT_NE(bits(drop(x, Key(3))), bits(drop(x, Key(4))));
}

TEST(NN, AttentionOfSeveralHeads) {
  const int64_t width = 6, heads = 3;
  for (bool causal : {false, true}) {
    nn::MultiHeadAttention layer = nn::MultiHeadAttention::init(width, heads, Key(4), causal);
    EXPECT_EQ(bits(layer.query.bias), bits(zeros({width})));
    EXPECT_GT(duet::max(abs(layer.query.weight)).item(), 0.4f);  // of 0.5
    layer.query.bias = numbers({width}, 5);
    layer.key.bias = numbers({width}, 6);
    const Tensor x = numbers({2, 5, width}), memory = numbers({2, 4, width}, 3);
    const Tensor mask = tensor({{true, false, true, true, true}});
    // Head by head, on slices.
    auto by_hand = [&](const Tensor& to, const Tensor& m) {
      std::vector<Tensor> parts;
      for (int64_t h = 0; h < heads; ++h) {
        auto cut = [&](const Tensor& t) { return t.slice(-1, 2 * h, 2 * h + 2); };
        Tensor s = matmul(cut(layer.query(x)), transpose(cut(layer.key(to)), {0, 2, 1})) / std::sqrt(2.f);
        if (causal) s = where(reshape(arange(5), {5, 1}) >= arange(s.shape(-1)), s, -1e9f);
        if (m.defined()) s = where(m, s, -1e9f);
        parts.push_back(matmul(softmax(s), cut(layer.value(to))));
      }
      return layer.out(concat(parts, -1));
    };
    expect_near(layer(x), by_hand(x, {}));
    expect_near(layer(x, mask), by_hand(x, mask));
    expect_near(layer.attend(x, memory), by_hand(memory, {}));
    expect_near(layer(x[1]), layer(x)[1]);
    check_layer(layer, x, [](const auto& m, const Tensor& v) { return m(v); });
  }
}

TEST(NN, ConvolutionAddsABiasAChannel) {
  const nn::Conv2d layer = nn::Conv2d::init(4, 6, {3, 2}, Key(5), {.stride = {2, 1}, .padding = 1, .groups = 2});
  EXPECT_EQ(to_string(layer.weight.spec()), "f32[6,2,3,2]");
  const float bound = 1 / std::sqrt(12.f);
  EXPECT_LE(duet::max(abs(layer.weight)).item(), bound);
  EXPECT_GT(duet::max(abs(layer.weight)).item(), 0.9f * bound);
  const Tensor x = numbers({3, 4, 7, 5});
  const Tensor y = layer(x), plain = conv2d(x, layer.weight, layer.options);
  EXPECT_EQ(to_string(y.spec()), "f32[3,6,4,6]");
  expect_near(y - plain, broadcast_to(reshape(layer.bias, {6, 1, 1}), y.shape()));
  check_layer(layer, x, [](const auto& m, const Tensor& v) { return m(v); });
}

TEST(NN, GruCellIsItsEquations) {
  nn::GruCell cell = nn::GruCell::init(3, 2, Key(8));
  EXPECT_EQ(to_string(cell.input.weight.spec()), "f32[3,6]");
  EXPECT_EQ(to_string(cell.hidden.bias.spec()), "f32[6]");
  EXPECT_LE(duet::max(abs(cell.input.weight)).item(), 1 / std::sqrt(2.f));
  const Tensor x = numbers({4, 3}), h = numbers({4, 2}, 3);
  const std::vector<float> y = floats(cell(x, h)), i = floats(cell.input(x)), k = floats(cell.hidden(h));
  for (size_t row = 0; row < 4; ++row)
    for (size_t u = 0; u < 2; ++u) {
      auto sigma = [](float v) { return 1 / (1 + std::exp(-v)); };
      const float *a = &i[6 * row + u], *b = &k[6 * row + u], r = sigma(a[0] + b[0]), z = sigma(a[2] + b[2]),
                  n = std::tanh(a[4] + r * b[4]);
      EXPECT_NEAR(y[2 * row + u], (1 - z) * n + z * h[static_cast<int64_t>(row)][u].item(), 1e-6);
    }
  check_layer(cell, x, [&](const nn::GruCell& m, const Tensor& v) {
    Tensor state = h;
    for (int step = 0; step < 3; ++step) state = m(v * (step + 1), state);
    return state;
  });
}

TEST(NN, LayersWithoutSizeAreRefused) {
  EXPECT_ERROR(ShapeError, nn::LayerNorm::init(0), "LayerNorm: 0 features make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::RMSNorm::init(-1), "RMSNorm: -1 features make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::BatchNorm::init(0), "BatchNorm: 0 channels make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::GroupNorm::init(1, 0), "GroupNorm: 0 channels make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::GroupNorm::init(4, 6), "GroupNorm: 4 groups do not divide 6 channels; give a divisor");
  EXPECT_ERROR(ShapeError, nn::Embedding::init(0, 3, Key(1)),
               "Embedding: 0 words of width 3 make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::GruCell::init(3, 0, Key(1)),
               "GruCell: 3 inputs and 0 hidden units make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, nn::MultiHeadAttention::init(6, 4, Key(1)),
               "MultiHeadAttention: 4 heads do not divide a width of 6; give a divisor");
  const nn::GruCell cell = nn::GruCell::init(3, 2, Key(1));
  EXPECT_ERROR(ShapeError, cell(ones({3}), ones({3})), "GruCell: the state is f32[3]; its last axis must be 2");
  const nn::MultiHeadAttention attention = nn::MultiHeadAttention::init(6, 2, Key(1));
  EXPECT_ERROR(ShapeError, attention(ones({6})), "MultiHeadAttention: two axes are needed, [T,E]: f32[6] and f32[6]");
  nn::MultiHeadAttention none = attention;
  none.heads = 0;
  EXPECT_ERROR(ShapeError, none(ones({3, 6})),
               "MultiHeadAttention: 0 heads do not divide a width of 6; give a divisor");
  none.heads = 4;
  EXPECT_ERROR(ShapeError, none(ones({3, 6})),
               "MultiHeadAttention: 4 heads do not divide a width of 6; give a divisor");
  EXPECT_ERROR(ShapeError, attention(ones({1, 1, 1, 1, 3, 6})),
               "MultiHeadAttention: too many axes: f32[1,1,1,1,3,6] and f32[1,1,1,1,3,6]; at most 5, the heads are one "
               "more");
  EXPECT_ERROR(Error, nn::Dropout{1}(ones({2}), Key(1)),
               "dropout: 1 is no share to drop; give a number from 0 up to, not including, 1");
  EXPECT_ERROR(DTypeError, nn::Dropout()(tensor({1, 2})), "dropout: takes floating numbers: i32[2]; use .to(f32)");
}

}  // namespace
}  // namespace duet
