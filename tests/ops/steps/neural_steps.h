#pragma once

#include "ops/random_program.h"

namespace duet::testing {

/// x as [N,C,…] with at least two axes.
inline Tensor with_channels(const Tensor& x) { return x.rank() >= 2 ? x : reshape(x, {1, x.numel()}); }

inline std::optional<Tensor> rms_norm_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype()) || x.rank() == 0) return std::nullopt;
  return rms_norm(x, full({x.shape(-1)}, p.s1(), x.dtype()));
}
inline std::optional<Tensor> group_norm_step(Program& p, const Tensor& given) {
  if (!is_float(given.dtype()) || given.numel() == 0) return std::nullopt;
  const Tensor x = with_channels(given);
  const int64_t c = x.shape(1);
  return group_norm(x, p.chance(2) || c % 2 != 0 ? 1 : c / 2, ones({c}, x.dtype()), full({c}, p.s2(), x.dtype()));
}
inline std::optional<Tensor> batch_norm_step(Program& p, const Tensor& given) {
  if (!is_float(given.dtype()) || given.numel() == 0) return std::nullopt;
  const Tensor x = with_channels(given), ones_c = ones({x.shape(1)}, x.dtype());
  const BatchStatistics seen = batch_statistics(x);
  if (p.chance(3)) p.add(seen.variance);
  if (p.chance(3)) return batch_norm(x, ones_c, ones_c * p.s1(), stop_gradient(seen.mean), ones_c);
  return batch_norm(x, ones_c, ones_c * p.s1(), seen.mean, seen.variance);
}
inline std::optional<Tensor> loss_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype())) return std::nullopt;
  const std::optional<Tensor> other = p.partner(x);
  if (!other) return huber(x, p.s1(), 0.5);
  return p.chance(2) ? huber(x, *other) : binary_cross_entropy(x, *other);
}
inline std::optional<Tensor> dropout_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype())) return std::nullopt;
  return dropout(x, 0.25 * below(p.rng(), 4), fold_in(Key(11), below(p.rng(), 1000)));
}
inline std::optional<Tensor> categorical_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype()) || x.rank() == 0) return std::nullopt;
  const int axis = below(p.rng(), x.rank());
  if (x.shape(axis) == 0) return std::nullopt;
  return categorical(fold_in(Key(13), below(p.rng(), 1000)), x, axis);
}
inline std::optional<Tensor> attention_step(Program& p, const Tensor& x) {
  if (!is_float(x.dtype()) || x.rank() < 2 || x.rank() > 4 || x.shape(-2) > 130) return std::nullopt;
  if (x.numel() * x.shape(-2) > 4 * p.style().max_numel) return std::nullopt;
  AttentionOptions options{.causal = p.chance(2)};
  if (p.chance(3)) options.mask = x.shape(-2) % 2 == 0 ? ones({x.shape(-2)}, boolean) : arange(x.shape(-2), x.dtype());
  return attention(x, p.chance(2) ? x : x * p.s1(), x, options);
}

/// x as images of two channels where its size allows.
inline std::optional<Tensor> as_images(const Tensor& x) {
  if (!is_float(x.dtype()) || x.numel() == 0 || x.rank() > 4) return std::nullopt;
  if (x.rank() == 4) return x;
  if (x.rank() == 3) return reshape(x, {1, x.shape(0), x.shape(1), x.shape(2)});
  return x.rank() == 2 ? reshape(x, {1, 1, x.shape(0), x.shape(1)}) : reshape(x, {1, 1, 1, x.numel()});
}
inline std::optional<Tensor> conv_step(Program& p, const Tensor& given) {
  const std::optional<Tensor> x = as_images(given);
  if (!x || x->numel() * 12 > p.style().max_numel || x->shape(1) > 16) return std::nullopt;
  const int64_t c = x->shape(1), groups = p.chance(2) ? c : 1, kh = 1 + below(p.rng(), 2), kw = 1 + below(p.rng(), 3);
  const Tensor w =
      reshape(arange(groups * 2 * c / groups * kh * kw, x->dtype()) * 0.1f - p.s1(), {groups * 2, c / groups, kh, kw});
  const Conv2dOptions options{.stride = {1, 1 + below(p.rng(), 2)}, .padding = {1, 2}, .groups = groups};
  return p.chance(2) ? relu(conv2d(*x, w, options) + p.s2()) : conv2d(*x, w, options);
}
inline std::optional<Tensor> pool_step(Program& p, const Tensor& given) {
  const std::optional<Tensor> x = as_images(given);
  if (!x || x->numel() * 9 > p.style().max_numel) return std::nullopt;
  const Size2 kernel{std::min<int64_t>(2, x->shape(2)), std::min<int64_t>(3, x->shape(3))};
  const PoolOptions options{.stride = 1 + below(p.rng(), 2), .padding = kernel.h == 2 && kernel.w == 3 ? 1 : 0};
  return p.chance(2) ? max_pool2d(*x, kernel, options) : avg_pool2d(*x, kernel, options);
}

inline const std::vector<Step> kNeuralSteps = {rms_norm_step,  group_norm_step, batch_norm_step,
                                               loss_step,      dropout_step,    categorical_step,
                                               attention_step, conv_step,       pool_step};

}  // namespace duet::testing
