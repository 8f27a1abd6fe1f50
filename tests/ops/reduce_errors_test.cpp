// What reductions, scans and sorts say of operands that do not fit, as whole strings.
#include <set>

#include "expect.h"
#include "ops/cases.h"

namespace duet::testing {
namespace {

class ReduceErrorsTest : public ::testing::Test {
 protected:
  const Tensor a = tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}), n = tensor({{1, 2, 3}, {0, 1, 2}}), empty;
  std::set<std::string> named;  // what has a wrong call

  template <class E>
  void wrong(const std::string& text, const std::function<void()>& call) {
    expect::error<E>(call, text, __FILE__);
    named.insert(text.substr(0, text.find(':')));
  }
  template <class... Families>
  void expect_all_named() {
    auto check = [&]<class Op>() {
      EXPECT_TRUE(named.count(std::string(Op::name))) << Op::name << " has no wrong call here";
    };
    (for_each_op<Families>(check), ...);
  }
};

TEST_F(ReduceErrorsTest, Reductions) {
  using Word = Tensor (*)(const Operand&, const ReduceOver&);
  for (auto [name, word] : std::initializer_list<std::pair<std::string, Word>>{{"sum", sum},
                                                                               {"prod", prod},
                                                                               {"mean", mean},
                                                                               {"max", duet::max},
                                                                               {"min", duet::min},
                                                                               {"reduce_any", reduce_any},
                                                                               {"reduce_all", reduce_all},
                                                                               {"logsumexp", logsumexp}}) {
    wrong<ShapeError>(name + ": there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { word(a, {.axis = 2}); });
    wrong<ShapeError>(name + ": there is no axis -3: f32[2,3]; axes go from -2 to 1", [&] { word(a, {.axis = -3}); });
    wrong<ShapeError>(name + ": axis -1 is named twice: f32[2,3]; name each axis once", [&] {
      word(a, {.axis = {1, -1}});
    });
    wrong<Error>(name + ": the operand is an empty Tensor; give it a value first", [&] { word(empty, {}); });
    wrong<ShapeError>(name + ": the operand is a number; give a tensor", [&] { word(1.5f, {}); });
  }
  using Moment = Tensor (*)(const Operand&, const ReduceOver&, int64_t);
  for (auto [name, word] : std::initializer_list<std::pair<std::string, Moment>>{{"var", var}, {"stddev", stddev}}) {
    wrong<ShapeError>(name + ": there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { word(a, {.axis = 2}, 0); });
    wrong<ShapeError>(name + ": axis 0 is named twice: f32[2,3]; name each axis once", [&] {
      word(a, {.axis = {0, 0}}, 1);
    });
    wrong<Error>(name + ": the operand is an empty Tensor; give it a value first", [&] { word(empty, {}, 0); });
    wrong<ShapeError>(name + ": the operand is a number; give a tensor", [&] { word(1.5f, {}, 0); });
  }
  wrong<DTypeError>("logsumexp: takes floating numbers: i32[2,3]; use .to(f32)", [&] { logsumexp(n); });
  wrong<ShapeError>("max: there is no maximum of no elements: f32[0,3]; reduce over at least one", [&] {
    duet::max(zeros({0, 3}), 0);
  });
  wrong<ShapeError>("min: there is no minimum of no elements: i32[0,3]; reduce over at least one", [&] {
    duet::min(zeros({0, 3}, i32), 0);
  });
  EXPECT_EQ(duet::max(zeros({0, 3}), 1).shape(), Shape{0}) << "no results, so none without elements";
  using Place = Tensor (*)(const Operand&, int, bool);
  for (auto [name, what, word] : std::initializer_list<std::tuple<std::string, std::string, Place>>{
           {"argmax", "maximum", argmax}, {"argmin", "minimum", argmin}}) {
    wrong<ShapeError>(name + ": there is no axis 1: f32[3]; axes go from -1 to 0", [&] { word(a[0], 1, false); });
    wrong<ShapeError>(name + ": there is no " + what + " of no elements: f32[3,0]; reduce over at least one", [&] {
      word(zeros({3, 0}), 1, false);
    });
    wrong<Error>(name + ": the operand is an empty Tensor; give it a value first", [&] { word(empty, 0, false); });
    wrong<ShapeError>(name + ": the operand is a number; give a tensor", [&] { word(1.5f, 0, false); });
  }
  expect_all_named<ReduceOps>();
}

TEST_F(ReduceErrorsTest, Scans) {
  wrong<ShapeError>("cumsum: there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { cumsum(a, 2); });
  wrong<ShapeError>("cumsum: there is no axis 0: f32[]; a scalar has no axes", [&] { cumsum(zeros({}), 0); });
  wrong<Error>("cumsum: the operand is an empty Tensor; give it a value first", [&] { cumsum(empty, 0); });
  wrong<ShapeError>("cumsum: the operand is a number; give a tensor", [&] { cumsum(1.5f, 0); });
  const int64_t attrs[] = {0, 0};
  auto exclusive_prod = [&](const Operand& x) { dispatch(op<ExclusiveProd>(), {x}, attrs); };
  auto recurrence = [&](const Operand& x, const Operand& y) { dispatch(op<Recurrence>(), {x, y}, attrs); };
  wrong<DTypeError>("exclusive_prod: takes floating numbers: i32[2,3]; use .to(f32)", [&] { exclusive_prod(n); });
  wrong<DTypeError>("recurrence: takes floating numbers: i32[2,3]; use .to(f32)", [&] { recurrence(n, n); });
  wrong<ShapeError>("recurrence: factors and values differ: f32[2,3] and f64[2,3]; they must be the same",
                    [&] { recurrence(a, a.to(f64)); });
  wrong<ShapeError>("recurrence: factors and values differ: f32[2,3] and f32[3]; they must be the same",
                    [&] { recurrence(a, a[0]); });
  expect_all_named<ScanOps>();
}

TEST_F(ReduceErrorsTest, Sorts) {
  wrong<ShapeError>("sort: there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { sort(a, 2); });
  wrong<ShapeError>("sort: there is no axis -1: f32[]; a scalar has no axes", [&] { sort(zeros({})); });
  wrong<Error>("sort: the operand is an empty Tensor; give it a value first", [&] { sort(empty); });
  wrong<ShapeError>("sort: the operand is a number; give a tensor", [&] { sort(1.5f); });
  wrong<ShapeError>("argsort: there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { argsort(a, 2); });
  wrong<Error>("argsort: the operand is an empty Tensor; give it a value first", [&] { argsort(empty); });
  wrong<ShapeError>("topk: there is no axis 2: f32[2,3]; axes go from -2 to 1", [&] { topk(a, 1, 2); });
  wrong<ShapeError>("topk: axis 1 has no 4 elements: f32[2,3]; k goes from 0 to 3", [&] { topk(a, 4); });
  wrong<ShapeError>("topk: axis 0 has no 3 elements: f32[2,3]; k goes from 0 to 2", [&] { topk(a, 3, 0); });
  wrong<ShapeError>("topk: axis 1 has no -1 elements: f32[2,3]; k goes from 0 to 3", [&] { topk(a, -1); });
  wrong<Error>("topk: the operand is an empty Tensor; give it a value first", [&] { topk(empty, 1); });
  wrong<ShapeError>("topk: the operand is a number; give a tensor", [&] { topk(1.5f, 1); });
  const int64_t extent[] = {5};
  auto on = [&](const OpRecord& record, const Operand& x) { dispatch(record, {x}, extent); };
  auto unsort = [&](const Operand& x, const Operand& index) { dispatch(op<Unsort>(), {x, index}, extent); };
  auto resort = [&](const Operand& x, const Operand& index) { dispatch(op<Resort>(), {x, index}); };
  wrong<DTypeError>("unsort: indices must be i64: i32[2,3]; give what sort gave", [&] { unsort(a, n); });
  wrong<ShapeError>("unsort: indices do not fit: f32[2,3] at i64[3]; give what sort gave",
                    [&] { unsort(a, n.to(i64)[0]); });
  wrong<DTypeError>("resort: indices must be i64: f32[2,3]; give what sort gave", [&] { resort(a, a); });
  wrong<ShapeError>("resort: indices do not fit: f32[2,3] at i64[1,3]; give what sort gave",
                    [&] { resort(a, n.to(i64).slice(0, 0, 1)); });
  wrong<ShapeError>("sort: a scalar has no axis to sort: f32[]; give at least one axis",
                    [&] { on(op<Sort>(), zeros({})); });
  wrong<ShapeError>("topk: the last axis has no 5 elements: f32[2,3]; give a k from 0 to 3",
                    [&] { on(op<TopK>(), a); });
  expect_all_named<SortOps>();
}

}  // namespace
}  // namespace duet::testing
