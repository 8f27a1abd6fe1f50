// One rule for all pointwise operations, written from what their structs say.
#pragma once

#include "fuzz/growth.h"

namespace duet::fuzz {

template <class Op>
requires std::is_same_v<typename Op::Family, PointwiseOps>
struct Rule<Op> {
  // Arithmetic is what programs are mostly made of.
  static constexpr int kWeight = Op::kInputs > 3 ? 2 : Op::kInputs == 2 && !Op::kBoolOut ? 16 : 5;
  static Maybe make(Growth& g, const Want& w) {
    constexpr unsigned kAll = (1u << Op::kInputs) - 1;
    constexpr DTypeSet kTakes = Op::kAccepts | (contains(Op::kAccepts, f32) ? kHalves : 0);
    if (!w.plain() || (Op::kBoolOut ? w.dtype() != boolean : !contains(kTakes, w.dtype()))) return {};
    const DType dtype = Op::kBoolOut ? g.dtype(kTakes) : w.dtype();
    // x + 0, x · 1 and their like, which passes look for.
    if (Op::kInputs == 2 && !Op::kBoolOut && is_float(dtype) && g.chance(5)) {
      static constexpr double kNeutral[] = {0, 0, -0.0, 1};
      return Made{std::string(Op::name), {{w.spec, 0, {}, nullptr}, g.constant(kNeutral[g.draw(4)])}, {}, {w.spec}};
    }
    // One operand has the whole shape and says the type; the others repeat to it, or are numbers.
    int whole = g.chance(2) ? 0 : g.draw(Op::kInputs);
    while (((Op::kBoolIn >> whole) & 1u) && Op::kBoolIn != kAll) whole = g.draw(Op::kInputs);
    Made m{std::string(Op::name), {}, {}, std::vector<Spec>(Op::kOutputs, w.spec), g.draw(Op::kOutputs)};
    for (int i = 0; i < Op::kInputs; ++i) {
      const bool mask = (Op::kBoolIn >> i) & 1u, often = (Op::kOftenNumbers >> i) & 1u;
      if (i != whole && !mask && dtype != boolean && g.chance(often ? 2 : 6)) {
        m.in.push_back(g.number(dtype));
        continue;
      }
      const Shape shape = i == whole || !g.chance(3) ? w.shape() : g.broadcast(w.shape());
      m.in.push_back(Growth::value(mask ? boolean : dtype, shape));
    }
    return m;
  }
};

}  // namespace duet::fuzz
