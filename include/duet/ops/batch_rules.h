// Batching rules that many ops share: what vmap makes of an operation on one example. `static constexpr BatchRule batch
// = batch_axis;` in the op's struct chooses one; an op with a rule of its own declares it as a function.
#pragma once

#ifndef DUET_FORMULAS_ONLY
#include "duet/ops/record.h"

namespace duet {

// batch_aligned, of record.h, is for operands that broadcast: pointwise ops.

/// Attributes that mean the same with a leading axis: copy, cast.
Outputs batch_same(const BatchCall& call);
/// The first attribute is an axis: slice, concat, argmax.
Outputs batch_axis(const BatchCall& call);
/// The first attribute has a bit an axis: sum, max.
Outputs batch_axes(const BatchCall& call);

}  // namespace duet
#endif
