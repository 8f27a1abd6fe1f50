// Elements in other places: axes put in and taken out, order turned round, copies side by side. All but flip are made
// of the movements of ops/movement.h.
#pragma once

#include "duet/ops/movement.h"

namespace duet {

struct RearrangeOps : OpList<struct Flip> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const RearrangeOps*, int i);

/// An axis in reverse order (attribute: axis), as a view with a negative stride.
struct Flip : KernelOp<RearrangeOps, 1> {
  static constexpr std::string_view name = "flip";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_axis;
  static constexpr OpClass kClass = OpClass::view;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static bool view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset);
  static void vjp(VjpContext& c);
};

/// x without an axis of extent 1; a view where the layout allows. Gradient: dy with it. ShapeError when the extent is
/// another.
Tensor squeeze(const Operand& x, int axis);
/// x without its axes of extent 1.
Tensor squeeze(const Operand& x);
/// x with a new axis of extent 1, which is axis `axis` of the result. Gradient: dy without it. ShapeError when the
/// result has no such axis or too many.
Tensor unsqueeze(const Operand& x, int axis);
/// Tensors of one shape side by side along a new axis, which is axis `axis` of the result. Gradient: slices of dy.
/// ShapeError when shapes differ or there is no tensor, DTypeError when element types differ. Write duet::stack where
/// <stack> is included under both `using namespace std` and `using namespace duet`.
Tensor stack(const std::vector<Tensor>& tensors, int axis = 0,
             std::source_location line = std::source_location::current());
/// x with an axis in reverse order; a view. Gradient: dy, reversed. ShapeError for an axis that is not there.
Tensor flip(const Operand& x, int axis);
/// x moved along an axis by shift places towards its end, what leaves there coming in at the front (NumPy's roll); a
/// negative shift moves the other way. Gradient: dy, moved back. ShapeError for an axis that is not there.
Tensor roll(const Operand& x, int64_t shift, int axis);
/// Copies of x side by side, counts[i] of them along axis i (NumPy's tile, torch's repeat); counts and axes are aligned
/// at the last, and the shorter side is filled up with 1. Gradient: dy summed over the copies. ShapeError for a
/// negative count or too many axes.
Tensor repeat(const Operand& x, const Shape& counts);
#endif

}  // namespace duet
