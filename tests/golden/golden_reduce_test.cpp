// Reductions, sorting, sums along an axis.
#include "golden/cases.h"

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

Cases reduce_cases() {
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
  reduction(cases, "min", Reduction(min), kSums);
  reduction(cases, "prod", Reduction(prod), kSums);
  reduction(cases, "logsumexp", Reduction(logsumexp), kSums);
  cases("min", {"special", "i32", "ties"}, reduced(min, columns));
  cases("min", {"i64"}, reduced(min, {}));
  cases("prod", {"special", "i32", "zeros"}, reduced(prod, columns));
  cases("prod", {"nothing", "bool"}, reduced(prod, rows));
  cases("prod", {"i64"}, reduced(prod, {}));
  cases("logsumexp", {"special", "large", "infinite"}, reduced(logsumexp, columns));
  cases("logsumexp", {"masked"}, reduced(logsumexp, columns), kSums);
  for (const bool deviation : {false, true}) {
    const std::string op = deviation ? "stddev" : "var";
    auto f = [=](const Operand& x, const ReduceOver& over, int64_t ddof = 0) {
      return deviation ? stddev(x, over, ddof) : var(x, over, ddof);
    };
    reduction(cases, op, f, kSums);
    cases(
        op, {"ddof1"}, [=](const Tensors& x) { return f(x[0], columns, 1); }, kSums);
    cases(
        op, {"ddof1_all"}, [=](const Tensors& x) { return f(x[0], {}, 1); }, kSums);
    cases(
        op, {"shifted"}, [=](const Tensors& x) { return f(x[0], columns); }, kSums);
  }
  cases(
      "stddev", {"equal"}, [](const Tensors& x) { return stddev(x[0], 1); }, kSums);
  cases("reduce_any", {"all"}, reduced(reduce_any, {}));
  cases("reduce_any", {"axis1", "numbers"}, reduced(reduce_any, columns));
  cases("reduce_any", {"kept"}, reduced(reduce_any, {.axis = 0, .keepdims = true}));
  cases("reduce_any", {"nothing"}, reduced(reduce_any, rows));
  cases("reduce_all", {"all"}, reduced(reduce_all, {}));
  cases("reduce_all", {"axis1", "numbers"}, reduced(reduce_all, columns));
  cases("reduce_all", {"kept"}, reduced(reduce_all, {.axis = 0, .keepdims = true}));
  cases("reduce_all", {"nothing"}, reduced(reduce_all, rows));
  auto summed_along = [](int axis) { return [axis](const Tensors& x) { return cumsum(x[0], axis); }; };
  cases("cumsum", {"first", "vector", "bool"}, summed_along(0), kSums);
  cases("cumsum", {"middle", "i32", "special"}, summed_along(1), kSums);
  cases("cumsum", {"last"}, summed_along(-1), kSums);
  for (const bool down : {false, true}) {
    auto sorted_along = [down](int axis) {
      return [=](const Tensors& x) -> Tensors {
        auto [values, indices] = sort(x[0], axis, down);
        return {values, indices};
      };
    };
    const std::string how = down ? "down" : "up";
    cases("sort", {how.c_str(), (how + "_i32").c_str()}, sorted_along(-1));
    cases("sort", {(how + "_axis0").c_str()}, sorted_along(0));
    cases("sort", {(how + "_ties").c_str()}, sorted_along(1));
    cases("argsort", {how.c_str()}, [=](const Tensors& x) { return argsort(x[0], 1, down); });
  }
  auto largest = [](int64_t k, int axis) {
    return [=](const Tensors& x) -> Tensors {
      auto [values, indices] = topk(x[0], k, axis);
      return {values, indices};
    };
  };
  cases("topk", {"last"}, largest(3, -1));
  cases("topk", {"nan"}, largest(3, 1));
  cases("topk", {"first"}, largest(2, 0));
  cases("topk", {"i64"}, [](const Tensors& x) { return topk(x[0], 2).values; });
  cases("argmin", {"last"}, [](const Tensors& x) { return argmin(x[0]); });
  cases("argmin", {"first_kept"}, [](const Tensors& x) { return argmin(x[0], 0, true); });
  cases("argmin", {"nan", "i32"}, [](const Tensors& x) { return argmin(x[0], 1); });
  cases("argmax", {"last"}, [](const Tensors& x) { return argmax(x[0]); });
  cases("argmax", {"first_kept"}, [](const Tensors& x) { return argmax(x[0], 0, true); });
  cases("argmax", {"nan", "i32"}, [](const Tensors& x) { return argmax(x[0], 1); });
  return cases;
}

namespace {

TEST(GoldenReduce, AgreesWithPyTorch) { check_family("reduce", reduce_cases()); }

}  // namespace
}  // namespace duet::golden
