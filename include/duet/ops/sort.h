// Sorting along an axis.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"

namespace duet {

struct SortOps : OpList<struct Sort, struct TopK, struct Unsort, struct Resort> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const SortOps*, int i);

/// Elements along the last axis in order, and where they were, i64 (attribute: descending). Stable.
struct Sort : KernelOp<SortOps, 1, 2> {
  static constexpr std::string_view name = "sort";
  static constexpr BatchRule batch = batch_same;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_output(1); }
};

/// The first elements of the descending order along the last axis, and where they were, i64 (attribute: how many).
struct TopK : KernelOp<SortOps, 1, 2> {
  static constexpr std::string_view name = "topk";
  static constexpr BatchRule batch = batch_same;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_output(1); }
};

/// The gradient of sort and topk: zeros along the last axis, with x put where the elements were (operands: x, the
/// indices that a sort gave; attribute: the extent).
struct Unsort : KernelOp<SortOps, 2> {
  static constexpr std::string_view name = "unsort";
  static constexpr BatchRule batch = batch_same;
  static constexpr unsigned kFreeIn = 0b10;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(1); }
};

/// The gradient of unsort: x's elements along the last axis in the order of another sort (operands: x, the indices).
struct Resort : KernelOp<SortOps, 2> {
  static constexpr std::string_view name = "resort";
  static constexpr BatchRule batch = batch_same;
  static constexpr unsigned kFreeIn = 0b10;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(1); }
};

/// What sort and topk give: the elements, and their positions before, i64.
struct Sorted {
  Tensor values, indices;
};

/// x's elements in order along an axis; both results have x's shape. Equal elements stay in their order, −0 and +0 are
/// equal, and NaN is larger than any number, as in PyTorch: last, or first when descending. Gradient of the values: dy,
/// put back where the elements were. ShapeError for an axis that is not there.
Sorted sort(const Operand& x, int axis = -1, bool descending = false);
/// The positions that sort gives.
Tensor argsort(const Operand& x, int axis = -1, bool descending = false);
/// The k largest elements along an axis, the first k of the descending sort; k in place of the axis's extent. Gradient
/// of the values: dy where the elements were, 0 elsewhere. ShapeError for an axis that is not there or has fewer
/// elements.
Sorted topk(const Operand& x, int64_t k, int axis = -1);
#endif

}  // namespace duet
