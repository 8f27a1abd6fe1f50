// Adam (Kingma & Ba 2015).
#pragma once

#include "duet/optim/sgd.h"

namespace duet::optim {

namespace detail {

/// 1 − β^step, exactly enough for small steps: −expm1(step·log β).
Tensor bias_correction(const Tensor& step, double beta);
void adam_step(Tensor& p, const Tensor& g, Tensor& m, Tensor& v, const Tensor& rate, double beta1, double beta2,
               double epsilon, const Tensor& scale);

}  // namespace detail

/// p ← p − lr·m̂ / (sqrt(v̂) + ε) with decaying means m of the gradients and v of their squares. One op a parameter. The
/// state is a tree; the step count is a tensor, so that a replayed plan goes on counting.
struct Adam {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  Tensor step = {};  // f32[]
  std::vector<Buffer> m = {}, v = {};

  /// State for the parameters of `model`: zeros, and 0 steps.
  template <class M>
  static Adam init(const M& model, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f,
                   std::source_location line = std::source_location::current()) {
    LineScope scope(line);
    Adam a{beta1, beta2, epsilon, zeros({}), {}, {}};
    for (Tensor& t : detail::zeros_like(model)) a.m.push_back({t});
    for (Tensor& t : detail::zeros_like(model)) a.v.push_back({t});
    return a;
  }
  /// Rebinds the parameters of `model` and the state. ShapeError when the trees differ.
  template <class M>
  void update(M& model, const M& gradients, const Operand& lr) {
    LineScope scope(lr.line());
    std::vector<Tensor*> p = detail::parameters(model);
    std::vector<const Tensor*> g = detail::parameters(gradients);
    detail::check_trees("Adam", p, g, detail::state_of(m));
    detail::check_trees("Adam", p, g, detail::state_of(v));
    detail::check_rate("Adam", lr);
    Tensor next = step + 1;
    // What all elements share is computed once: lr / c1 and 1 / sqrt(c2).
    Tensor rate = div(lr, detail::bias_correction(next, static_cast<double>(beta1)));
    Tensor scale = rsqrt(detail::bias_correction(next, static_cast<double>(beta2)));
    step = std::move(next);  // nothing can fail from here on
    for (size_t i = 0; i < p.size(); ++i)
      detail::adam_step(*p[i], *g[i], m[i].value, v[i].value, rate, static_cast<double>(beta1),
                        static_cast<double>(beta2), static_cast<double>(epsilon), scale);
  }
};

}  // namespace duet::optim
