// Functions of neural networks.
#include "golden/cases.h"

namespace duet::golden {

Cases neural_cases() {
  Cases cases;
  auto softmax_along = [](int axis) { return [axis](const Tensors& x) { return softmax(x[0], axis); }; };
  cases("softmax", {"last", "large", "masked"}, softmax_along(-1), kSums);
  cases("softmax", {"first"}, softmax_along(0), kSums);
  cases("softmax", {"middle"}, softmax_along(1), kSums);
  auto log_softmax_along = [](int axis) { return [axis](const Tensors& x) { return log_softmax(x[0], axis); }; };
  cases("log_softmax", {"last", "large", "masked"}, log_softmax_along(-1), kSums);
  cases("log_softmax", {"first"}, log_softmax_along(0), kSums);
  cases("log_softmax", {"middle"}, log_softmax_along(1), kSums);
  cases("cross_entropy", {"batch", "sequence", "sure"}, call(cross_entropy), kSums);
  cases("mse", {"same", "broadcast"}, call(mse), kSums);
  cases(
      "layer_norm", {"rows"}, [](const Tensors& x) { return layer_norm(x[0], x[1], x[2]); }, kSums);
  cases(
      "layer_norm", {"rank3"}, [](const Tensors& x) { return layer_norm(x[0], x[1], x[2], 0.01); }, kSums);
  cases("binary_cross_entropy", {"soft", "hard", "far"}, call(binary_cross_entropy), kSums);
  cases(
      "huber", {"one"}, [](const Tensors& x) { return huber(x[0], x[1]); }, kSums);
  cases(
      "huber", {"half"}, [](const Tensors& x) { return huber(x[0], x[1], 0.5); }, kSums);
  cases(
      "rms_norm", {"rows"}, [](const Tensors& x) { return rms_norm(x[0], x[1]); }, kSums);
  cases(
      "rms_norm", {"rank3"}, [](const Tensors& x) { return rms_norm(x[0], x[1], 0.01); }, kSums);
  cases(
      "group_norm", {"images"}, [](const Tensors& x) { return group_norm(x[0], 2, x[1], x[2]); }, kSums);
  cases(
      "group_norm", {"one"}, [](const Tensors& x) { return group_norm(x[0], 1, x[1], x[2], 0.01); }, kSums);
  cases(
      "group_norm", {"each"}, [](const Tensors& x) { return group_norm(x[0], 3, x[1], x[2]); }, kSums);
  auto normalised = [](double eps) {
    return [eps](const Tensors& x) { return batch_norm(x[0], x[1], x[2], x[3], x[4], eps); };
  };
  cases("batch_norm", {"features", "images"}, normalised(1e-5), kSums);
  cases("batch_norm", {"eps"}, normalised(0.01), kSums);
  cases(
      "batch_norm", {"training"},
      [](const Tensors& x) {
        auto [mean, variance] = batch_statistics(x[0]);
        return batch_norm(x[0], x[1], x[2], mean, variance);
      },
      kSums);
  cases(
      "batch_statistics", {"images"},
      [](const Tensors& x) -> Tensors {
        auto [mean, variance] = batch_statistics(x[0]);
        return {mean, variance};
      },
      kSums);
  cases(
      "batch_statistics", {"variance"}, [](const Tensors& x) { return batch_statistics(x[0]).variance; }, kSums);

  auto convolved = [](Conv2dOptions o) { return [o](const Tensors& x) { return conv2d(x[0], x[1], o); }; };
  cases("conv2d", {"plain", "one_by_one"}, convolved({}), kSums);
  cases("conv2d", {"padded"}, convolved({.padding = 1}), kSums);
  cases("conv2d", {"strided"}, convolved({.stride = 2}), kSums);
  cases("conv2d", {"dilated"}, convolved({.padding = 1, .dilation = 2}), kSums);
  cases("conv2d", {"grouped"}, convolved({.groups = 2}), kSums);
  cases("conv2d", {"depthwise"}, convolved({.stride = 2, .padding = 1, .groups = 3}), kSums);
  cases(
      "unfold", {"padded"},
      [](const Tensors& x) {
        return reshape(unfold(x[0], {2, 3}, {.padding = 1}), {2, 2, 3, 2, 4, 4});  // the kernel's axes apart
      },
      kSums);
  cases(
      "max_pool2d", {"two"}, [](const Tensors& x) { return max_pool2d(x[0], 2); }, kSums);
  cases(
      "max_pool2d", {"overlapping"}, [](const Tensors& x) { return max_pool2d(x[0], 3, {.stride = 2, .padding = 1}); },
      kSums);
  cases(
      "avg_pool2d", {"two"}, [](const Tensors& x) { return avg_pool2d(x[0], 2); }, kSums);
  cases(
      "avg_pool2d", {"overlapping"}, [](const Tensors& x) { return avg_pool2d(x[0], 3, {.stride = 2}); }, kSums);
  cases(
      "avg_pool2d", {"padded"}, [](const Tensors& x) { return avg_pool2d(x[0], 2, {.stride = 1, .padding = 1}); },
      kSums);

  auto attending = [](AttentionOptions o) { return [o](const Tensors& x) { return attention(x[0], x[1], x[2], o); }; };
  cases("attention", {"plain", "batch_and_heads", "wide_values"}, attending({}), kSums);
  cases("attention", {"scale"}, attending({.scale = 0.3}), kSums);
  cases("attention", {"causal"}, attending({.causal = true}), kSums);
  cases(
      "attention", {"mask", "added_mask", "blind"},
      [](const Tensors& x) { return attention(x[0], x[1], x[2], {.mask = x[3]}); }, kSums);
  return cases;
}

namespace {

TEST(GoldenNeural, AgreesWithPyTorch) { check_family("neural", neural_cases()); }

}  // namespace
}  // namespace duet::golden
