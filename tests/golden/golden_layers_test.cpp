// Layers: their parameters are inputs of a case, in the order of their fields.
#include "golden/cases.h"

namespace duet::golden {

inline nn::MultiHeadAttention heads_of(const Tensors& x, size_t first, bool causal) {
  auto linear = [&](size_t i) { return nn::Linear{x[first + 2 * i], x[first + 2 * i + 1]}; };
  return {linear(0), linear(1), linear(2), linear(3), 2, causal};
}

Cases layers_cases() {
  Cases cases;
  cases(
      "Linear", {"batch"},
      [](const Tensors& x) {
        return nn::Linear{x[1], x[2]}(x[0]);
      },
      kSums);
  cases(
      "LayerNorm", {"default"},
      [](const Tensors& x) {
        return nn::LayerNorm{x[1], x[2]}(x[0]);
      },
      kSums);
  cases(
      "RMSNorm", {"default"}, [](const Tensors& x) { return nn::RMSNorm{x[1]}(x[0]); }, kSums);
  cases(
      "GroupNorm", {"two"},
      [](const Tensors& x) {
        return nn::GroupNorm{x[1], x[2], 2}(x[0]);
      },
      kSums);
  cases(
      "BatchNorm", {"train_features", "train_images"},
      [](const Tensors& x) -> Tensors {
        nn::BatchNorm layer{x[1], x[2], {x[3]}, {x[4]}};
        Tensor y = layer.train(x[0]);
        return {y, layer.running_mean.value, layer.running_var.value};
      },
      kSums);
  // PyTorch's running statistics have no gradient: neither have they here.
  cases(
      "BatchNorm", {"eval_features", "eval_images"},
      [](const Tensors& x) {
        return nn::BatchNorm{x[1], x[2], {stop_gradient(x[3])}, {stop_gradient(x[4])}}(x[0]);
      },
      kSums);
  cases(
      "Conv2d", {"plain"},
      [](const Tensors& x) {
        return nn::Conv2d{x[1], x[2]}(x[0]);
      },
      kSums);
  cases(
      "Conv2d", {"options"},
      [](const Tensors& x) {
        return nn::Conv2d{x[1], x[2], {.stride = 2, .padding = 2, .dilation = 2, .groups = 2}}(x[0]);
      },
      kSums);
  Tolerance heads = kSums;
  heads.at_least = 4;
  heads.why = "sums; and a number added to all keys moves no score of a query against another: its gradients are 0";
  cases(
      "MultiHeadAttention", {"two_heads"}, [](const Tensors& x) { return heads_of(x, 1, false)(x[0]); }, heads);
  cases(
      "MultiHeadAttention", {"causal"}, [](const Tensors& x) { return heads_of(x, 1, true)(x[0]); }, heads);
  cases(
      "MultiHeadAttention", {"to_memory"}, [](const Tensors& x) { return heads_of(x, 2, false).attend(x[0], x[1]); },
      heads);
  cases(
      "Embedding", {"batch"}, [](const Tensors& x) { return nn::Embedding{x[0]}(x[1]); }, kSums);
  cases(
      "GruCell", {"batch"},
      [](const Tensors& x) {
        return nn::GruCell{{x[2], x[3]}, {x[4], x[5]}}(x[0], x[1]);
      },
      kSums);
  return cases;
}

namespace {

TEST(GoldenLayers, AgreesWithPyTorch) { check_family("layers", layers_cases()); }

}  // namespace
}  // namespace duet::golden
