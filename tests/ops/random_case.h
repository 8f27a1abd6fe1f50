// A random program of every op with its arguments, from a seed.
#pragma once

#include "ops/random_program.h"

namespace duet::testing {

/// One program and its arguments.
struct Case {
  uint32_t seed;
  Style style;
  Tensors state, inputs;

  explicit Case(uint32_t s, int max_steps) : seed(s) {
    Rng rng(s * 2654435761u + 12345);
    style.steps = std::min(max_steps, 5 + below(rng, 26));
    style.splits = s % 5 == 0;
    style.specials = s % 4 == 0;
    const int64_t extents[] = {1, 2, 3, 17, 64, 65, 130, 0};
    auto extent = [&] { return extents[below(rng, s % 9 == 0 ? 8 : 7)]; };
    int64_t a = extent(), b = extent(), c = 1 + below(rng, 4);
    if (s % 11 == 0) a = 300, b = 260, style.max_numel = 500000;  // enough for two threads
    DType dtype = s % 7 == 3 ? f64 : f32;
    auto make = [&](const Shape& shape, DType t) { return random_tensor(rng, shape, t, style.specials); };
    state = {make({a, b}, dtype), make({a, b}, dtype), make({b}, dtype)};
    inputs = {make({a, b}, dtype),
              make({b, 3}, dtype),
              make({c, 1, b}, dtype),
              make({a, 1}, dtype),
              make({}, dtype),
              make({a, b}, i32),
              make({a}, i64),
              make({b, a}, dtype).transpose(),
              make({a, b * 2}, dtype).slice(1, 0, b * 2, 2),
              broadcast_to(make({1, b}, dtype), {a, b}),
              make({b}, u8),
              make({3, 17}, f32)};
  }

  Tensors operator()(Tensors& state, const Tensors& x, float s1, float s2) const {
    Program p(Rng(seed), style, s1, s2);
    for (const Tensor& t : x) p.add(t);
    p.add(x[0] * s1);
    p.add(state[0]);
    p.add(state[1] + s2);
    p.add(state[2]);
    p.run();
    for (int i = below(p.rng(), 4); i > 0; --i) {
      size_t k = static_cast<size_t>(below(p.rng(), 3));
      for (const Tensor& t : p.pool())
        if (t.spec() == state[k].spec() && below(p.rng(), 3) == 0) {
          state[k] = t;
          break;
        }
    }
    if (below(p.rng(), 3) == 0) state[0] += state[1];
    Tensors results;
    for (const Tensor& t : p.pool())
      if (below(p.rng(), 3) == 0) results.push_back(t);
    results.push_back(p.pool().back());
    return results;
  }
};

}  // namespace duet::testing
