// Programs without a matmul or a reduction: bound by memory, by a formula or, when they are small, by the call itself.
#include "../case.h"

namespace bench {

std::unique_ptr<Program> make_chain(const Sizes& s) {
  auto [k1, k2] = split<2>(Key(1));
  return lives(
      {4.0 * double(s[0]), 12.0 * double(s[0])},
      [](const Tensor& x, const Tensor& y) { return ((x + y) * x - y) * 2.0f + 1.0f; }, normal(k1, {s[0]}),
      normal(k2, {s[0]}));
}

std::unique_ptr<Program> make_transcendental(const Sizes& s) {
  return lives(
      {0, 8.0 * double(s[0])}, [](const Tensor& x) { return sigmoid(x) + tanh(x) + log(x); },
      abs(normal(Key(1), {s[0]})) + 0.1f);
}

namespace {

template <class F>
std::unique_ptr<Program> bias_gelu(const Sizes& s, F f) {
  auto [k1, k2] = split<2>(Key(1));
  return lives({0, 8.0 * double(s[0] * s[1])}, f, normal(k1, {s[0], s[1]}), normal(k2, {s[1]}));
}

}  // namespace

std::unique_ptr<Program> make_gelu_tanh(const Sizes& s) {
  return bias_gelu(s, [](const Tensor& x, const Tensor& b) { return gelu_tanh(x + b); });
}
std::unique_ptr<Program> make_gelu_erf(const Sizes& s) {
  return bias_gelu(s, [](const Tensor& x, const Tensor& b) { return gelu(x + b); });
}

// Parameter, gradient and both moments are read, all but the gradient written.
std::unique_ptr<Program> make_adamw(const Sizes& s) {
  auto [k1, k2] = split<2>(Key(1));
  const std::vector<Tensor> model{normal(k1, {s[0]})};
  auto step = [](std::vector<Tensor>& m, optim::AdamW& adamw, const std::vector<Tensor>& g, float lr) {
    adamw.update(m, g, lr);
    return adamw.step;
  };
  return lives({0, 28.0 * double(s[0]), 16.0 * double(s[0])}, step, model, optim::AdamW::init(model),
               std::vector<Tensor>{normal(k2, {s[0]})}, 1e-3f);
}

std::unique_ptr<Program> make_add(const Sizes& s) {
  return lives(
      {double(s[0]), 12.0 * double(s[0])}, [](const Tensor& a, const Tensor& b) { return a + b; }, ones({s[0]}),
      ones({s[0]}));
}

// Operations on single numbers and their gradients: nothing but what an operation costs.
std::unique_ptr<Program> make_scalar_chain(const Sizes& s) {
  auto chain = [n = s[0]](const Tensor& x) {
    Tensor y = x;
    for (int64_t i = 0; i < n / 2; ++i) y = y * 0.9f + x;
    return y;
  };
  return lives(
      {2.0 * double(s[0]), 8}, [chain](const Tensor& x) { return value_and_grad(chain)(x); }, ones({1}));
}

}  // namespace bench
