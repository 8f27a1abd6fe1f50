// Functions with gradient rules of their own.
#pragma once

#include "duet/transform/checkpoint.h"

namespace duet {
namespace detail {

/// A tensor of a tree, or none.
struct LeafSpec {
  bool floating = false;
  Spec spec;
};
template <class T>
std::vector<LeafSpec> leaf_specs(const T& tree) {
  std::vector<LeafSpec> all;
  for_each_leaf(tree, [&](const Tensor& t) {
    all.push_back(t.defined() ? LeafSpec{is_float(t.dtype()), t.spec()} : LeafSpec{});
  });
  return all;
}
/// A tree without its tensors.
template <class T>
T emptied(T tree) {
  for_each_leaf(tree, [](Tensor& t) { t = Tensor(); });
  return tree;
}

/// Adds what the backward function gave for an argument: a tensor for each leaf of the argument, empty for zero, or
/// nothing at all. `next` counts floating leaves. ShapeError or DTypeError for what does not fit.
void add_argument_gradients(size_t argument, const std::vector<LeafSpec>& leaves, std::vector<Tensor> given,
                            std::vector<Tensor>& sums, const std::vector<bool>& wanted, size_t& next);
/// The rule of a whole batch: that of one example, inside of its level.
std::shared_ptr<TransformRule> batch_of_rule(std::shared_ptr<TransformRule> one, const TransformRule::Batch& batch);

/// The rule of one call: what forward left for backward, and backward.
template <class Y, class R, class B, size_t N>
class CustomRule : public TransformRule {
 public:
  CustomRule(const Y& y, R residual, B backward, std::vector<std::vector<LeafSpec>> args)
      : y_(emptied(y)),
        y_specs_(leaf_specs(y)),
        residual_(std::move(residual)),
        backward_(std::move(backward)),
        args_(std::move(args)) {}

  void add_gradients(const std::vector<Tensor>& dy, std::vector<Tensor>& sums,
                     const std::vector<bool>& wanted) override {
    Y dys = y_;
    size_t leaf = 0, floating = 0;
    for_each_leaf(dys, [&](Tensor& t) {
      const LeafSpec& s = y_specs_[leaf++];
      if (!s.floating) return;
      const Tensor& d = dy[floating++];
      t = d.defined() ? d : zeros(s.spec.shape, s.spec.dtype);
    });
    auto gradients = [&] {
      LineOverride own(Line{});
      return backward_(residual_, std::as_const(dys));
    }();
    using G = decltype(gradients);
    size_t next = 0;
    auto add = [&](size_t argument, const auto& g) {
      std::vector<Tensor> given;
      if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(g)>, std::nullopt_t>)
        for_each_leaf(g, [&](const Tensor& t) { given.push_back(t); });
      add_argument_gradients(argument, args_[argument], std::move(given), sums, wanted, next);
    };
    if constexpr (kIsTupleOf<G, N>) {
      [&]<size_t... I>(std::index_sequence<I...>) { (add(I, std::get<I>(gradients)), ...); }
      (std::make_index_sequence<N>());
    } else {
      static_assert(N == 1,
                    "custom_vjp: backward must return a tuple with one gradient an argument; std::nullopt stands for "
                    "that of an argument that has none");
      add(0, gradients);
    }
  }
  std::shared_ptr<TransformRule> batched(const Batch& batch) override {
    return batch_of_rule(shared_from_this(), batch);
  }

 private:
  template <class G, size_t Size>
  static constexpr bool kIsTupleOf = [] {
    if constexpr (tree::kIsTuple<G>)
      return std::tuple_size_v<G> == Size;
    else
      return false;
  }();

  Y y_;
  std::vector<LeafSpec> y_specs_;
  const R residual_;
  const B backward_;
  std::vector<std::vector<LeafSpec>> args_;
};

}  // namespace detail

/// f with a gradient rule of its own. When something is differentiated, `forward(args…)` runs in f's place and returns
/// pair(y, residual): f's result and a tree of what the rule needs; `backward(residual, dy)` returns a tuple with one
/// gradient an argument (or, for one argument, the gradient): a tree like the argument, or an empty Tensor or
/// std::nullopt for none. A tape notes one rule in place of forward's operations; a second derivative differentiates
/// forward's residual and backward, as in JAX. TraceError when f differentiates a tensor that it captures; ShapeError
/// and DTypeError, with the line of this call, when a gradient does not fit its argument.
template <class F, class Forward, class Backward>
auto custom_vjp(F f, Forward forward, Backward backward, std::source_location line = std::source_location::current()) {
  return [f = std::move(f), forward = std::move(forward), backward = std::move(backward),
          line]<class... A>(const A&... args) {
    using R = std::remove_cvref_t<decltype(f(args...))>;
    const int tapes = detail::open_tapes();
    if (tapes == 0) return static_cast<R>(f(args...));
    const auto all = detail::owned(args...);
    const std::vector<Tensor> inputs = detail::floating_leaves(all);
    const bool watched = [&] {
      LineScope scope(line);
      return detail::is_watched(inputs, "custom_vjp");
    }();
    if (!watched) return static_cast<R>(detail::call_hidden("custom_vjp", f, all));
    auto [y, residual] = detail::call_hidden("custom_vjp", forward, all);
    static_assert(std::is_same_v<decltype(y), R>,
                  "custom_vjp: forward must return pair(y, residual), y as f returns it");
    LineScope scope(line);
    if (tapes > 1) {  // a second derivative may be asked for
      auto left = [forward](const A&... x) { return forward(x...).second; };
      const std::shared_ptr<detail::RecomputeRule> rule = detail::recompute_rule(left, all);
      detail::set_floating_leaves(residual, detail::note_rule(rule, rule->inputs(), detail::floating_leaves(residual)));
    }
    using Rule = detail::CustomRule<R, decltype(residual), Backward, sizeof...(A)>;
    auto rule = std::make_shared<Rule>(y, std::move(residual), backward,
                                       std::vector<std::vector<detail::LeafSpec>>{detail::leaf_specs(args)...});
    detail::set_floating_leaves(y, detail::note_rule(rule, inputs, detail::floating_leaves(y)));
    return y;
  };
}

}  // namespace duet
