// The scalar instructions of pointwise ops: their formulas run once over the recording number type.
#pragma once

#include "duet/ops/record.h"

namespace duet {

/// The instructions of a pointwise op or gradient in f32 or f64, whose inputs are the record's. Recorded at the first
/// call, kept for the program's life.
const ExprList& recorded(const OpRecord& op, bool is_double);

}  // namespace duet
