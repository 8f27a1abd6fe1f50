// Functions of neural networks.
#pragma once

#include "golden/golden.h"

namespace duet::golden {

inline Cases neural_cases() {
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
  return cases;
}

}  // namespace duet::golden
