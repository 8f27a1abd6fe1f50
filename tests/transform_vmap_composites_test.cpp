// vmap of what is made of operations: norms, attention, convolution, losses, statistics, sorts; with gradients.
#include "modes.h"

namespace duet {
namespace {

using expect::bits;
using expect::expect_rows;
using expect::numbers;

// The rows of f and of its gradient for every argument.
template <class F, class... A>
void expect_rows_and_gradients(const F& function, const A&... x) {
  const auto f = expect::of_one_type(function, x...);
  expect_rows(f, x...);
  [&]<size_t... I>(std::index_sequence<I...>) {
    (expect_rows(grad<static_cast<int>(I)>([f](const auto&... a) { return sum(square(f(a...))); }), x...), ...);
  }
  (std::index_sequence_for<A...>());
}

TEST(VmapComposites, Normalisations) {
  const Tensor x = numbers({3, 4, 6}), scale = numbers({6}, 2), shift = numbers({6}, 3), each = numbers({3, 6}, 4);
  expect_rows_and_gradients([](const Tensor& t) { return softmax(t, 0); }, x);
  expect_rows_and_gradients([](const Tensor& t) { return log_softmax(t); }, x);
  expect_rows_and_gradients([&](const Tensor& t) { return layer_norm(t, scale, shift); }, x);
  expect_rows_and_gradients([&](const Tensor& t, const Tensor& g) { return layer_norm(t, g, shift); }, x, each);
  expect_rows_and_gradients([&](const Tensor& t) { return rms_norm(t, scale); }, x);
  const Tensor images = numbers({3, 2, 6, 5}, 5);
  expect_rows_and_gradients([&](const Tensor& t) { return group_norm(t, 3, scale, shift); }, images);
  expect_rows_and_gradients(
      [&](const Tensor& t) {
        const BatchStatistics s = batch_statistics(t);
        return batch_norm(t, scale, shift, s.mean, s.variance);
      },
      images);
}

TEST(VmapComposites, Attention) {
  const Tensor q = numbers({3, 2, 5, 4}), k = numbers({3, 2, 5, 4}, 2), v = numbers({3, 2, 5, 3}, 3),
               mask = numbers({3, 5, 5}, 4) > 0, memory = numbers({6, 4}, 5);
  auto plain = [](const Tensor& a, const Tensor& b, const Tensor& c) { return attention(a, b, c); };
  expect_rows_and_gradients(plain, q, k, v);
  expect_rows([](const Tensor& a) { return attention(a, a, a, {.causal = true}); }, q);
  expect_rows([](const Tensor& a, const Tensor& m) { return attention(a, a, a, {.mask = m}); }, q, mask);
  expect_rows_and_gradients([&](const Tensor& a) { return attention(a, memory, memory); }, q);
  const auto heads = nn::MultiHeadAttention::init(4, 2, Key(1), true);
  expect_rows_and_gradients([&](const Tensor& t) { return heads(t); }, numbers({3, 5, 4}, 6));
}

TEST(VmapComposites, ConvolutionAndPooling) {
  const Tensor x = numbers({3, 2, 4, 7, 6}), w = numbers({6, 4, 3, 2}, 2), each = numbers({3, 6, 2, 3, 2}, 3);
  const Conv2dOptions strided{.stride = {2, 1}, .padding = 1, .dilation = {1, 2}}, groups{.padding = 1, .groups = 2};
  expect_rows_and_gradients([&](const Tensor& t) { return conv2d(t, w, strided); }, x);
  expect_rows_and_gradients([&](const Tensor& t, const Tensor& k) { return conv2d(t, k, groups); }, x, each);
  expect_rows_and_gradients([&](const Tensor& k) { return conv2d(x[0], k, groups); }, each);
  expect_rows_and_gradients([](const Tensor& t) { return max_pool2d(t, {3, 2}, {.stride = 2, .padding = 1}); }, x);
  expect_rows_and_gradients([](const Tensor& t) { return avg_pool2d(t, 2, {.padding = 1}); }, x);
  expect_rows_and_gradients([](const Tensor& t) { return windows(t, 3, 2, 2, 1); }, numbers({3, 7, 6}, 4));
  // One kernel for the columns of all examples, and one product.
  const uint64_t before = thread_state.launches;
  vmap([&](const Tensor& t) { return conv2d(t, w, strided); })(x);
  const uint64_t launches = thread_state.launches - before;
  EXPECT_LE(launches, 3u);
}

TEST(VmapComposites, Losses) {
  const Tensor x = numbers({3, 4, 5}), y = numbers({3, 4, 5}, 2),
               labels = tensor({{0, 4, 2, 2}, {1, 1, 3, 0}, {4, 0, 0, 1}});
  expect_rows_and_gradients([](const Tensor& a, const Tensor& b) { return mse(a, b); }, x, y);
  expect_rows_and_gradients([](const Tensor& a, const Tensor& b) { return huber(a, b, 0.5); }, x, y);
  expect_rows_and_gradients([](const Tensor& a, const Tensor& b) { return binary_cross_entropy(a, sigmoid(b)); }, x, y);
  expect_rows([](const Tensor& a, const Tensor& l) { return cross_entropy(a, l); }, x, labels);
  expect_rows(grad([](const Tensor& a, const Tensor& l) { return cross_entropy(a, l); }), x, labels);
}

TEST(VmapComposites, StatisticsAndSorts) {
  const Tensor x = numbers({3, 4, 5});
  for (const ReduceOver& over : {ReduceOver{}, ReduceOver{0}, ReduceOver{-1, true}}) {
    expect_rows_and_gradients([=](const Tensor& t) { return var(t, over, 1); }, x);
    expect_rows_and_gradients([=](const Tensor& t) { return stddev(t, over); }, x);
    expect_rows_and_gradients([=](const Tensor& t) { return logsumexp(t, over); }, x);
  }
  for (int axis : {0, 1}) {
    expect_rows_and_gradients([=](const Tensor& t) { return sort(t, axis).values; }, x);
    expect_rows_and_gradients([=](const Tensor& t) { return topk(t, 2, axis).values; }, x);
    expect_rows([=](const Tensor& t) { return argsort(t, axis, true); }, x);
    expect_rows_and_gradients([=](const Tensor& t) { return cumsum(t, axis); }, x);
    expect_rows_and_gradients([=](const Tensor& t) { return take_along_axis(t, argsort(t, axis), axis); }, x);
  }
}

TEST(VmapComposites, MovementAndIndices) {
  const Tensor x = numbers({3, 4, 5}), index = tensor({{0, 3, -1}, {2, 2, 0}, {1, -4, 3}});
  expect_rows_and_gradients([](const Tensor& t) { return pad(t, {{1, 0}, {0, 2}}, 0.5f); }, x);
  expect_rows_and_gradients([](const Tensor& t) { return roll(t, 2, 0) + flip(t, 1); }, x);
  expect_rows_and_gradients([](const Tensor& t) { return repeat(t, {2, 1, 3}); }, x);
  expect_rows_and_gradients([](const Tensor& t) { return stack({t, tril(t, 1), unsqueeze(t, 0)[0]}, 1); }, x);
  expect_rows_and_gradients([](const Tensor& t) { return update(t, 1, 1, t.slice(1, 2, 4)); }, x);
  for (int axis : {0, 1}) expect_rows([=](const Tensor& t, const Tensor& i) { return gather(t, i, axis); }, x, index);
  expect_rows(grad([](const Tensor& t, const Tensor& i) { return sum(square(gather(t, i))); }), x, index);
  expect_rows([](const Tensor& t, const Tensor& i) { return scatter_add(t, i, t.slice(0, 1, 4)); }, x, index);
  expect_rows([](const Tensor& t, const Tensor& i) { return take(t, i) + take(arange(20), i); }, x, index);
  const auto table = nn::Embedding::init(7, 4, Key(2));
  expect_rows([&](const Tensor& i) { return table(i); }, abs(index));
  expect_rows([](const Tensor& t, const Tensor& i) { return embedding(t, i); }, x, where(index < 0, index + 4, index));
  EXPECT_ERROR(IndexError, vmap([&](const Tensor& i) { return table(i); })(index),
               "embedding: index -1 is out of range: element 2 of i32[3,3]; it must be in 0 to 6");
  // Each of a batch of tables has its own ids, at any depth.
  auto both = [](const Tensor& t, const Tensor& i) {
    return vmap([&](const Tensor& row) { return gather(t, row, 1); })(i);
  };
  expect_rows(both, x, reshape(index, {3, 3, 1}));
  auto paired = [](const Tensor& t, const Tensor& i) {
    return vmap([](const Tensor& row, const Tensor& at) { return gather(row, at); })(t, i);
  };
  const Tensor places = tensor({{1}, {0}, {-1}, {2}});
  expect_rows([&](const Tensor& t) { return paired(t, places); }, x);
  expect_rows([&](const Tensor& i) { return paired(x[0], i); }, reshape(tensor({1, 0, -1, 2, 0, 0, 3, -2}), {2, 4, 1}));
  expect_rows(vmap([](const Tensor& t, const Tensor& i) { return gather(t, i); }), x, argsort(x.slice(2, 0, 4)));
}

TEST(VmapComposites, RandomNumbersAndCells) {
  const Tensor x = numbers({3, 4, 5});
  const Key key(3);
  // Every example has the same mask and the same noise.
  expect_rows([&](const Tensor& t) { return dropout(t, 0.5, fold_in(key, 1)); }, x);
  expect_rows([&](const Tensor& t) { return categorical(fold_in(key, 2), t); }, x);
  const auto cell = nn::GruCell::init(5, 4, Key(4));
  expect_rows_and_gradients([&](const Tensor& t) { return cell(t, zeros({4, 4})); }, x);
}

}  // namespace
}  // namespace duet
