#include "duet/nn/gru.h"

#include <cmath>

#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "ops/operands.h"

namespace duet::nn {

GruCell GruCell::init(int64_t in, int64_t hidden, const Key& key, std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(in > 0 && hidden > 0,
                    "GruCell: {} inputs and {} hidden units make no layer; sizes must be positive", in, hidden);
  int64_t gates = 0;
  check<ShapeError>(!__builtin_mul_overflow(hidden, 3, &gates), "GruCell: {} hidden units are too many; give fewer",
                    hidden);
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const auto keys = split<4>(key);
  return {{uniform(keys[0], {in, gates}, -bound, bound), uniform(keys[1], {gates}, -bound, bound)},
          {uniform(keys[2], {hidden, gates}, -bound, bound), uniform(keys[3], {gates}, -bound, bound)}};
}

Tensor GruCell::operator()(const Operand& x, const Operand& h) const {
  LineScope scope(x.line());
  const Tensor& state = floating("GruCell", h, "state");
  const int64_t n = hidden.weight.shape(0);
  check<ShapeError>(state.rank() > 0 && state.shape(-1) == n, "GruCell: the state is {}; its last axis must be {}",
                    state.spec(), n);
  const Tensor i = input(x), k = hidden(state);
  auto third = [n](const Tensor& t, int64_t which) { return slice_axis(t, -1, which * n, (which + 1) * n); };
  const Tensor r = sigmoid(third(i, 0) + third(k, 0)), z = sigmoid(third(i, 1) + third(k, 1));
  const Tensor candidate = tanh(third(i, 2) + r * third(k, 2));
  return candidate + z * (state - candidate);
}

}  // namespace duet::nn
