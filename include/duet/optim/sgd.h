// Stochastic gradient descent.
#pragma once

#include "duet/optim/update.h"

namespace duet::optim {

struct Sgd;

namespace detail {

void sgd_update(Sgd& sgd, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                const Operand& lr);
void check_sgd(const Sgd& sgd);

}  // namespace detail

struct SgdOptions {
  bool nesterov = false;   // look ahead: step along g + momentum·v (Nesterov 1983, as Sutskever et al. 2013)
  float weight_decay = 0;  // g ← g + weight_decay·p first
};

/// p ← p − lr·v, v ← momentum·v + g (v is g without momentum), as PyTorch's SGD. The state is a tree.
struct Sgd {
  float momentum = 0, weight_decay = 0;
  bool nesterov = false;
  std::vector<Tensor> velocity = {};

  /// State for the parameters of `model`: zeros, none without momentum. Error for Nesterov's step without momentum.
  template <class M>
  static Sgd init(const M& model, float momentum = 0, SgdOptions options = {},
                  std::source_location line = std::source_location::current()) {
    LineScope scope(line);
    Sgd sgd{momentum, options.weight_decay, options.nesterov, {}};
    detail::check_sgd(sgd);
    if (momentum != 0) sgd.velocity = detail::zeros_like(model);
    return sgd;
  }
  /// Rebinds the parameters of `model` and the state. ShapeError when the trees differ.
  template <class M>
  void update(M& model, const M& gradients, const Operand& lr) {
    LineScope scope(lr.line());
    detail::sgd_update(*this, detail::parameters(model), detail::parameters(gradients), lr);
  }
};

}  // namespace duet::optim
