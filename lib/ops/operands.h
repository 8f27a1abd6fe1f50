// What operations made of others ask of their operands, in their own names.
#pragma once

#include "duet/ops/operand.h"

namespace duet {

/// The operand as a floating tensor, or the Error that says what it is instead.
inline const Tensor& floating(std::string_view op, const Operand& x, std::string_view what = "operand") {
  check<ShapeError>(x.is_tensor(), "{}: the {} is a number; give a tensor", op, what);
  check<Error>(x.tensor().defined(), "{}: the {} is an empty Tensor; give it a value first", op, what);
  check<DTypeError>(is_float(x.tensor().dtype()), "{}: takes f32 or f64: {}; use .to(f32)", op, x.tensor().spec());
  return x.tensor();
}

}  // namespace duet
