#include "case.h"

namespace bench {

const std::vector<Case>& cases() {
  // Bars are ratios to the best peer of the same run; one thread, and two where a second set stands.
  static const std::vector<Case> all = {
      {"chain/1K", "chain", {1 << 10}, {100}, make_chain, {.frozen = 0.15}},
      {"chain/64K", "chain", {1 << 16}, {1000}, make_chain, {.frozen = 0.5}},
      {"chain/1M", "chain", {1 << 20}, {1001}, make_chain, {.frozen = 1}},
      {"chain/16M", "chain", {1 << 24}, {5000}, make_chain, {.frozen = 0.85}, {.frozen = 0.85}},
      {"sigmoid_tanh_log/1M", "transcendental", {1 << 20}, {1000}, make_transcendental, {.frozen = 0.85}},
      {"bias_gelu_tanh", "gelu_tanh", {1024, 4096}, {5, 33}, make_gelu_tanh, {.frozen = 0.75}},
      {"bias_gelu_erf", "gelu_erf", {1024, 4096}, {5, 33}, make_gelu_erf, {.frozen = 0.75}},
      {"cross_entropy/64x10", "cross_entropy", {64, 10}, {3, 5}, make_cross_entropy, {.frozen = 0.15}},
      {"cross_entropy/4096x1024", "cross_entropy", {4096, 1024}, {9, 33}, make_cross_entropy, {.frozen = 0.45}},
      {"layer_norm", "layer_norm", {4096, 768}, {5, 33}, make_layer_norm, {.frozen = 0.9}},
      {"layer_norm_gradient", "layer_norm_gradient", {4096, 768}, {5, 33}, make_layer_norm_gradient, {.frozen = 0.7}},
      {"mlp/1", "mlp", {1}, {1}, make_mlp, {.frozen = 0.95, .eager = 1}, {.frozen = 1, .eager = 1}},
      {"mlp/64", "mlp", {64}, {2}, make_mlp, {.frozen = 0.96, .eager = 1}, {.frozen = 1, .eager = 1}},
      {"mlp/1024", "mlp", {1024}, {3}, make_mlp, {.frozen = 0.94, .eager = 1}, {.frozen = 1, .eager = 1}},
      {"mlp_sgd/64", "mlp_sgd", {64}, {3}, make_mlp_sgd, {.frozen = 0.84, .eager = 1}},
      {"mlp_sgd/1024", "mlp_sgd", {1024}, {5}, make_mlp_sgd, {.frozen = 0.92, .eager = 1, .memory = 0.6}},
      {"mlp_adam/64", "mlp_adam", {64}, {3}, make_mlp_adam, {.frozen = 0.78, .eager = 1}},
      {"mlp_adam/1024", "mlp_adam", {1024}, {5}, make_mlp_adam, {.frozen = 0.88, .eager = 1}},
      {"wide_sgd/256", "wide_sgd", {256, 1024}, {3, 17}, make_wide_sgd, {.frozen = 0.87}},
      {"adamw/4M", "adamw", {4 << 20}, {1000}, make_adamw, {.frozen = 1}},
      {"digits_adam/1", "digits_adam", {1}, {1}, make_digits, {.frozen = 0.2}},
      {"digits_adam/32", "digits_adam", {32}, {2}, make_digits, {.frozen = 0.4}},
      {"digits_adam/64", "digits_adam", {64}, {3}, make_digits, {.frozen = 0.5}},
      {"transformer", "transformer", {16, 64}, {2, 5}, make_transformer, {.frozen = 1}},
      {"conv", "conv", {32}, {3}, make_conv, {.frozen = 1}},
      {"add/1", "add", {1}, {1}, make_add, {.eager = 0.12}},
      {"add/1024", "add", {1024}, {100}, make_add, {.eager = 0.2}},
      {"scalar_chain/60", "scalar_chain", {60}, {6}, make_scalar_chain, {.eager = 0.05}},
      {"first_call", "first_call", {32}, {2}, make_first_call, {.first_ms = 1}},
  };
  return all;
}

double error_against(const std::vector<Tensor>& x, const std::vector<Tensor>& exact) {
  std::vector<std::pair<double, double>> all;  // error and largest element of each tensor
  double largest = 0;
  for (size_t i = 0; i < std::min(x.size(), exact.size()); ++i) {
    if (!x[i].defined() || x[i].dtype() != f32) continue;
    const auto a = x[i].to_vector<float>();
    const auto b = exact[i].to(f64).to_vector<double>();
    double difference = 0, scale = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      difference = std::max(difference, std::abs(static_cast<double>(a[k]) - b[k]));
      scale = std::max(scale, std::abs(b[k]));
    }
    all.emplace_back(difference, scale);
    largest = std::max(largest, scale);
  }
  double worst = 0;
  for (const auto& [difference, scale] : all)
    if (difference > 0) worst = std::max(worst, difference / std::max(scale, largest * 1e-3));
  return worst;
}

}  // namespace bench
