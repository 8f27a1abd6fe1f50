#include "duet/tape.h"

namespace duet {

Tape::Gradients Tape::backward(const Tensor& loss, std::source_location line) {
  LineScope scope(line);
  check<TraceError>(!used_, "backward: this tape was already walked; open a new Tape for another gradient");
  detail::check_loss(loss, "backward");
  used_ = true;
  Gradients g;
  g.ids_ = targets_;
  const DeviceScope there(loss.device());
  g.grads_ = tape_.backward({{loss.id(), ones(loss.shape(), loss.dtype())}}, targets_);
  return g;
}

Tensor Tape::Gradients::operator()(const Tensor& x, std::source_location line) const {
  LineScope scope(line);
  const DeviceScope there(x.device());
  for (size_t i = 0; i < ids_.size(); ++i)
    if (ids_[i] == x.id()) return grads_[i].defined() ? grads_[i] : zeros(x.shape(), x.dtype());
  fail<TraceError>("gradients: this tensor was not watched: {}; call tape.watch(x) before using x", x.spec());
}

}  // namespace duet
