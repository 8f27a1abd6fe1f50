#include "cuda/operands.h"

#include "cpu/tiles.h"

namespace duet::cuda {

static_assert(kernel::kMaxAxes == kMaxRank && kernel::kMaxInputs == cpu::kMaxTileInputs &&
              kernel::kMaxOutputs == cpu::kMaxTileOutputs);
static_assert(kernel::kF64 == static_cast<int>(DType::f64) && kernel::kBool == static_cast<int>(DType::boolean));

kernel::Operand operand(DType dtype, const void* data, const Shape& shape, const int64_t* strides, const Shape& space) {
  const cpu::Source source = cpu::make_source(dtype, shape, strides, space);
  kernel::Operand x{};
  x.data = data;
  x.kind = source.dense ? kernel::Operand::dense : source.single ? kernel::Operand::single : kernel::Operand::strided;
  x.axes = source.axes;
  for (int a = 0; a < source.axes; ++a) x.extent[a] = source.extent[a], x.stride[a] = source.stride[a];
  return x;
}

kernel::Operand operand(const KernelCall& call, int i, const Shape& space) {
  const Strided& x = call.in[static_cast<size_t>(i)];
  if (((call.numbers >> i) & 1u) == 0) return operand(x.dtype, x.data, *x.shape, x.strides, space);
  kernel::Operand n{};
  n.kind = kernel::Operand::number;
  n.bits = static_cast<const Number8*>(x.data)->bits;
  return n;
}

bool is_wide(const kernel::Operand& x) {
  constexpr int64_t kGroup = 4;
  const bool aligned = reinterpret_cast<uintptr_t>(x.data) % 16 == 0;
  if (x.kind == kernel::Operand::dense) return aligned;
  if (x.kind != kernel::Operand::strided) return true;
  const int last = x.axes - 1;
  if (x.extent[last] % kGroup != 0) return false;
  if (x.stride[last] == 0) return true;
  bool even = aligned && x.stride[last] == 1;
  for (int a = 0; a < last; ++a) even = even && x.stride[a] % kGroup == 0;
  return even;
}

}  // namespace duet::cuda
