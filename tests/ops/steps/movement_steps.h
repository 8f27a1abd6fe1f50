// Movements and indices in random programs.
#pragma once

#include "ops/random_program.h"

namespace duet::testing {

/// x with a number around it: zeros, or one that differs from call to call.
inline std::optional<Tensor> pad_step(Program& p, const Tensor& x) {
  std::vector<std::pair<int64_t, int64_t>> pairs;
  int64_t n = 1;
  for (int64_t d : x.shape()) {
    pairs.emplace_back(below(p.rng(), 3), below(p.rng(), 2));
    n *= d + pairs.back().first + pairs.back().second;
  }
  if (n > p.style().max_numel) return std::nullopt;
  return is_float(x.dtype()) && p.chance(2) ? pad(x, pairs, p.s1()) : pad(x, pairs);
}

inline std::optional<Tensor> triangle_step(Program& p, const Tensor& x) {
  if (x.rank() < 2) return std::nullopt;
  const int k = below(p.rng(), 5) - 2;
  return p.chance(2) ? tril(x, k) : triu(x, k);
}

inline std::optional<Tensor> windows_step(Program& p, const Tensor& x) {
  if (x.rank() < 2 || x.rank() > 4 || x.shape(-1) == 0 || x.shape(-2) == 0) return std::nullopt;
  const int64_t kh = 1 + below(p.rng(), std::min<int64_t>(3, x.shape(-2)));
  const int64_t kw = 1 + below(p.rng(), std::min<int64_t>(3, x.shape(-1)));
  if (x.numel() * kh * kw > p.style().max_numel) return std::nullopt;
  const int64_t dilation = 1 + (kh == 1 && 2 * (kw - 1) < x.shape(-1) ? below(p.rng(), 2) : 0);
  Tensor y = windows(x, kh, kw, 1 + below(p.rng(), 2), 1 + below(p.rng(), 3), 1, dilation);
  // As a convolution reads them: places last, or first, in a matrix.
  if (p.chance(2)) y = reshape(y, {-1, kh * kw});
  return p.chance(3) ? transpose(y) : y;
}

inline std::optional<Tensor> along_step(Program& p, const Tensor& x) {
  if (x.rank() == 0 || x.numel() == 0 || x.dtype() == boolean) return std::nullopt;
  const int a = p.axis(x);
  const Tensor index = argmax(x, a, true);  // one position of each line, at a place that the data decide
  if (p.chance(2)) return take_along_axis(x, index, a);
  const Tensor first = x.slice(a, 0, 1);
  return scatter_add_along_axis(x, p.chance(2) ? concat({index, index}, a) : index, first, a);
}

inline std::optional<Tensor> rearrange_step(Program& p, const Tensor& x) {
  switch (below(p.rng(), 4)) {
    case 0:
      return squeeze(x);
    case 1:
      if (x.rank() >= 5) return std::nullopt;
      return unsqueeze(x, below(p.rng(), x.rank() + 1));
    case 2:
      if (x.rank() == 0 || x.shape(0) == 0) return std::nullopt;
      return squeeze(x.slice(0, 0, 1), 0);
    default:
      if (x.rank() >= 5 || 2 * x.numel() > p.style().max_numel) return std::nullopt;
      return stack({x, x}, below(p.rng(), x.rank() + 1) - (p.chance(2) ? x.rank() + 1 : 0));
  }
}

inline std::optional<Tensor> order_step(Program& p, const Tensor& x) {
  if (x.rank() == 0) return std::nullopt;
  const int a = p.axis(x);
  switch (below(p.rng(), 3)) {
    case 0:
      return flip(x, a);
    case 1:
      return roll(x, below(p.rng(), 9) - 4, a);
    default:
      if (x.numel() * 6 > p.style().max_numel) return std::nullopt;
      return p.chance(2) ? repeat(x, {1 + below(p.rng(), 3)}) : repeat(x, {2, 1 + below(p.rng(), 3)});
  }
}

/// Part of x replaced: by values of its own, or by some that are computed; x may die here.
inline std::optional<Tensor> update_step(Program& p, const Tensor& x) {
  if (x.rank() == 0 || x.numel() == 0) return std::nullopt;
  const int a = p.axis(x);
  const int64_t extent = x.shape(a);
  const int64_t start = below(p.rng(), extent + 1), count = below(p.rng(), extent - start + 1);
  Tensor part = flip(x, a).slice(a, 0, count);
  if (is_float(x.dtype()) && p.chance(2)) part = part * p.s1();
  return p.chance(3) ? update(x == x, a, start, part > part) : update(x.dtype() == boolean ? x : x + x, a, start, part);
}

inline std::optional<Tensor> pick_step(Program& p, const Tensor& x) {
  if (x.numel() == 0 || x.dtype() == boolean || x.rank() == 0) return std::nullopt;
  const Tensor index = argmax(x, -1);
  if (x.rank() != 2 || p.chance(2)) return take(x, index);
  if (index.numel() * x.shape(0) > p.style().max_numel) return std::nullopt;
  return embedding(transpose(x), index);
}

inline const std::vector<Step> kMovementSteps = {pad_step,   triangle_step,  windows_step, order_step,
                                                 along_step, rearrange_step, update_step,  pick_step};

}  // namespace duet::testing
