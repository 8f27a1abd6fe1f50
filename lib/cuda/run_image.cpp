// Windows over images.
#include <algorithm>

#include "cuda/runners.h"
#include "ops/image_windows.h"

namespace duet::cuda {
namespace {

kernel::Windows windows_of(const ImageWindows& w) {
  return {w.extent, w.kernel, w.stride, w.padding, w.dilation, w.count};
}

void run_image(State& s, const kernel::Kernel& k, const KernelCall& call, const Shape& images) {
  const ImageGeometry g(call.op.name, {call.in[0].dtype, images}, call.attrs);
  kernel::ImageCall c{
      call.out[0].shape->numel(), g.n, g.c, windows_of(g.h), windows_of(g.w), operand(call, 0), call.out[0].data};
  if (c.n > 0) launch_kernel(s, k, {type(call.in[0].dtype)}, &c, blocks_for(s, c.n));
}

}  // namespace

void run_op(Of<Unfold>, State& s, const KernelCall& call) { run_image(s, kernel::kUnfold, call, *call.in[0].shape); }
void run_op(Of<Fold>, State& s, const KernelCall& call) { run_image(s, kernel::kFold, call, *call.out[0].shape); }
void run_op(Of<MaxPoolIndex>, State& s, const KernelCall& call) {
  run_image(s, kernel::kMaxPoolIndex, call, *call.in[0].shape);
}

void run_op(Of<Unwindows>, State& s, const KernelCall& call) {
  const Shape &x = *call.in[0].shape, &y = *call.out[0].shape;
  const int last = x.rank() - 3;
  auto along = [&](size_t axis) {
    return kernel::Windows{
        y[y.rank() - 2 + static_cast<int>(axis)], call.attrs[axis], call.attrs[axis + 2], 0, call.attrs[axis + 4],
        x[last - 1 + static_cast<int>(axis)]};
  };
  kernel::ImageCall c{y.numel(), 1, 1, along(0), along(1), operand(call, 0), call.out[0].data};
  if (c.n > 0) launch_kernel(s, kernel::kUnwindows, {type(call.in[0].dtype)}, &c, blocks_for(s, c.n));
}

}  // namespace duet::cuda
