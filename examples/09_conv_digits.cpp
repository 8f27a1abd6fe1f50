// You learn: a convolutional net on real digits. Layers with state of their own (batch normalisation), randomness
// inside of a step (dropout, shifted images) by keys, and one training step that lives three lives with the same bits.
//   B batch   an image is f32[1,8,8]
#include <duet/duet.h>
#include <fmt/core.h>

#include "lesson.h"

using namespace duet;

struct Net {  // a tree: kernels and weights are parameters, running statistics are buffers, sizes are configuration
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
};

// f32[B,1,8,8] -> f32[B,10]; const: the layers are used as they are.
Tensor forward(const Net& m, const Tensor& images) {
  Tensor x = relu(m.norm1(m.conv1(images)));               // f32[B,16,8,8]
  x = max_pool2d(relu(m.norm2(m.conv2(x))), 2);            // f32[B,32,4,4]
  return m.out(m.drop(x.reshape({images.shape(0), -1})));  // without a key nothing is dropped
}

// The same, training: norms take the statistics of the batch and move their running ones, so m is not const.
Tensor forward(Net& m, const Tensor& images, const Key& key) {
  Tensor x = relu(m.norm1.train(m.conv1(images)));
  x = max_pool2d(relu(m.norm2.train(m.conv2(x))), 2);
  return m.out(m.drop(x.reshape({images.shape(0), -1}), key));
}

// The batch, moved by up to one pixel in any direction: a training set nine times as large.
Tensor shifted(const Tensor& images, const Key& key) {
  const Tensor by = (uniform(key, {2}) * 3).to(i32), places = arange(8, i32);  // 0, 1 or 2
  const Tensor framed = pad(images, {{0, 0}, {0, 0}, {1, 1}, {1, 1}});         // f32[B,1,10,10]
  return gather(gather(framed, places + by[0], 2), places + by[1], 3);
}

// The loss, and beside it what the norms counted: value_and_grad hands the second on untouched.
std::pair<Tensor, std::vector<Buffer>> loss(Net& m, const Tensor& x, const Tensor& y, const Key& key) {
  auto [k1, k2] = split<2>(key);
  Tensor l = cross_entropy(forward(m, shifted(x, k1), k2), y);
  return {l, nn::buffers(m)};
}

Tensor train_step(Net& m, optim::Adam& adam, const Tensor& x, const Tensor& y, const Key& key, float lr) {
  auto [l, g] = value_and_grad(loss)(m, x, y, key);
  adam.update(m, g, lr);
  nn::set_buffers(m, l.second);
  return l.first;
}

double accuracy(const Net& m, const data::Images& images) {
  return mean(argmax(forward(m, images.x), -1) == images.y).item<double>();
}

int main() try {
  const bool small = small_size();
  data::TrainTest digits = data::load_idx(DUET_DIGITS);
  for (data::Images* part : {&digits.train, &digits.test}) part->x = part->x.reshape({-1, 1, 8, 8});
  auto [init_key, data_key, step_key] = split<3>(Key(1));
  const Net start = Net::init(init_key);

  // Three lives of the same step, each for a few batches from the same start.
  std::vector<std::string> hashes;
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    Net m = start;
    optim::Adam adam = optim::Adam::init(m);
    auto step = with_mode(mode, &train_step);
    Work work{};
    for (int64_t i = 0; i < 4; ++i) {
      auto [x, y] = digits.train.batches(32).at(i);
      work = work_of([&] { step(m, adam, x, y, fold_in(step_key, i), 3e-3f); });
    }
    hashes.push_back(bits_hash(m));
    fmt::print("{:8} {} after 4 steps; {} kernels a step\n", name(mode), hashes.back(), work.kernels);
  }
  expect(hashes[0] == hashes[1] && hashes[1] == hashes[2], "weights and statistics have one hash in three modes");

  // Training, compiled; the learning rate falls in half a cosine wave.
  Net m = start;
  optim::Adam adam = optim::Adam::init(m);
  auto step = compile(&train_step);
  const int64_t epochs = small ? 1 : 12, steps = epochs * digits.train.batches(32).size();
  int64_t done = 0;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    double sum = 0;
    for (const auto& [x, y] : digits.train.batches(32, fold_in(data_key, epoch))) {
      const float lr = optim::warmup_cosine(done, 3e-3f, 0, steps);
      sum += step(m, adam, x, y, fold_in(step_key, done++), lr).item<double>() * static_cast<double>(x.shape(0));
    }
    fmt::print("epoch {:2}: loss {:.4f}, test accuracy {:.4f}\n", epoch + 1,
               sum / static_cast<double>(digits.train.x.shape(0)), accuracy(m, digits.test));
  }
  // An MLP stays near 0.92 (04_mlp): the test set was written by other people.
  expect(accuracy(m, digits.test) >= (small ? 0.8 : 0.96), "the net reads the digits");
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
