// Transforms of bodies, as steps: gradients, tangents, batches, checkpoints, and functions compiled within.
#include "fuzz/rules_movement.h"

namespace duet::fuzz {
namespace {

// A step whose body takes values of `parameters` and what else it needs, and returns one of spec `result`.
Made with_body(std::string op, Growth& g, std::vector<Spec> parameters, const Spec& result, std::vector<Spec> outputs,
               int output) {
  Made m{std::move(op), {}, {}, std::move(outputs), output};
  m.body = g.body(parameters, result);
  for (const Spec& s : parameters) m.in.push_back({s, 0, {}, nullptr});
  return m;
}
bool possible(Growth& g, const Want& w) {
  return is_float(w.dtype()) && w.plain() && w.shape().numel() <= 2000 && g.depth() < 2;
}
Tensors with_first(const Tensors& x, const Tensor& first) {
  Tensors all = x;
  all[0] = first;
  return all;
}

}  // namespace

const std::vector<Composite>& transforms() {
  static const std::vector<Composite> all = {
      // outputs: the gradient for the first operand, and the loss; attribute 1: the body is computed again on the way
      // back
      {"grad",
       [](Growth& g, const Want& w) -> Maybe {
         if (!possible(g, w)) return {};
         const bool is_loss = w.rank() == 0 && g.chance(2);
         const Spec x = is_loss ? Spec{w.dtype(), g.shape(0, 3)} : w.spec;
         // Mostly what x's shape repeats to, so that x is among what the body computes with.
         Shape y = g.shape(0, 2);
         if (x.shape.rank() < 4 && !g.chance(4)) y = g.chance(3) ? x.shape : joined({g.extent()}, x.shape);
         if (!g.fits(y)) y = x.shape;
         Made m = with_body("grad", g, {x}, {w.dtype(), y}, {x, {w.dtype(), {}}}, is_loss);
         if (g.chance(3)) m.attrs = {1};
         return m;
       },
       [](const Call& c) -> Tensors {
         const auto once = [run = c.run](const Tensors& all) { return run(all)[0]; };
         const bool again = !c.attrs.empty() && c.attrs[0] == 1;
         auto loss = [&](const Tensor& v) {
           const Tensors all = with_first(c.x, v);
           return sum(again ? checkpoint(once)(all) : once(all)) + sum(square(v)) * 0.5f;
         };
         auto [y, dx] = value_and_grad(loss)(c.x[0]);
         return {dx, y};
       },
       30},
      // outputs: the result and its derivative along tanh(the first operand)
      {"jvp",
       [](Growth& g, const Want& w) -> Maybe {
         if (!possible(g, w)) return {};
         return with_body("jvp", g, {{w.dtype(), g.shape(0, 3)}}, w.spec, {w.spec, w.spec}, g.draw(2));
       },
       [](const Call& c) -> Tensors {
         auto f = [&](const Tensor& v) { return c.run(with_first(c.x, v))[0]; };
         auto [y, dy] = jvp(f, c.x[0], tanh(c.x[0]));
         return {y, dy};
       },
       6},
      // the first operand has an example a row, the others are the same for all
      {"vmap",
       [](Growth& g, const Want& w) -> Maybe {
         if (!possible(g, w) || w.rank() == 0 || w.rank() > 4) return {};
         const Spec example{w.dtype(), g.shape(0, 2)};
         Made m = with_body("vmap", g, {example}, {w.dtype(), part(w.shape(), 1, w.rank())}, {w.spec}, 0);
         m.in[0].spec.shape = joined({w.shape()[0]}, example.shape);
         if (!g.fits(m.in[0].spec.shape)) return {};
         return m;
       },
       [](const Call& c) -> Tensors {
         auto f = [&](const Tensor& v) { return c.run(with_first(c.x, v))[0]; };
         return {vmap(f)(c.x[0])};
       },
       8},
      {"checkpoint",
       [](Growth& g, const Want& w) -> Maybe {
         if (!possible(g, w)) return {};
         return with_body("checkpoint", g, {{w.dtype(), g.shape(0, 3)}}, w.spec, {w.spec}, 0);
       },
       [](const Call& c) -> Tensors {  // called again when the gradient is computed
         return {checkpoint([run = c.run](const Tensors& all) { return run(all)[0]; })(c.x)};
       },
       6},
      // A rule that is none of calculus: a gradient that came some other way than through it would have other bits.
      {"custom_vjp",
       [](Growth& g, const Want& w) -> Maybe {
         if (!possible(g, w)) return {};
         return with_body("custom_vjp", g, {{w.dtype(), g.shape(0, 3)}}, w.spec, {w.spec}, 0);
       },
       [](const Call& c) -> Tensors {
         auto f = [run = c.run](const Tensors& all) { return run(all)[0]; };
         auto forward = [f](const Tensors& all) { return std::pair(f(all), all[0]); };
         auto backward = [n = c.x.size()](const Tensor& first, const Tensor& dy) {
           Tensors gradients(n);
           gradients[0] = tanh(first) * sum(dy);
           return std::tuple(gradients);
         };
         return {custom_vjp(f, forward, backward)(c.x)};
       },
       6},
      // Compiled on its own, but for where the eager bits are made; one graph with what is around it when that is
      // compiled.
      {"compiled",
       [](Growth& g, const Want& w) -> Maybe {
         if (!possible(g, w)) return {};
         return with_body("compiled", g, {{w.dtype(), g.shape(0, 3)}}, w.spec, {w.spec}, 0);
       },
       [](const Call& c) -> Tensors { return {compile([&](const Tensors& all) { return c.run(all)[0]; })(c.x)}; }, 4},
  };
  return all;
}

}  // namespace duet::fuzz
