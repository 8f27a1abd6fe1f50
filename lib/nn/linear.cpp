#include "duet/nn/linear.h"

#include <cmath>

#include "duet/ops/create.h"
#include "duet/ops/matmul.h"

namespace duet::nn {

Linear Linear::init(int64_t in, int64_t out, const Key& key, std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(in > 0 && out >= 0, "Linear: {} inputs and {} outputs make no layer; sizes must be positive", in,
                    out);
  double bound = 1 / std::sqrt(static_cast<double>(in));
  auto [k1, k2] = split<2>(key);
  return {uniform(k1, {in, out}, -bound, bound), uniform(k2, {out}, -bound, bound)};
}

Tensor Linear::operator()(const Operand& x) const { return linear(x, weight, bias); }

}  // namespace duet::nn
