// Losses and normalisations over rows, with their gradients.
#include "../case.h"

namespace bench {

std::unique_ptr<Program> make_cross_entropy(const Sizes& s) {
  auto [k1, k2] = split<2>(Key(1));
  auto f = [](const Tensor& x, const Tensor& y) {
    return value_and_grad([&y](const Tensor& logits) { return cross_entropy(logits, y); })(x);
  };
  return lives({0, 8.0 * double(s[0] * s[1])}, f, normal(k1, {s[0], s[1]}),
               (uniform(k2, {s[0]}) * float(s[1])).to(i32));
}

std::unique_ptr<Program> make_layer_norm(const Sizes& s) {
  auto [k1, k2, k3] = split<3>(Key(1));
  auto f = [](const Tensor& x, const Tensor& g, const Tensor& b) { return layer_norm(x, g, b); };
  return lives({0, 8.0 * double(s[0] * s[1])}, f, normal(k1, {s[0], s[1]}), normal(k2, {s[1]}), normal(k3, {s[1]}));
}

// The result and three gradients: x and the result's gradient are read, the result and x's gradient written.
std::unique_ptr<Program> make_layer_norm_gradient(const Sizes& s) {
  auto [k1, k2, k3, k4] = split<4>(Key(1));
  auto f = [](const Tensor& x, const Tensor& g, const Tensor& b, const Tensor& dy) {
    auto norm = [](const Tensor& x1, const Tensor& g1, const Tensor& b1) { return layer_norm(x1, g1, b1); };
    auto [y, pullback] = vjp(norm, x, g, b);
    return std::pair(y, pullback(dy));
  };
  return lives({0, 16.0 * double(s[0] * s[1])}, f, normal(k1, {s[0], s[1]}), normal(k2, {s[1]}), normal(k3, {s[1]}),
               normal(k4, {s[0], s[1]}));
}

}  // namespace bench
