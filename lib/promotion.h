// Which dtype numbers and mixed integers take beside tensors.
#pragma once

#include "duet/dispatch.h"

namespace duet {

/// The dtype that the numbers among the inputs take.
DType number_dtype(const OpRecord& op, Inputs inputs, Attrs attrs);
/// The number x as an element of dtype; a DTypeError where it does not fit.
Number8 to_number(const OpRecord& op, const Operand& x, DType dtype);
/// The widest integer type among the operands, and in `mixed` whether there are several.
DType wider_integer(const OpRecord& op, const Args& in, bool& mixed);

}  // namespace duet
