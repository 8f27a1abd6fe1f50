// The instructions of recorded formulas.
#pragma once

#include <cstdint>

namespace duet {

/// One scalar instruction of a formula; ops/expr.h records them.
enum class ExprOp : uint8_t {
  input,
  input_mask,
  constant,
  move,  // imm: which input; the value's bits
  add,
  sub,
  mul,
  div,
  neg,
  fma,
  sqrt,
  libm,
  libm2,  // of two operands; imm of libm: which function
  lt,
  le,
  eq,
  ne,
  mask_and,
  mask_or,
  mask_not,
  select,
  bits,
  from_bits,
  bits_constant,
  bits_add,
  bits_sub,
  bits_and,
  bits_or,
  bits_xor,
  shl,
  shr,
  sar,
  mul_lo,
  mul_hi,
  bits_eq,
  bits_select,
  pio2_rest,
  pio2_quadrant,  // imm of shifts: the distance
};
inline constexpr int kExprOps = static_cast<int>(ExprOp::pio2_quadrant) + 1;

}  // namespace duet
