// Gradients that keep arguments instead of intermediate values.
#pragma once

#include "duet/transform/rule.h"

namespace duet {
namespace detail {

/// The rule of a function that is computed again for its gradient.
class RecomputeRule : public TransformRule {
 public:
  /// The inputs are kept, each once.
  explicit RecomputeRule(std::vector<Tensor> inputs) : inputs_(std::move(inputs)) {}
  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// The function's floating results, from other inputs.
  virtual std::vector<Tensor> outputs(const std::vector<Tensor>& inputs) = 0;

  void add_gradients(const std::vector<Tensor>& dy, std::vector<Tensor>& sums,
                     const std::vector<bool>& wanted) override;
  std::shared_ptr<TransformRule> batched(const Batch& batch) override;

 private:
  std::vector<Tensor> inputs_;
};

/// Tensors without those that are there already, and where each of them went.
struct Distinct {
  std::vector<Tensor> values;
  std::vector<size_t> place;
  explicit Distinct(const std::vector<Tensor>& all);
};

template <class F, class... A>
class Recompute : public RecomputeRule {
 public:
  Recompute(F f, std::tuple<A...> args, Distinct inputs)
      : RecomputeRule(std::move(inputs.values)),
        f_(std::move(f)),
        args_(std::move(args)),
        place_(std::move(inputs.place)) {}
  std::vector<Tensor> outputs(const std::vector<Tensor>& inputs) override {
    std::tuple<A...> args = as_constant(args_);  // new ids: a key is not used twice by being used again
    std::vector<Tensor> leaves;
    for (size_t k : place_) leaves.push_back(inputs[k]);
    set_floating_leaves(args, leaves);
    return floating_leaves(std::apply(std::as_const(f_), std::as_const(args)));
  }

 private:
  F f_;
  std::tuple<A...> args_;
  std::vector<size_t> place_;
};

template <class F, class... A>
std::shared_ptr<RecomputeRule> recompute_rule(const F& f, const std::tuple<A...>& args) {
  return std::make_shared<Recompute<F, A...>>(f, args, Distinct(floating_leaves(args)));
}

template <class F, class... A>
auto checkpointed_call(const F& f, const std::tuple<A...>& args, const Line& line) {
  auto y = call_hidden("checkpoint", f, args);
  static_assert(tree::is_tree<decltype(y)>(), "duet: the result must be a tree of tensors and numbers");
  LineScope scope(line);
  if (is_watched(floating_leaves(args), "checkpoint")) {
    const std::shared_ptr<RecomputeRule> rule = recompute_rule(f, args);
    set_floating_leaves(y, note_rule(rule, rule->inputs(), floating_leaves(y)));
  }
  return y;
}

}  // namespace detail

/// f with the same values and gradients, bit for bit, that keeps only its arguments for the backward pass and computes
/// the rest again there (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016). Arguments and result are
/// trees; a layer, which is a tree itself, may be f: its parameters get gradients too. Inside compiled functions the
/// second computation is kept apart from the first. Second derivatives agree up to rounding. TraceError when f
/// differentiates a tensor that it captures.
template <class F>
auto checkpoint(F f, std::source_location line = std::source_location::current()) {
  return [f = std::move(f), line]<class... A>(const A&... args) {
    using R = std::remove_cvref_t<decltype(f(args...))>;
    if (detail::open_tapes() == 0) return static_cast<R>(f(args...));
    if constexpr (tree::is_tree<F>()) {
      auto call = [](const F& layer, const A&... x) -> R { return layer(x...); };
      return detail::checkpointed_call(call, detail::owned(f, args...), line);
    } else {
      return static_cast<R>(detail::checkpointed_call(f, detail::owned(args...), line));
    }
  };
}

}  // namespace duet
