// Operations that put other elements around or in place of some of a tensor's.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"

namespace duet {

struct PadOps : OpList<struct Pad, struct Tril, struct Triu, struct Update> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const PadOps*, int i);

/// A number around x (attributes: for each axis how many before and after).
struct Pad : KernelOp<PadOps, 2> {
  static constexpr std::string_view name = "pad";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
};

/// Zeros above a diagonal of the last two axes (attribute: which one).
struct Tril : KernelOp<PadOps, 1> {
  static constexpr std::string_view name = "tril";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_same;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// Zeros below a diagonal of the last two axes (attribute: which one).
struct Triu : KernelOp<PadOps, 1> {
  static constexpr std::string_view name = "triu";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_same;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// x with a slice replaced (attributes: axis, start).
struct Update : KernelOp<PadOps, 2> {
  static constexpr std::string_view name = "update";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_axis;
  static constexpr unsigned kFreeIn = 0b10;  // never widened: the result has x's dtype
  static constexpr OpClass kClass = OpClass::update;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// x with a number around it: for each axis {before, after}, how many elements; x itself where all are 0. Any dtype;
/// the number takes x's. Gradient: the slice of dy where x was; none for the number. ShapeError for a negative pad
/// (slice cuts), another number of pairs than axes, or a value that is a tensor.
Tensor pad(const Operand& x, const std::vector<std::pair<int64_t, int64_t>>& pairs,
           const Operand& value = Operand::constant(0));
/// x with zeros above the k-th diagonal of its last two axes [R,C] (NumPy's tril): element [i,j] is kept where
/// j ≤ i + k. Gradient: tril of dy. ShapeError for fewer than two axes.
Tensor tril(const Operand& x, int64_t k = 0);
/// x with zeros below the k-th diagonal of its last two axes [R,C] (NumPy's triu): element [i,j] is kept where
/// j ≥ i + k. Gradient: triu of dy. ShapeError for fewer than two axes.
Tensor triu(const Operand& x, int64_t k = 0);
/// x with the elements from `start` on along an axis replaced by value's: value has x's dtype and shape but for the
/// axis. A negative start counts from the end. A new tensor; `x = update(std::move(x), …)` writes in x's own storage
/// when nobody else holds it, outside of compiled functions and tapes. `start` is a size, not a number beside tensors:
/// each one has a plan of its own in a compiled function. Gradients: dy with zeros there for x, that slice
/// of dy for value. IndexError for a start outside of x, ShapeError when value does not fit, DTypeError.
Tensor update(const Operand& x, int axis, int64_t start, const Operand& value);
#endif

}  // namespace duet
