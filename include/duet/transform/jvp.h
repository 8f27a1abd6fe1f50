// Directional derivatives.
#pragma once

#include "duet/grad.h"

namespace duet {
namespace detail {

/// The floating parameters of a tree.
template <class T>
std::vector<Tensor> parameters(const T& tree) {
  std::vector<Tensor> all;
  for_each_parameter(tree, [&](const Tensor& t) { all.push_back(t); });
  return all;
}

/// Throws unless each tangent is of its primal's spec.
void check_tangents(const std::vector<Tensor>& primals, const std::vector<Tensor>& tangents);
/// Derivatives of the outputs along the tangents, by the pullback's pullback: dx = Jᵀ·u is linear in u, and its
/// gradient with respect to u is J·t. `tape` noted the outputs. Undefined where an output does not depend on a target.
std::vector<Tensor> push_forward(TapeImpl& tape, const std::vector<Tensor>& outputs,
                                 const std::vector<uint64_t>& targets, const std::vector<Tensor>& tangents);

}  // namespace detail

/// (f(primal), derivative of f along the tangent). The primal is a tree, the tangent a tree of the same type whose
/// floating tensors are the direction; the derivative is a tree like f's result. A tuple of primals that f does not
/// take as it is are f's arguments, and the tangent is a tuple too. Computed as a vjp of a vjp, so it works in every
/// mode and to any order, at about the cost of two gradients. ShapeError or DTypeError when the tangent does not fit.
template <class F, class P>
auto jvp(const F& f, const P& primal, const P& tangent, std::source_location line = std::source_location::current()) {
  const std::vector<Tensor> tangents = detail::parameters(tangent);
  {
    LineScope scope(line);
    detail::check_tangents(detail::parameters(primal), tangents);
  }
  TapeImpl tape;
  std::vector<uint64_t> targets;
  const P watched = detail::watched_copy(primal, tape, targets);
  auto y = [&] {
    TapeScope scope(tape);
    if constexpr (std::is_invocable_v<const F&, const P&>)
      return f(watched);
    else
      return std::apply(f, watched);
  }();
  auto dy = y;
  LineScope scope(line);
  std::vector<Tensor> derivatives = detail::push_forward(tape, detail::parameters(y), targets, tangents);
  size_t next = 0;
  dy = detail::gradient_tree(y, derivatives, next);
  return std::pair{std::move(y), std::move(dy)};
}

}  // namespace duet
