// ONNX's losses over classes and its quantised products, made of duet's operations.
//   N batch   C classes   … further axes
#include "duet/ops/along.h"
#include "duet/ops/create.h"
#include "duet/ops/index.h"
#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/normalise.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/rearrange.h"
#include "duet/ops/reduce.h"
#include "io/onnx_ops.h"

namespace duet::onnx {
namespace {

// −weight[label]·log p[label], and their mean by weight, sum, or each: log p f32[N,C,…], labels i64[N,…].
Tensor negative_log_likelihood(const Call& c, const Tensor& log_p, const Tensor& labels, const Tensor* weight) {
  c.require(log_p.rank() >= 2, "takes [N,C,…]: {}", log_p.spec());
  const bool ignores = c.given("ignore_index");
  const Tensor label = cast(labels, i64), ignored = eq(label, c.integer("ignore_index", 0));
  const Tensor at = ignores ? where(ignored, 0, label) : label;
  Tensor loss = neg(squeeze(take_along_axis(log_p, unsqueeze(at, 1), 1), 1));
  Tensor w = weight != nullptr ? gather(*weight, at) : ones(at.shape(), log_p.dtype());
  if (ignores) w = where(ignored, 0, w);
  loss = loss * w;
  const std::string_view reduction = c.text("reduction", "mean");
  if (reduction == "none") return loss;
  if (reduction == "sum") return sum(loss);
  c.require(reduction == "mean", "reduction '{}' is not supported", reduction);
  return sum(loss) / sum(w);
}
Results nll(const Call& c) { return {negative_log_likelihood(c, c[0], c[1], c.has(2) ? &c[2] : nullptr)}; }
Results softmax_cross_entropy(const Call& c) {
  c.require(c[0].rank() >= 2, "takes [N,C,…]: {}", c[0].spec());
  const Tensor log_p = log_softmax(c[0], 1);
  return {negative_log_likelihood(c, log_p, c[1], c.has(2) ? &c[2] : nullptr), log_p};
}

// Sums of u8 products are exact in f64.
Tensor shifted(const Tensor& x, const Tensor* zero) {
  return zero == nullptr ? cast(x, f64) : cast(x, f64) - cast(zero->numel() == 1 ? reshape(*zero, {}) : *zero, f64);
}
Results matmul_integer(const Call& c) {
  return {cast(matmul(shifted(c[0], c.has(2) ? &c[2] : nullptr), shifted(c[1], c.has(3) ? &c[3] : nullptr)), i32)};
}
Results qlinear_matmul(const Call& c) {
  const Tensor y = matmul(shifted(c[0], &c[2]), shifted(c[3], &c[5]));
  const Tensor scale = cast(reshape(c[1], {}), f64) * cast(reshape(c[4], {}), f64) / cast(reshape(c[6], {}), f64);
  const Tensor q = round(y * scale) + cast(reshape(c[7], {}), f64);
  return {cast(clamp(q, 0, 255), u8)};
}
Results dynamic_quantize(const Call& c) {
  const Tensor lo = minimum(min(c[0]), 0), hi = maximum(max(c[0]), 0);
  const Tensor scale = (hi - lo) / 255;
  const Tensor zero = round(clamp(-lo / scale, 0, 255));
  return {cast(clamp(round(c[0] / scale) + zero, 0, 255), u8), scale, cast(zero, u8)};
}

constexpr OpEntry kOps[] = {
    {"DynamicQuantizeLinear", 1, 1, "", 0, dynamic_quantize},
    {"MatMulInteger", 2, 4, "", 0, matmul_integer},
    {"NegativeLogLikelihoodLoss", 2, 3, "ignore_index reduction", 0, nll},
    {"QLinearMatMul", 8, 8, "", 0, qlinear_matmul},
    {"SoftmaxCrossEntropyLoss", 2, 3, "ignore_index reduction", 0, softmax_cross_entropy},
};

}  // namespace

std::span<const OpEntry> loss_ops() { return kOps; }

}  // namespace duet::onnx
