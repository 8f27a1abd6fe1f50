#include "duet/nn/norm.h"

#include "duet/ops/create.h"
#include "duet/ops/movement.h"
#include "duet/ops/normalise.h"
#include "duet/ops/pointwise.h"

namespace duet::nn {

void detail::check_buffer(size_t i, const Tensor& value, const Tensor& place) {
  auto text = [](const Tensor& t) { return t.defined() ? to_string(t.spec()) : "empty"; };
  check<ShapeError>(value.defined() && place.defined() && value.spec() == place.spec(),
                    "set_buffers: buffer {} is {}, {} is given; take the buffers of the same model", i + 1, text(place),
                    text(value));
}

void detail::check_count(size_t values, size_t places) {
  check<ShapeError>(values == places, "set_buffers: {} buffers for a model with {}; take the buffers of the same model",
                    values, places);
}

namespace {

void check_size(const char* layer, const char* what, int64_t n) {
  check<ShapeError>(n > 0, "{}: {} {} make no layer; sizes must be positive", layer, n, what);
}

double eps_of(float eps) { return static_cast<double>(eps); }

/// old + momentum·(seen − old)
Tensor moved(const Tensor& old, const Tensor& seen, float momentum) {
  return old + (stop_gradient(seen) - old) * momentum;
}

}  // namespace

LayerNorm LayerNorm::init(int64_t features, std::source_location line) {
  LineScope scope(line);
  check_size("LayerNorm", "features", features);
  return {ones({features}), zeros({features})};
}
Tensor LayerNorm::operator()(const Operand& x) const { return layer_norm(x, weight, bias, eps_of(eps)); }

RMSNorm RMSNorm::init(int64_t features, std::source_location line) {
  LineScope scope(line);
  check_size("RMSNorm", "features", features);
  return {ones({features})};
}
Tensor RMSNorm::operator()(const Operand& x) const { return rms_norm(x, weight, eps_of(eps)); }

GroupNorm GroupNorm::init(int64_t groups, int64_t channels, std::source_location line) {
  LineScope scope(line);
  check_size("GroupNorm", "channels", channels);
  check<ShapeError>(groups > 0 && channels % groups == 0,
                    "GroupNorm: {} groups do not divide {} channels; give a divisor", groups, channels);
  return {ones({channels}), zeros({channels}), groups};
}
Tensor GroupNorm::operator()(const Operand& x) const { return group_norm(x, groups, weight, bias, eps_of(eps)); }

BatchNorm BatchNorm::init(int64_t channels, std::source_location line) {
  LineScope scope(line);
  check_size("BatchNorm", "channels", channels);
  return {ones({channels}), zeros({channels}), {zeros({channels})}, {ones({channels})}};
}
Tensor BatchNorm::operator()(const Operand& x) const {
  return batch_norm(x, weight, bias, running_mean.value, running_var.value, eps_of(eps));
}
Tensor BatchNorm::train(const Operand& x) {
  LineScope scope(x.line());
  const BatchStatistics seen = batch_statistics(x);
  const Tensor& t = x.tensor();
  const auto n = static_cast<double>(t.shape()[1] > 0 ? t.numel() / t.shape()[1] : 0);
  check<ShapeError>(n > 1, "BatchNorm: the variance of {} a channel is not known: {}; train on larger batches",
                    n > 0 ? "one element" : "no elements", t.spec());
  Tensor y = batch_norm(t, weight, bias, seen.mean, seen.variance, eps_of(eps));
  Tensor next_mean = moved(running_mean.value, seen.mean, momentum);
  Tensor next_var = moved(running_var.value, mul(seen.variance, Operand::constant(n / (n - 1))), momentum);
  running_mean.value = std::move(next_mean);  // nothing can fail from here on
  running_var.value = std::move(next_var);
  return y;
}

}  // namespace duet::nn
