// The operands of a call as kernels take them.
#pragma once

#include "duet/ops/record.h"
#include "kernels/call.h"

namespace duet::cuda {

/// Operand i of a call, broadcast to `space`.
kernel::Operand operand(const KernelCall& call, int i, const Shape& space);
/// A view of device memory in a shape of its own.
kernel::Operand operand(DType dtype, const void* data, const Shape& shape, const int64_t* strides, const Shape& space);

/// Whether four neighbours of an operand, from the first on, lie side by side and aligned, or are one element.
bool is_wide(const kernel::Operand& x);

/// The element types of a call as kernels' arguments.
inline int type(DType t) { return static_cast<int>(t); }

}  // namespace duet::cuda
