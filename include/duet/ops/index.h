// Operations with indices in their data. An index out of range is an IndexError, found before anything is written.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"

namespace duet {

struct IndexOps : OpList<struct Gather, struct ScatterAdd, struct OneHot, struct Take, struct Embedding> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const IndexOps*, int i);

/// Slices of x along an axis, picked by an integer tensor (attributes: axis, batch axes); negative indices count from
/// the end. Batch axes, the first of both operands, go together: each of their positions picks for itself.
struct Gather : KernelOp<IndexOps, 2> {
  static constexpr std::string_view name = "gather";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr unsigned kFreeIn = 0b10;
  static constexpr bool kMayThrow = true;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(1); }
};

/// base with updates added along an axis at the given indices (attributes: those of gather): ((base + u[k1]) + u[k2]) …
/// in ascending k.
struct ScatterAdd : KernelOp<IndexOps, 3> {
  static constexpr std::string_view name = "scatter_add";
  static constexpr unsigned kFreeIn = 0b010;
  static constexpr bool kMayThrow = true;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned wanted) { return (wanted & 4u) ? need_input(1) : 0; }
};

/// 1 where the class is the label, 0 elsewhere, along a new last axis (attributes: dtype, classes, whose label:
/// one_hot's own 0, cross_entropy's 1).
struct OneHot : KernelOp<IndexOps, 1> {
  static constexpr std::string_view name = "one_hot";
  /// Who reports a label that is out of range.
  static std::string_view user(Attrs attrs) { return attrs.size() > 2 && attrs[2] != 0 ? "cross_entropy" : name; }
  static constexpr BatchRule batch = batch_same;
  static constexpr bool kMayThrow = true;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// A gather from a row, under the name that its user wrote.
struct Take : Gather {
  static constexpr std::string_view name = "take";
  static constexpr DTypeSet kAccepts = kStored;
  static void infer(const Args& in, Attrs attrs, Spec* out);
};

/// The rows of a table at ids: a gather along axis 0 that takes no negative ids.
struct Embedding : Gather {
  static constexpr std::string_view name = "embedding";
  static constexpr DTypeSet kAccepts = kStored;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// x's slices along `axis` at `index` (any integer dtype): x[…,index,…], the index's axes in place of the axis.
/// Gradient: scatter_add of dy into zeros. IndexError for an index out of range, DTypeError unless the index is of
/// integers.
Tensor gather(const Operand& x, const Operand& index, int axis = 0);
/// base + updates at index along an axis; an index met twice adds twice, in order. updates have the shape that gather
/// gives. Gradients: dy for base, dy gathered for updates. IndexError, ShapeError, DTypeError.
Tensor scatter_add(const Operand& base, const Operand& index, const Operand& updates, int axis = 0);
/// x's elements at `index` (any integer dtype), counted through x in row-major order; the index's shape. Gradient and
/// errors as gather's.
Tensor take(const Operand& x, const Operand& index);
/// The rows of a table f32[V,D] at ids of any integer dtype […]: f32[…,D]. Gradient: dy added to the rows in the order
/// of the ids. IndexError for an id below 0 (an id that stands for padding needs a row of its own) or from V on,
/// ShapeError, DTypeError unless the ids are integers.
Tensor embedding(const Operand& table, const Operand& index);
/// Labels of any integer dtype […] to 1 at the label and 0 elsewhere, f32[…,classes]; no gradient. IndexError for a
/// label out of range.
Tensor one_hot(const Operand& labels, int64_t classes, DType dtype = f32);
#endif

}  // namespace duet
