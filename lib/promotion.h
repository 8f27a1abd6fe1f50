// Which dtype numbers and mixed integers take beside tensors, and how 16-bit floats are computed with.
#pragma once

#include "duet/dispatch.h"

namespace duet {

/// The dtype that the numbers among the inputs take.
DType number_dtype(const OpRecord& op, Inputs inputs, Attrs attrs);
/// The number x as an element of dtype; a DTypeError where it does not fit.
Number8 to_number(const OpRecord& op, const Operand& x, DType dtype);
/// The results of an operation whose operands are converted first: integers of several types to the widest, 16-bit
/// floats to f32. No results (count 0) where none is.
Outputs dispatch_promoted(const OpRecord& op, const Args& in, Attrs attrs);

}  // namespace duet
