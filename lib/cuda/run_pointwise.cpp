#include "cpu/tiles.h"
#include "cuda/launch.h"
#include "cuda/operands.h"
#include "cuda/runners.h"

namespace duet::cuda {

void run_pointwise(State& s, const KernelCall& call) {
  const OpRecord& op = call.op;
  check<DeviceError>(op.formula == nullptr,
                     "{}: an op of the program's own runs on the CPU: {}; use .to(Device::cpu())", op.name,
                     call.device);
  const Shape& space = *call.out[0].shape;
  kernel::PointwiseCall c{};
  c.n = space.numel();
  if (c.n == 0) return;
  c.wide = 1;
  for (size_t i = 0; i < call.in.size(); ++i) {
    c.in[i] = operand(call, static_cast<int>(i), space);
    if (!is_wide(c.in[i])) c.wide = 0;
  }
  for (size_t k = 0; k < call.out.size(); ++k) {
    c.out[k] = call.out[k].data;
    if (!is_wide(dense(c.out[k]))) c.wide = 0;
  }
  const int t = type(cpu::compute_dtype(op, call.in, call.out));
  const int64_t blocks = blocks_for(s, c.wide != 0 ? (c.n + 3) / 4 : c.n);
  if (op.vjp_mask == 0)
    launch_kernel(s, kernel::kPointwise, {op.kernel, t}, &c, blocks);
  else
    launch_kernel(s, kernel::kPointwiseVjp, {op.kernel, op.vjp_mask, t}, &c, blocks);
}

}  // namespace duet::cuda
