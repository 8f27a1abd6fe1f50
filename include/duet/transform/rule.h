// What custom_vjp and checkpoint share: their function runs unseen by the tapes that are open, and those note one rule
// in place of its operations.
#pragma once

#include "duet/grad.h"

namespace duet {

/// A rule on tapes. Under vmap, the tapes around it are given the rule of the whole batch.
class TransformRule : public TapeRule, public std::enable_shared_from_this<TransformRule> {
 public:
  /// A level of vmap, and which inputs differ from example to example there; outputs always do.
  struct Batch {
    int32_t level;
    int64_t size;
    std::vector<bool> inputs;
  };
  virtual std::shared_ptr<TransformRule> batched(const Batch& batch) = 0;
};

/// Hides open tapes for a scope, at every level of vmap. TraceError, in the name of `who`, for an operation on what
/// they watch: the function may only use its arguments, which it gets as constants.
class HideTapes {
 public:
  explicit HideTapes(const char* who);
  ~HideTapes();
  HideTapes(const HideTapes&) = delete;
  HideTapes& operator=(const HideTapes&) = delete;

 private:
  std::vector<std::unique_ptr<TapeImpl>> hiding_;
};

namespace detail {

/// How many tapes are open, at all levels of vmap, and whether one of them watches one of the tensors. TraceError when
/// one that is hidden does.
int open_tapes();
bool is_watched(const std::vector<Tensor>& tensors, const char* who);

/// The floating tensors of a tree, in order; with those in Buffers.
template <class T>
std::vector<Tensor> floating_leaves(const T& tree) {
  std::vector<Tensor> leaves;
  for_each_leaf(tree, [&](const Tensor& t) {
    if (t.defined() && is_float(t.dtype())) leaves.push_back(t);
  });
  return leaves;
}
/// Puts tensors in the places that floating_leaves took them from.
template <class T>
void set_floating_leaves(T& tree, const std::vector<Tensor>& leaves) {
  size_t next = 0;
  for_each_leaf(tree, [&](Tensor& t) {
    if (t.defined() && is_float(t.dtype())) t = leaves[next++];
  });
}

/// x with leaves that no tape knows.
template <class T>
T as_constant(const T& x) {
  T copy = x;
  for_each_leaf(copy, [](Tensor& t) {
    if (t.defined()) t = stop_gradient(t);
  });
  return copy;
}

/// f(args…) where no tape sees it.
template <class F, class... A>
auto call_hidden(const char* who, const F& f, const std::tuple<A...>& args) {
  HideTapes hide(who);
  return std::apply(f, as_constant(args));
}

/// Gives the outputs ids of their own and puts the rule on every tape that watches an input.
std::vector<Tensor> note_rule(const std::shared_ptr<TransformRule>& rule, const std::vector<Tensor>& inputs,
                              const std::vector<Tensor>& outputs);

/// The arguments of a call as a tuple of trees of their own.
template <class... A>
std::tuple<std::remove_cvref_t<A>...> owned(A&&... args) {
  static_assert((tree::is_tree<A>() && ...), "duet: the arguments must be trees of tensors and numbers");
  return std::tuple<std::remove_cvref_t<A>...>(std::forward<A>(args)...);
}

}  // namespace detail
}  // namespace duet
