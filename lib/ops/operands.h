// What the words of operations ask of their operands, in their own names.
#pragma once

#include "duet/ops/operand.h"

namespace duet {

/// TraceError for a value of another recording, or of a recording or vmap that is over.
void check_alive(std::string_view op, const Tensor& t);

/// The operand of a function that needs a tensor: neither a number nor empty, nor of a recording or vmap that is over.
const Tensor& checked_tensor(std::string_view op, const Operand& x, std::string_view what = "operand");

/// The same of a floating type.
const Tensor& floating(std::string_view op, const Operand& x, std::string_view what = "operand");

/// An axis counted from either end; ShapeError outside of the rank.
int checked_axis(std::string_view op, int64_t axis, const Tensor& x);

}  // namespace duet
