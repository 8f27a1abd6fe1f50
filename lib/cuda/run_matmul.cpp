#include <algorithm>

#include "cuda/runners.h"

namespace duet::cuda {

void run_op(Of<Matmul>, State& s, const KernelCall& call) {
  const Strided &a = call.in[0], &b = call.in[1], &y = call.out[0];
  const Shape& space = *y.shape;
  if (space.numel() == 0) return;
  const int rank = space.rank(), ra = a.shape->rank(), rb = b.shape->rank();
  kernel::MatmulCall c{};
  c.m = space[rank - 2], c.n = space[rank - 1], c.k = (*a.shape)[ra - 1];
  c.a = a.data, c.b = b.data, c.y = y.data;
  c.a_row = a.strides[ra - 2], c.a_col = a.strides[ra - 1];
  c.b_row = b.strides[rb - 2], c.b_col = b.strides[rb - 1];
  c.batches = 1;
  c.axes = rank - 2;
  auto step = [&](const Strided& x, int axis) {
    const int at = axis + x.shape->rank() - rank;
    return at >= 0 && (*x.shape)[at] != 1 ? x.strides[at] : 0;
  };
  for (int i = 0; i < c.axes; ++i) {
    c.batches *= space[i];
    c.extent[i] = space[i];
    c.a_step[i] = step(a, i);
    c.b_step[i] = step(b, i);
  }
  constexpr int64_t kTile = 64;
  const int64_t tiles = ((c.m + kTile - 1) / kTile) * ((c.n + kTile - 1) / kTile) * c.batches;
  launch_kernel(s, kernel::kMatmul, {type(y.dtype)}, &c, std::min<int64_t>(tiles, 1 << 20));
}

}  // namespace duet::cuda
