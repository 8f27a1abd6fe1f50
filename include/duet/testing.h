// Tests for ops of your own: `duet::check_op<MyOp>()` in a test or in main. No test framework is needed.
#pragma once

#include "duet/ops/op.h"

namespace duet {

/// Where and how closely check_op looks.
struct CheckOptions {
  double low = -2, high = 2;         // operands are drawn from here; choose it where the op is defined
  double tolerance = 1e-5;           // f32 against f64, relative to max(1, |y|)
  double gradient_tolerance = 1e-6;  // against central differences in f64, relative to the gradient's size
};

namespace testing {
void check_op(const OpRecord& op, const CheckOptions& options, std::source_location line);
}

/// Checks a pointwise op: f32 against f64; the gradient and the gradient of the gradient against central differences,
/// where the op has a rule; the same bits eagerly, compiled and frozen, also for NaN, infinities and views; and that it
/// fuses with its neighbours. Throws an Error of one line that says what is wrong and where.
template <class Op>
void check_op(const CheckOptions& options = {}, std::source_location line = std::source_location::current()) {
  static_assert(std::is_same_v<typename Op::Family, PointwiseOps>, "duet: check_op checks pointwise ops");
  testing::check_op(op<Op>(), options, line);
}

}  // namespace duet
