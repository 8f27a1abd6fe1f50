#include "duet/transform/jvp.h"

namespace duet::detail {

void check_tangents(const std::vector<const Tensor*>& primals, const std::vector<const Tensor*>& tangents) {
  check<ShapeError>(primals.size() == tangents.size(),
                    "jvp: the tangent has {} floating tensors, the primal {}; they must be the same trees",
                    tangents.size(), primals.size());
  for (size_t i = 0; i < primals.size(); ++i) {
    const Spec p = primals[i]->spec(), t = tangents[i]->spec();
    check<ShapeError>(p.shape == t.shape, "jvp: the tangent is {}, the primal {}; they must be the same", t, p);
    check<DTypeError>(p.dtype == t.dtype, "jvp: the tangent is {}, the primal {}; they must be the same", t, p);
  }
}

std::vector<Tensor> push_forward(TapeImpl& tape, const std::vector<Tensor>& outputs,
                                 const std::vector<uint64_t>& targets, const std::vector<const Tensor*>& tangents) {
  TapeImpl of_pullback;
  std::vector<std::pair<uint64_t, Tensor>> seeds, tangent_seeds;
  std::vector<uint64_t> wanted;
  for (const Tensor& y : outputs) {
    const DeviceScope there(y.device());
    Tensor u = zeros(y.shape(), y.dtype());
    of_pullback.watch(u.id());
    wanted.push_back(u.id());
    seeds.emplace_back(y.id(), std::move(u));
  }
  std::vector<Tensor> gradients = [&] {
    TapeScope scope(of_pullback);
    return tape.backward(seeds, targets);
  }();
  for (size_t i = 0; i < gradients.size(); ++i)
    if (gradients[i].defined()) tangent_seeds.emplace_back(gradients[i].id(), *tangents[i]);
  std::vector<Tensor> derivatives = of_pullback.backward(tangent_seeds, wanted);
  for (size_t i = 0; i < derivatives.size(); ++i)
    if (!derivatives[i].defined()) {
      const DeviceScope there(outputs[i].device());
      derivatives[i] = zeros(outputs[i].shape(), outputs[i].dtype());
    }
  return derivatives;
}

}  // namespace duet::detail
