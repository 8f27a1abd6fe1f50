// Transforms of small functions, as steps of random programs.
#pragma once

#include "ops/random_program.h"

namespace duet::testing {

/// A function of a few operations drawn again at every call from the same seed, so that it is the same each time.
inline auto small_function(Program& p, bool scalar) {
  return [seed = Rng(static_cast<Rng::result_type>(p.rng()())), scalar](const Tensor& x, const Tensor& w) {
    Rng rng = seed;
    Tensor y = x;
    for (int i = 2 + below(rng, 3); i > 0; --i) {
      switch (below(rng, 7)) {
        case 0:
          y = tanh(y);
          break;
        case 1:
          y = y * w;
          break;
        case 2:
          y = exp(y * 0.5f) - y;
          break;
        case 3:
          y = y.rank() > 0 ? y / (1 + sum(square(y), {.axis = -1, .keepdims = true})) : square(y);
          break;
        case 4:
          y = y.rank() > 0 && y.numel() > 0 ? softmax(y, below(rng, y.rank())) : relu(y);
          break;
        case 5:
          y = y.rank() > 1 ? transpose(transpose(y) + 0.25f) : -y;
          break;
        default:
          y = maximum(y, w * x);
          break;
      }
    }
    return scalar ? sum(y) : y;
  };
}

/// A floating value of at least a rank and a number that goes with it; no value with many elements.
inline std::optional<Tensor> transformable(Program& p, int min_rank) {
  const Tensor x = p.floating(min_rank);
  if (x.numel() > 2000 || p.style().depth > 0) return std::nullopt;
  return x;
}
inline Tensor weight_for(Program& p, const Tensor& x) { return full({}, p.chance(2) ? p.s1() : p.s2(), x.dtype()); }

inline std::optional<Tensor> checkpoint_step(Program& p, const Tensor&) {
  const std::optional<Tensor> x = transformable(p, 0);
  if (!x) return std::nullopt;
  auto f = checkpoint(small_function(p, false)), g = checkpoint(small_function(p, false));
  auto loss = [&](const Tensor& v, const Tensor& w) { return sum(f(g(v, w), w)) + sum(v); };
  if (p.chance(3)) return grad([&](const Tensor& v) { return sum(grad(loss)(v, weight_for(p, *x)) * v); })(*x);
  auto [dx, dw] = grad<0, 1>(loss)(*x, weight_for(p, *x));
  p.add(dw);
  return dx;
}

inline std::optional<Tensor> custom_vjp_step(Program& p, const Tensor&) {
  const std::optional<Tensor> x = transformable(p, 0);
  if (!x) return std::nullopt;
  auto f = small_function(p, false);
  auto c = custom_vjp(
      f,
      [f](const Tensor& v, const Tensor& w) {
        return std::pair{f(v, w), std::pair{tanh(v), w}};
      },
      [](const std::pair<Tensor, Tensor>& r, const Tensor& dy) {
        return std::tuple{dy * r.first * r.second, sum(dy * r.first)};
      });
  auto loss = [&](const Tensor& v, const Tensor& w) { return sum(c(v, w) * v); };
  const Tensor w = weight_for(p, *x);
  if (p.chance(2)) return grad([&](const Tensor& v) { return sum(square(grad(loss)(v, w))); })(*x);
  return grad(loss)(*x, w);
}

inline std::optional<Tensor> jvp_step(Program& p, const Tensor&) {
  const std::optional<Tensor> x = transformable(p, 0);
  if (!x) return std::nullopt;
  auto f = small_function(p, p.chance(2));
  const Tensor w = weight_for(p, *x);
  auto [y, dy] = p.chance(3)
                     ? jvp(grad([&](const Tensor& v) { return sum(f(v, w)); }), *x, ones(x->shape(), x->dtype()))
                     : jvp([&](const Tensor& v) { return f(v, w); }, *x, tanh(*x));
  p.add(y);
  return dy;
}

inline std::optional<Tensor> vmap_step(Program& p, const Tensor&) {
  const std::optional<Tensor> x = transformable(p, 1);
  if (!x || x->rank() > 4) return std::nullopt;
  auto f = small_function(p, p.chance(2));
  const Tensor w = weight_for(p, *x);
  auto one = [&](const Tensor& v) { return f(v, w); };
  switch (below(p.rng(), 4)) {
    case 0:
      return vmap(grad([&](const Tensor& v) { return sum(f(v, w)); }))(*x);
    case 1:
      return grad([&](const Tensor& v) { return sum(vmap(one)(v)); })(*x);
    case 2:
      return grad([&](const Tensor& v) {
        return sum(
            vmap(checkpoint([&](const Tensor& r, const Tensor& u) { return f(r, u); }), {.unbatched = {1}})(v, w));
      })(*x);
    default: {
      const Tensor all = vmap(one)(*x);
      if (x->shape(0) == 0) return all;
      const int64_t i = below(p.rng(), x->shape(0));
      // Only values that exist can be compared: those of the eager life.
      if (thread_state.trace == nullptr && thread_state.tape == nullptr)
        if (std::string d = difference(all[i], one((*x)[i])); !d.empty())
          throw std::runtime_error("a row of vmap: " + d);
      return all;
    }
  }
}

inline const std::vector<Step> kTransformSteps = {checkpoint_step, custom_vjp_step, jvp_step, vmap_step};

}  // namespace duet::testing
