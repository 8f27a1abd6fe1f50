// Adam (Kingma & Ba 2015) and AdamW, which takes the weight decay out of the gradient (Loshchilov & Hutter 2019).
#pragma once

#include "duet/optim/update.h"

namespace duet::optim {

namespace detail {

/// What a step of Adam or AdamW reads and rebinds.
struct AdamState {
  Tensor& step;
  std::vector<Buffer>&m, &v;
  float beta1, beta2, epsilon;
  float weight_decay = 0;
  const std::vector<uint8_t>* decays = nullptr;  // by parameter; null: none does
};
void adam_update(const char* who, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const AdamState& state, const Operand& lr);
void check_adam(const char* who, float beta1, float beta2, float epsilon);

}  // namespace detail

/// p ← p − lr·m̂ / (sqrt(v̂) + ε) with decaying means m of the gradients and v of their squares. One op a parameter. The
/// state is a tree; the step count is a tensor, so that a replayed plan goes on counting. A mean below 1e-30 becomes 0,
/// which moves nothing as long as ε is far above that: a smaller ε loses steps of gradients as small.
struct Adam {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  Tensor step = {};  // f32[]
  std::vector<Buffer> m = {}, v = {};

  /// State for the parameters of `model`: zeros, and 0 steps. Error unless 0 ≤ β < 1 and ε > 0, as in update.
  template <class M>
  static Adam init(const M& model, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f,
                   std::source_location line = std::source_location::current()) {
    LineScope scope(line);
    detail::check_adam("Adam", beta1, beta2, epsilon);
    const DeviceScope there(detail::device_of(model));
    return {beta1, beta2, epsilon, zeros({}), detail::zero_buffers(model), detail::zero_buffers(model)};
  }
  /// Rebinds the parameters of `model` and the state. ShapeError when the trees differ.
  template <class M>
  void update(M& model, const M& gradients, const Operand& lr) {
    LineScope scope(lr.line());
    detail::adam_update("Adam", detail::parameters(model), detail::parameters(gradients),
                        {step, m, v, beta1, beta2, epsilon}, lr);
  }
};

struct AdamWOptions {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0.01f;
};

/// p ← p·(1 − lr·weight_decay), then Adam's step, as PyTorch's AdamW. One op a parameter. The state is a tree. Small
/// means as Adam's.
struct AdamW {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0.01f;
  Tensor step = {};  // f32[]
  std::vector<Buffer> m = {}, v = {};
  std::vector<uint8_t> decays = {};  // by parameter: 1 or 0

  /// State for the parameters of `model`: zeros, and 0 steps. Error unless 0 ≤ β < 1 and ε > 0, as in update. `decays`
  /// is asked once for each parameter's leaf name:
  ///   optim::AdamW::init(model, {.weight_decay = 0.1f}, [](std::string_view name) { return !name.ends_with("bias"); })
  template <class M, class Decays = detail::EveryName>
  static AdamW init(const M& model, AdamWOptions options = {}, Decays&& decays = {},
                    std::source_location line = std::source_location::current()) {
    LineScope scope(line);
    detail::check_adam("AdamW", options.beta1, options.beta2, options.epsilon);
    const DeviceScope there(detail::device_of(model));
    return {options.beta1,
            options.beta2,
            options.epsilon,
            options.weight_decay,
            zeros({}),
            detail::zero_buffers(model),
            detail::zero_buffers(model),
            detail::chosen(model, decays)};
  }
  /// Rebinds the parameters of `model` and the state. ShapeError when the trees differ.
  template <class M>
  void update(M& model, const M& gradients, const Operand& lr) {
    LineScope scope(lr.line());
    detail::adam_update("AdamW", detail::parameters(model), detail::parameters(gradients),
                        {step, m, v, beta1, beta2, epsilon, weight_decay, &decays}, lr);
  }
};

}  // namespace duet::optim
