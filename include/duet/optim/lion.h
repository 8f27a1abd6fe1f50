// Lion (Chen et al. 2023): steps of one size, along the sign of a mean of gradients.
#pragma once

#include "duet/optim/update.h"

namespace duet::optim {

struct Lion;

namespace detail {

void lion_update(Lion& lion, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const Operand& lr);
void check_betas(const char* who, float beta1, float beta2);

}  // namespace detail

struct LionOptions {
  float beta1 = 0.9f, beta2 = 0.99f, weight_decay = 0;
};

/// p ← p·(1 − lr·weight_decay) − lr·sign(β1·m + (1 − β1)·g), then m ← β2·m + (1 − β2)·g. One op a parameter, half of
/// Adam's state; its rates are three to ten times as small as Adam's. The state is a tree.
struct Lion {
  float beta1 = 0.9f, beta2 = 0.99f, weight_decay = 0;
  std::vector<Buffer> m = {};
  std::vector<uint8_t> decays = {};  // by parameter: 1 or 0

  /// State for the parameters of `model`: zeros. Error unless 0 ≤ β < 1, as in update. `decays` is asked once for each
  /// parameter's leaf name, as AdamW's.
  template <class M, class Decays = detail::EveryName>
  static Lion init(const M& model, LionOptions options = {}, Decays&& decays = {},
                   std::source_location line = std::source_location::current()) {
    LineScope scope(line);
    detail::check_betas("Lion", options.beta1, options.beta2);
    return {options.beta1, options.beta2, options.weight_decay, detail::zero_buffers(model),
            detail::chosen(model, decays)};
  }
  /// Rebinds the parameters of `model` and the state. ShapeError when the trees differ.
  template <class M>
  void update(M& model, const M& gradients, const Operand& lr) {
    LineScope scope(lr.line());
    detail::lion_update(*this, detail::parameters(model), detail::parameters(gradients), lr);
  }
};

}  // namespace duet::optim
