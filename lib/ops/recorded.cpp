#include "ops/recorded.h"

#include <map>
#include <mutex>

#include "duet/formula.h"
#include "duet/ops/pointwise.h"

namespace duet {
namespace {

struct Recorder {
  ExprList (*forward)();
  ExprList (*rule)();  // gradients of all inputs; the inputs are the rule's parameters
};

template <class Op, bool Double, int P>
auto rule_parameter() {
  constexpr Need need = kNeeds<Op>.of[P];
  if constexpr (need.kind == Need::input && ((Op::kBoolIn >> need.index) & 1u))
    return typename Expr<Double>::Mask{Expr<Double>::emit(ExprOp::input_mask, -1, -1, -1, P)};
  else
    return Expr<Double>::of(Expr<Double>::emit(ExprOp::input, -1, -1, -1, P));
}
template <class Op, bool Double>
ExprList record_whole_rule() {
  ExprList list;
  list.is_double = Double;
  if constexpr (HasVjp<Op>::value) {
    ExprRecorder recorder(list);
    [&]<int... P>(std::integer_sequence<int, P...>) {
      auto g = Op::template vjp<Expr<Double>>(rule_parameter<Op, Double, P>()...);
      for (int i = 0; i < Op::kInputs; ++i) list.outputs.push_back(result(g, i).node);
    }
    (std::make_integer_sequence<int, kNeeds<Op>.kCount>());
  }
  return list;
}

template <bool Double, class... Ops>
Recorder recorder_of(int row, const OpList<Ops...>*) {
  static constexpr Recorder table[] = {{record_formula<Ops, Double>, record_whole_rule<Ops, Double>}...};
  return table[row];
}

ExprList record(const OpRecord& op, bool is_double) {
  const auto* family = static_cast<const PointwiseOps*>(nullptr);
  const Recorder recorder = is_double ? recorder_of<true>(op.kernel, family) : recorder_of<false>(op.kernel, family);
  if (op.vjp_mask == 0) return recorder.forward();
  // The gradients that this record computes, of the parameters that they need.
  ExprList list = recorder.rule();
  const auto wanted = static_cast<unsigned>(op.vjp_mask);
  const unsigned used = builtin(family, op.kernel).vjp_used(wanted);
  std::vector<int> outputs;
  for (size_t i = 0; i < list.outputs.size(); ++i)
    if ((wanted >> i) & 1u) outputs.push_back(list.outputs[i]);
  list.outputs = std::move(outputs);
  prune(list);
  for (ExprNode& e : list.nodes)
    if (e.op == ExprOp::input || e.op == ExprOp::input_mask)
      e.imm = static_cast<uint64_t>(__builtin_popcount(used & ((1u << e.imm) - 1)));
  return list;
}

}  // namespace

const ExprList& recorded(const OpRecord& op, bool is_double) {
  if (op.formula != nullptr) return is_double ? op.formula->f64 : op.formula->f32;
  static std::mutex mutex;
  static std::map<std::pair<const OpRecord*, bool>, ExprList> kept;  // a map: lists never move
  std::lock_guard lock(mutex);
  const std::pair key(&op, is_double);
  const auto found = kept.find(key);
  if (found != kept.end()) return found->second;
  return kept.emplace(key, record(op, is_double)).first->second;  // a list whose recording fails leaves no trace
}

}  // namespace duet
