// Operations with an index an element: along one axis every position of the others picks for itself.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"

namespace duet {

struct AlongOps : OpList<struct TakeAlongAxis, struct ScatterAddAlongAxis> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const AlongOps*, int i);

/// y[…,k,…] = x[…,index[…,k,…],…] (attribute: axis); the shapes are equal but for the axis.
struct TakeAlongAxis : KernelOp<AlongOps, 2> {
  static constexpr std::string_view name = "take_along_axis";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_axis;
  static constexpr unsigned kFreeIn = 0b10;
  static constexpr bool kMayThrow = true;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(1); }
};

/// base with update k added at index k along an axis (attribute: axis): ((base + u[k1]) + u[k2]) … in ascending k.
struct ScatterAddAlongAxis : KernelOp<AlongOps, 3> {
  static constexpr std::string_view name = "scatter_add_along_axis";
  static constexpr BatchRule batch = batch_axis;
  static constexpr unsigned kFreeIn = 0b010;
  static constexpr bool kMayThrow = true;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned wanted) { return (wanted & 4u) ? need_input(1) : 0; }
};

/// Elements of x picked along an axis (NumPy's take_along_axis): y[…,k,…] = x[…,index[…,k,…],…]. The index has x's rank
/// and any integer dtype; its other axes are equal to x's, or one of the two is 1 and repeats. Negative indices count
/// from the end. Gradient: scatter_add_along_axis of dy into zeros. IndexError for an index out of range, ShapeError,
/// DTypeError.
Tensor take_along_axis(const Operand& x, const Operand& index, int axis);
/// base + updates at the indices along an axis, where take_along_axis would read; an index met twice adds twice, in
/// order. Index and updates have base's rank; their axes are equal, or 1 and repeat: beside the axis to base's extent,
/// along it to each other's. Gradients: dy for base, dy taken along the axis for updates. IndexError, ShapeError,
/// DTypeError.
Tensor scatter_add_along_axis(const Operand& base, const Operand& index, const Operand& updates, int axis);
#endif

}  // namespace duet
