// Movements made of others: of reshape, concat, slice and broadcast_to.
#pragma once

#include "duet/ops/movement.h"

namespace duet {

#ifndef DUET_FORMULAS_ONLY
/// x without an axis of extent 1; a view where the layout allows. Gradient: dy with it. ShapeError when the extent is
/// another.
Tensor squeeze(const Operand& x, int axis);
/// x without its axes of extent 1.
Tensor squeeze(const Operand& x);
/// x with a new axis of extent 1, which is axis `axis` of the result. Gradient: dy without it. ShapeError when the
/// result has no such axis or too many.
Tensor unsqueeze(const Operand& x, int axis);
/// Tensors of one shape side by side along a new axis, which is axis `axis` of the result. Gradient: slices of dy.
/// ShapeError when shapes differ or there is no tensor, DTypeError when element types differ.
Tensor stack(const std::vector<Tensor>& tensors, int axis = 0,
             std::source_location line = std::source_location::current());
#endif

}  // namespace duet
