// The kernels of one instruction set, to be gathered in its table.
#pragma once

#include "cpu/kernels.h"

namespace duet::cpu::DUET_ISA {

TileFn pointwise_kernel(int row, int vjp_mask, DType dtype);
TileFn half_kernel(DType from, DType to);
TileFn instruction_kernel(ExprOp op, bool is_double);
void random_kernel(Distribution d, uint32_t key0, uint32_t key1, int64_t begin, int64_t n, float* y);

}  // namespace duet::cpu::DUET_ISA
