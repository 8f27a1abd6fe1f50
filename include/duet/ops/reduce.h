// Reductions. Their two orders are written down in lib/cpu/reduce.h.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"
#include "duet/ops/pointwise.h"

namespace duet {

struct ReduceOps
    : OpList<struct Sum, struct Max, struct Argmax, struct Min, struct Prod, struct Any, struct All, struct Argmin> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const ReduceOps*, int i);

/// Sum over axes (attributes: a bit per axis, keepdims). Integers and bool give i64. The sum of nothing is 0.
struct Sum : KernelOp<ReduceOps, 1> {
  static constexpr OpClass kClass = OpClass::reduction;
  static constexpr std::string_view name = "sum";
  static constexpr BatchRule batch = batch_axes;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// Maximum over axes; NaN propagates; equal maxima share the gradient. ShapeError over no elements.
struct Max : KernelOp<ReduceOps, 1> {
  static constexpr OpClass kClass = OpClass::reduction;
  static constexpr std::string_view name = "max";
  static constexpr BatchRule batch = batch_axes;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(0) | need_output(0); }
};

/// Index (i64) of the first maximum along one axis (attributes: axis, keepdims); the first NaN wins.
struct Argmax : KernelOp<ReduceOps, 1> {
  static constexpr std::string_view name = "argmax";
  static constexpr BatchRule batch = batch_axis;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// Minimum over axes; NaN propagates; equal minima share the gradient. ShapeError over no elements.
struct Min : KernelOp<ReduceOps, 1> {
  static constexpr OpClass kClass = OpClass::reduction;
  static constexpr std::string_view name = "min";
  static constexpr BatchRule batch = batch_axes;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(0) | need_output(0); }
};

/// Product over axes. Integers and bool give i64. The product of nothing is 1.
struct Prod : KernelOp<ReduceOps, 1> {
  static constexpr OpClass kClass = OpClass::reduction;
  static constexpr std::string_view name = "prod";
  static constexpr BatchRule batch = batch_axes;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(0); }
};

/// Whether any element over axes is not 0 (NaN is not); bool. Of nothing: false.
struct Any : KernelOp<ReduceOps, 1> {
  static constexpr std::string_view name = "reduce_any";
  static constexpr BatchRule batch = batch_axes;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// Whether all elements over axes are not 0 (NaN is not); bool. Of nothing: true.
struct All : KernelOp<ReduceOps, 1> {
  static constexpr std::string_view name = "reduce_all";
  static constexpr BatchRule batch = batch_axes;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// Index (i64) of the first minimum along one axis (attributes: axis, keepdims); the first NaN wins.
struct Argmin : KernelOp<ReduceOps, 1> {
  static constexpr std::string_view name = "argmin";
  static constexpr BatchRule batch = batch_axis;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// A few axes; negative ones count from the end.
struct Axes {
  int count = -1;  // −1: all
  int axis[kMaxRank] = {};
  Axes() = default;
  Axes(int a) : count(1), axis{a} {}
  Axes(std::initializer_list<int> list, std::source_location line = std::source_location::current());
};
/// What to reduce over: `sum(x, {.axis = {0, 1}, .keepdims = true})`.
struct ReduceOver {
  Axes axis = {};
  bool keepdims = false;
};

/// Sum of all elements, over one axis, or over several; reduced axes are removed, or kept with extent 1 (keepdims).
/// Integers and bool give i64. Gradient: dy, repeated. ShapeError for an axis that is not there or is named twice.
Tensor sum(const Operand& x, const ReduceOver& over = {});
inline Tensor sum(const Operand& x, int axis) { return sum(x, ReduceOver{axis, false}); }
/// Arithmetic mean, over axes as in sum; integers and bool give f32. Gradient: dy / count, repeated. The mean of
/// nothing is NaN.
Tensor mean(const Operand& x, const ReduceOver& over = {});
inline Tensor mean(const Operand& x, int axis) { return mean(x, ReduceOver{axis, false}); }
/// Largest element, over axes as in sum; NaN propagates. Gradient: dy to the largest, shared by equal ones. ShapeError
/// over no elements.
Tensor max(const Operand& x, const ReduceOver& over = {});
inline Tensor max(const Operand& x, int axis) { return max(x, ReduceOver{axis, false}); }
/// Smallest element, over axes as in sum; NaN propagates. Gradient: dy to the smallest, shared by equal ones.
/// ShapeError over no elements.
Tensor min(const Operand& x, const ReduceOver& over = {});
inline Tensor min(const Operand& x, int axis) { return min(x, ReduceOver{axis, false}); }
/// Product of the elements, over axes as in sum; integers and bool give i64, which wraps around; 1 over nothing.
/// Gradient: dy times the product of the others, right where elements are 0 too.
Tensor prod(const Operand& x, const ReduceOver& over = {});
inline Tensor prod(const Operand& x, int axis) { return prod(x, ReduceOver{axis, false}); }
/// Whether any element is true, over axes as in sum: x of any dtype, a bool result; what is not 0 is true, NaN too. No
/// gradient; false over nothing.
Tensor reduce_any(const Operand& x, const ReduceOver& over = {});
inline Tensor reduce_any(const Operand& x, int axis) { return reduce_any(x, ReduceOver{axis, false}); }
/// Whether all elements are true, as in reduce_any; true over nothing.
Tensor reduce_all(const Operand& x, const ReduceOver& over = {});
inline Tensor reduce_all(const Operand& x, int axis) { return reduce_all(x, ReduceOver{axis, false}); }
/// Position of the first largest element along an axis, i64, or of the first NaN; no gradient. ShapeError over no
/// elements.
Tensor argmax(const Operand& x, int axis = -1, bool keepdims = false);
/// Position of the first smallest element along an axis, i64, or of the first NaN; no gradient. ShapeError over no
/// elements.
Tensor argmin(const Operand& x, int axis = -1, bool keepdims = false);

/// Sums x over the axes along which `shape` was broadcast to x's shape: what broadcast_to's gradient is.
Tensor sum_to(const Operand& x, const Shape& shape);
#endif

}  // namespace duet
