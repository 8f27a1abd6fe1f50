// Losses scaled up so that small gradients are numbers in f16 (Micikevicius et al. 2018), by as much as goes: the scale
// grows while all gradients are finite and falls when one is not, as PyTorch's GradScaler does it.
#pragma once

#include "duet/optim/update.h"

namespace duet::optim {

struct LossScaleOptions {
  float growth = 2, backoff = 0.5f;
  int interval = 2000;  // finite steps in a row before the scale grows
};

/// The scale and how many steps went well since it changed. A tree of tensors: part of a compiled or frozen step, where
/// nothing is read on the host, and of a checkpoint.
///
///   auto [l, g] = value_and_grad([&](const Mlp& m) { return scaler.scaled(loss(m, x, y)); })(m);  // l is scaled
///   scaler.update(adam, m, g, 1e-3f);  // unscales g; leaves all as it was where g is not finite
struct LossScale {
  float growth, backoff, interval;
  Tensor scale, good_steps;  // f32[]

  /// Error unless scale is positive, growth above 1 and backoff between 0 and 1. Powers of two change no bit of a
  /// gradient that has room.
  static LossScale init(float scale = 65536, LossScaleOptions options = {},
                        std::source_location line = std::source_location::current());
  /// loss · scale, in f32. DTypeError for a loss that is not floating.
  Tensor scaled(const Operand& loss) const;
  /// Divides the gradients by the scale and updates `model` and `optimiser` with them; where a gradient is infinite or
  /// NaN, both stay as they were. Then adjusts the scale. Gives bool[], whether the step was taken. DTypeError for
  /// 16-bit gradients.
  template <class O, class M>
  Tensor update(O& optimiser, M& model, M gradients, const Operand& lr) {
    LineScope at(lr.line());
    const Tensor finite = unscale(detail::parameters(gradients));
    std::vector<Tensor> before;
    auto leaves = [&](auto&& f) {
      for_each_leaf(model, f);
      for_each_leaf(optimiser, f);
    };
    leaves([&](Tensor& t) { before.push_back(t); });
    optimiser.update(model, gradients, lr);
    size_t i = 0;
    leaves([&](Tensor& t) {
      const Tensor& old = before[i++];
      if (t.defined() && t.id() != old.id()) t = where(finite, t, old);
    });
    adjust(finite);
    return finite;
  }

 private:
  Tensor unscale(const std::vector<Tensor*>& gradients) const;
  void adjust(const Tensor& finite);
};

}  // namespace duet::optim
