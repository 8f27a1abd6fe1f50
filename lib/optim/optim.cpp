#include <cmath>

#include "duet/optim/adam.h"

namespace duet::optim::detail {

void check_count(const char* who, size_t parameters, size_t gradients, size_t state) {
  check<ShapeError>(parameters == gradients && parameters == state,
                    "{}: the trees differ: {} parameters, {} gradients, state for {}; init the optimiser from this model", who,
                    parameters, gradients, state);
}

void sgd_step(Tensor& p, const Tensor& g, Tensor* velocity, const Operand& lr, double momentum) {
  if (velocity == nullptr) {
    p = sub(Operand(std::move(p)), mul(g, lr));
    return;
  }
  *velocity = add(mul(Operand(std::move(*velocity)), momentum), g);
  p = sub(Operand(std::move(p)), mul(*velocity, lr));
}

Tensor bias_correction(const Tensor& step, double beta) {
  return neg(expm1(mul(step, Operand::constant(std::log(beta)))));
}

void adam_step(Tensor& p, const Tensor& g, Tensor& m, Tensor& v, const Operand& lr, double beta1, double beta2, double epsilon,
               const Tensor& c1, const Tensor& c2) {
  Outputs y = dispatch(op<AdamUpdate>(), {Operand(p), Operand(g), Operand(m), Operand(v), lr, Operand(beta1), Operand(1 - beta1),
                                          Operand(beta2), Operand(1 - beta2), Operand(epsilon), Operand(c1), Operand(c2)});
  p = std::move(y[0]);
  m = std::move(y[1]);
  v = std::move(y[2]);
}

}  // namespace duet::optim::detail
