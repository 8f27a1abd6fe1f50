// Directional derivatives.
#pragma once

#include "duet/parameters.h"
#include "duet/transform/rule.h"

namespace duet {
namespace detail {

/// Throws unless each tangent is of its primal's spec.
void check_tangents(const std::vector<const Tensor*>& primals, const std::vector<const Tensor*>& tangents);
/// Derivatives of the outputs along the tangents, by the pullback's pullback: dx = Jᵀ·u is linear in u, and its
/// gradient with respect to u is J·t. `tape` noted the outputs. Zeros where an output does not depend on a target.
std::vector<Tensor> push_forward(TapeImpl& tape, const std::vector<Tensor>& outputs,
                                 const std::vector<uint64_t>& targets, const std::vector<const Tensor*>& tangents);

}  // namespace detail

/// (f(primal), derivative of f along the tangent). The primal is a tree, the tangent a tree of the same type whose
/// parameters are the direction; Buffers are constants, as for grad, and what stands in the tangent's is not looked at.
/// The derivative is a tree like f's result: of every floating tensor, also in a Buffer, the derivative; zeros for
/// integers, bools and keys, which have none. A tuple of primals that f does not
/// take as it is are f's arguments, and the tangent is a tuple too. Computed as a vjp of a vjp, so it works in every
/// mode and to any order, at about the cost of two gradients. ShapeError or DTypeError when the tangent does not fit.
template <class F, class P>
auto jvp(const F& f, const P& primal, const P& tangent, std::source_location line = std::source_location::current()) {
  const std::vector<const Tensor*> tangents = detail::parameters(tangent);
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
  detail::set_floating_leaves(dy, detail::push_forward(tape, detail::floating_leaves(y), targets, tangents));
  for_each_leaf(dy, [](Tensor& t) {
    if (t.defined() && !is_float(t.dtype())) t = zeros(t.shape(), t.dtype());
  });
  return std::pair{std::move(y), std::move(dy)};
}

}  // namespace duet
