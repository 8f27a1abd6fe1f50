// Matrix multiplication. The order of summation is written down in lib/cpu/gemm.h.
#pragma once

#include "duet/ops/op.h"

namespace duet {

struct MatmulOps : OpList<struct Matmul> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const MatmulOps*, int i);

/// The product of matrices f32[…,M,K] and f32[…,K,N]; leading axes broadcast. Transposed views are read in place.
struct Matmul : KernelOp<MatmulOps, 2> {
  static constexpr std::string_view name = "matmul";
  static constexpr OpClass kClass = OpClass::matmul;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static Outputs batch(const BatchCall& call);
  // dA = dY·Bᵀ, dB = Aᵀ·dY
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned wanted) {
    return ((wanted & 1u) ? need_input(1) : 0) | ((wanted & 2u) ? need_input(0) : 0);
  }
};

/// a·b: matrices [M,K]·[K,N], stacks of matrices (leading axes broadcast), or vectors, after NumPy's matmul. Gradients:
/// dY·Bᵀ and Aᵀ·dY, summed over what was broadcast. ShapeError when inner axes differ or leading ones do not broadcast,
/// DTypeError unless both are f32 or both f64.
Tensor matmul(const Operand& a, const Operand& b);
/// x·weight + bias: x f32[…,I], weight f32[I,O], bias f32[O], result f32[…,O]. ShapeError when I differs.
Tensor linear(const Operand& x, const Operand& weight, const Operand& bias);
#endif

}  // namespace duet
