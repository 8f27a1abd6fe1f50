// Reductions, sorting, sums along an axis.
#pragma once

#include "golden/golden.h"

namespace duet::golden {

/// A reduction over the axes of its cases' names.
template <class F>
void reduction(Cases& cases, const std::string& op, F f, Tolerance t) {
  cases(
      op, {"all"}, [f](const Tensors& x) { return f(x[0], {}); }, t);
  cases(
      op, {"axis0", "vector"}, [f](const Tensors& x) { return f(x[0], {0}); }, t);
  cases(
      op, {"axis1"}, [f](const Tensors& x) { return f(x[0], {1}); }, t);
  cases(
      op, {"last_kept"}, [f](const Tensors& x) { return f(x[0], {.axis = -1, .keepdims = true}); }, t);
  cases(
      op, {"two"},
      [f](const Tensors& x) {
        return f(x[0], {.axis = {0, 2}});
      },
      t);
  cases(
      op, {"all_kept"}, [f](const Tensors& x) { return f(x[0], {.axis = {}, .keepdims = true}); }, t);
}
using Reduction = Tensor (*)(const Operand&, const ReduceOver&);
inline auto reduced(Reduction f, ReduceOver over) {
  return [=](const Tensors& x) { return f(x[0], over); };
}

inline Cases reduce_cases() {
  Cases cases;
  reduction(cases, "sum", Reduction(sum), kSums);
  reduction(cases, "mean", Reduction(mean), kSums);
  reduction(cases, "max", Reduction(max), kSums);
  const ReduceOver rows{.axis = 0}, columns{.axis = 1};
  cases("sum", {"special", "i32"}, reduced(sum, columns));
  cases("sum", {"nothing", "bool"}, reduced(sum, rows));
  cases("sum", {"i64"}, reduced(sum, {}));
  cases("mean", {"special", "i64"}, reduced(mean, columns));
  cases("mean", {"nothing", "bool"}, reduced(mean, rows));
  cases("mean", {"number"}, reduced(mean, {}));
  cases("max", {"special", "i32", "ties"}, reduced(max, columns));
  cases("max", {"i64"}, reduced(max, {}));
  cases("argmax", {"last"}, [](const Tensors& x) { return argmax(x[0]); });
  cases("argmax", {"first_kept"}, [](const Tensors& x) { return argmax(x[0], 0, true); });
  cases("argmax", {"nan", "i32"}, [](const Tensors& x) { return argmax(x[0], 1); });
  return cases;
}

}  // namespace duet::golden
