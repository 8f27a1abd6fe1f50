// Multi-layer perceptrons: inference, training steps, and what the first training step costs.
//   B batch
#include "../case.h"

namespace bench {
namespace {

struct Mlp {
  std::vector<nn::Linear> layers;

  static Mlp init(const Sizes& widths) {
    Mlp m;
    for (size_t i = 0; i + 1 < widths.size(); ++i)
      m.layers.push_back(nn::Linear::init(widths[i], widths[i + 1], fold_in(Key(7), int64_t(i))));
    return m;
  }
  Tensor operator()(const Tensor& x) const {
    Tensor h = x;
    for (size_t i = 0; i < layers.size(); ++i) h = i + 1 < layers.size() ? relu(layers[i](h)) : layers[i](h);
    return h;
  }
};

Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(m(x), y); }

template <class Optimizer>
Tensor train(Mlp& m, Optimizer& optimizer, const Tensor& x, const Tensor& y, float lr) {
  auto [l, g] = value_and_grad(loss)(m, x, y);
  optimizer.update(m, g, lr);
  return l;
}

const Sizes kMnist = {784, 512, 256, 10}, kDigits = {64, 128, 64, 10};

Tensor images(int64_t batch, const Sizes& widths) { return normal(Key(8), {batch, widths[0]}); }
Tensor labels(int64_t batch) { return (uniform(Key(9), {batch}) * 10.0f).to(i32); }

/// Forward; a step adds the gradients of all weights and of all layers' inputs but the first one's. `touched` is how
/// often each parameter is read or written.
Work work_of(int64_t batch, const Sizes& widths, bool step, double touched) {
  double weights = 0, parameters = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    weights += double(widths[i] * widths[i + 1]);
    parameters += double((widths[i] + 1) * widths[i + 1]);
  }
  const double multiplies = step ? 3 * weights - double(widths[0] * widths[1]) : weights;
  const double x = 4 * double(batch * widths[0]), once = step ? touched / 2 : touched;
  return {2 * double(batch) * multiplies, 4 * touched * parameters + x, 4 * once * parameters + x};
}

template <class Optimizer>
std::unique_ptr<Program> training(int64_t batch, const Sizes& widths, double touched) {
  const Mlp m = Mlp::init(widths);
  return lives(work_of(batch, widths, true, touched), &train<Optimizer>, m, Optimizer::init(m), images(batch, widths),
               labels(batch), 1e-3f);
}

}  // namespace

std::unique_ptr<Program> make_mlp(const Sizes& s) {
  return lives(
      work_of(s[0], kMnist, false, 1), [](const Mlp& m, const Tensor& x) { return m(x); }, Mlp::init(kMnist),
      images(s[0], kMnist));
}
std::unique_ptr<Program> make_mlp_sgd(const Sizes& s) { return training<optim::Sgd>(s[0], kMnist, 2); }
std::unique_ptr<Program> make_mlp_adam(const Sizes& s) { return training<optim::Adam>(s[0], kMnist, 6); }
std::unique_ptr<Program> make_digits(const Sizes& s) { return training<optim::Adam>(s[0], kDigits, 6); }

std::unique_ptr<Program> make_first_call(const Sizes& s) {
  const Mlp m = Mlp::init(kDigits);
  return std::make_unique<FirstCalls<decltype(&train<optim::Adam>), Mlp, optim::Adam, Tensor, Tensor, float>>(
      work_of(s[0], kDigits, true, 6), &train<optim::Adam>, m, optim::Adam::init(m), images(s[0], kDigits),
      labels(s[0]), 1e-3f);
}

// Four square layers without biases, gelu in its tanh form, mean squared error, SGD.
std::unique_ptr<Program> make_wide_sgd(const Sizes& s) {
  using Layers = std::vector<Tensor>;
  auto step = [](Layers& m, optim::Sgd& sgd, const Tensor& x, const Tensor& y, float lr) {
    auto [l, g] = value_and_grad([&](const Layers& weights) {
      Tensor h = x;
      for (const Tensor& w : weights) h = gelu_tanh(matmul(h, w));
      return mse(h, y);
    })(m);
    sgd.update(m, g, lr);
    return l;
  };
  const int64_t batch = s[0], width = s[1];
  Layers m;
  for (int64_t i = 0; i < 4; ++i)
    m.push_back(normal(fold_in(Key(1), i), {width, width}, 0, std::sqrt(2.0 / double(width))));
  const double layer = 2 * double(batch * width * width);
  return lives({11 * layer, 4 * (8 * double(width * width) + 2 * double(batch * width)),
                4 * (4 * double(width * width) + 2 * double(batch * width))},
               step, m, optim::Sgd::init(m), normal(Key(2), {batch, width}), normal(Key(3), {batch, width}), 1e-3f);
}

}  // namespace bench
