// Running totals along an axis. Their order is written down in lib/cpu/scan.h.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"

namespace duet {

struct ScanOps : OpList<struct Cumsum, struct ExclusiveProd, struct Recurrence> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const ScanOps*, int i);

/// Sums of the elements up to each one along an axis (attributes: axis, reverse). Integers and bool give i64.
struct Cumsum : KernelOp<ScanOps, 1> {
  static constexpr std::string_view name = "cumsum";
  static constexpr BatchRule batch = batch_axis;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// Products of the elements before each one along an axis, 1 for the first (attributes: axis, reverse). f32 or f64.
struct ExclusiveProd : KernelOp<ScanOps, 1> {
  static constexpr std::string_view name = "exclusive_prod";
  static constexpr BatchRule batch = batch_axis;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned) { return need_input(0) | need_output(0); }
};

/// y[t] = a[t]·y[t−1] + x[t] along an axis, y[0] = x[0] (operands: a, x; attributes: axis, reverse). f32 or f64. The
/// gradients of scans are scans again: this one closes the circle.
struct Recurrence : KernelOp<ScanOps, 2> {
  static constexpr std::string_view name = "recurrence";
  static constexpr BatchRule batch = batch_axis;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
  static uint64_t needs(unsigned wanted) { return need_input(0) | ((wanted & 1u) ? need_output(0) : 0); }
};

/// Sums of the elements up to and with each one along an axis, or from each one to the last (reverse); x's shape.
/// Integers and bool give i64, which wraps around. One chain of additions in f64: an f32 result is off by half a unit
/// in its last place and n·2^−53 of the sum of magnitudes. Gradient: the sums of dy from the other end. ShapeError for
/// an axis that is not there.
Tensor cumsum(const Operand& x, int axis, bool reverse = false);
#endif

}  // namespace duet
