#include "duet/nn/conv.h"

#include <cmath>

#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "ops/operands.h"

namespace duet::nn {

Conv2d Conv2d::init(int64_t in, int64_t out, Size2 kernel, const Key& key, const Conv2dOptions& options,
                    std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(in > 0 && out > 0 && kernel.h > 0 && kernel.w > 0,
                    "Conv2d: {} channels in, {} out, a kernel of {}x{} make no layer; sizes must be positive", in, out,
                    kernel.h, kernel.w);
  check<ShapeError>(options.groups > 0 && in % options.groups == 0 && out % options.groups == 0,
                    "Conv2d: {} groups do not divide {} channels in and {} out; give a divisor of both", options.groups,
                    in, out);
  const int64_t each = in / options.groups;
  const Shape shape{out, each, kernel.h, kernel.w};
  checked_numel(shape, f32);  // so that no product of extents overflows
  const double bound = 1 / std::sqrt(static_cast<double>(each * kernel.h * kernel.w));
  const auto [k1, k2] = split<2>(key);
  return {uniform(k1, shape, -bound, bound), uniform(k2, {out}, -bound, bound), options};
}

Tensor Conv2d::operator()(const Operand& x) const {
  LineScope scope(x.line());
  const Tensor y = conv2d(x, weight, options);
  const Tensor& b = checked_tensor("Conv2d", bias, "bias");
  const int64_t channels = weight.shape(0);
  check<ShapeError>(b.shape() == Shape{channels}, "Conv2d: the bias is {} for {}; it must be [{}]", b.spec(), y.spec(),
                    channels);
  return y + reshape(b, {channels, 1, 1});
}

}  // namespace duet::nn
