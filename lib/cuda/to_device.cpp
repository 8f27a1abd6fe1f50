// Tensor::to(Device), with its gradient: a copy back.
#include "cuda/device.h"
#include "cuda/memory.h"
#include "duet/grad.h"
#include "duet/ops/movement.h"

namespace duet {
namespace {

Tensor copied(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  const Tensor from = x.is_contiguous() ? x : Tensor(call_op<Copy>({}, x));
  if (from.device().is_cuda() && device.is_cuda()) return copied(copied(from, Device::cpu()), device);
  Tensor y = Tensor::adopt(block::make(from.dtype(), from.shape(), true, device), fresh_ids(1));
  if (device.is_cuda())
    cuda::copy_to_device(device, y.block().data, from.block().data, from.size_bytes());
  else
    cuda::copy_to_host(from.device(), y.block().data, from.block().data, from.size_bytes());
  return y;
}

/// The copy's own operations are not noted: its gradient is a rule.
struct Untaped {
  TapeImpl* saved = std::exchange(thread_state.tape, nullptr);
  ~Untaped() { thread_state.tape = saved; }
};

struct CopyBack : TapeRule {
  Device from;
  explicit CopyBack(Device device) : from(device) {}
  void add_gradients(const std::vector<Tensor>& dy, std::vector<Tensor>& sums,
                     const std::vector<bool>& wanted) override {
    if (!wanted[0] || !dy[0].defined()) return;
    Tensor dx = dy[0].to(from);
    sums[0] = sums[0].defined() ? add(sums[0], dx) : dx;
  }
};

}  // namespace

Tensor Tensor::to(Device device, std::source_location line) const {
  LineScope scope(line);
  check<Error>(defined(), "to: the Tensor is empty; give it a value first");
  if (this->device() == device) return *this;
  check<DeviceError>(thread_state.batch == nullptr, "to: inside vmap a tensor stays on its device: {} on {}", spec(),
                     this->device());
  materialize(*this, "to");
  thread_state.op = "to";
  Tensor y;
  {
    const Untaped scope_of_copy;
    y = copied(*this, device);
  }
  if (is_float(dtype()))
    for (TapeImpl* tape = thread_state.tape; tape != nullptr; tape = tape->parent())
      tape->note(std::make_shared<CopyBack>(this->device()), {*this}, {y});
  return y;
}

}  // namespace duet
