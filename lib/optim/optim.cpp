#include <cmath>

#include "duet/optim/adam.h"

namespace duet::optim::detail {

void check_trees(const char* who, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const std::vector<const Tensor*>& state) {
  check<ShapeError>(
      parameters.size() == gradients.size() && parameters.size() == state.size(),
      "{}: the trees differ: {} parameters, {} gradients, state for {}; init the optimiser from this model", who,
      parameters.size(), gradients.size(), state.size());
  auto spec = [](const Tensor& t) { return t.defined() ? to_string(t.spec()) : "empty"; };
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor &p = *parameters[i], &g = *gradients[i], &s = *state[i];
    auto same = [&](const Tensor& t) { return t.defined() && t.dtype() == p.dtype() && t.shape() == p.shape(); };
    if (!same(s) || !same(g))
      fail<ShapeError>(
          "{}: the trees differ: parameter {} is {}, its gradient {}, its state {}; init the optimiser from this model",
          who, i + 1, spec(p), spec(g), spec(s));
  }
}

void check_rate(const char* who, const Operand& lr) {
  if (!lr.is_tensor()) return;
  check<ShapeError>(lr.tensor().defined() && lr.tensor().rank() == 0,
                    "{}: the learning rate must be a number or one element: {}", who,
                    lr.tensor().defined() ? to_string(lr.tensor().spec()) : "empty");
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

void adam_step(Tensor& p, const Tensor& g, Tensor& m, Tensor& v, const Tensor& rate, double beta1, double beta2,
               double epsilon, const Tensor& scale) {
  auto beside_p = [&](const Tensor& t) { return t.dtype() == p.dtype() ? t : cast(t, p.dtype()); };
  const Tensor r = beside_p(rate), s = beside_p(scale);
  Outputs y = dispatch(op<AdamUpdate>(),
                       {Operand(p), Operand(g), Operand(m), Operand(v), Operand(r), Operand(beta1), Operand(1 - beta1),
                        Operand(beta2), Operand(1 - beta2), Operand(epsilon), Operand(s)});
  p = std::move(y[0]);
  m = std::move(y[1]);
  v = std::move(y[2]);
}

}  // namespace duet::optim::detail
