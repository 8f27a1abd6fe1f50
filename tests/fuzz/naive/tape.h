// The tape of the naive interpreter: every operation on variables, one number at a time.
#pragma once

#include "fuzz/naive/number.h"

namespace duet::fuzz::naive {

enum class Fn : uint8_t {
  neg,
  add,
  sub,
  mul,
  div,
  reciprocal,
  square,
  sqrt,
  rsqrt,
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tanh,
  erf,
  pow,
  sigmoid,
  gelu,
  gelu_tanh,
  silu,
  softplus,
  mish,
  bce,
  converted,  // to f64 if b is 1, to f32 if it is 0
  sum,        // of any number of operands
  linked,     // with factors of its own
  leaf,
};

/// y as the result of fn, on the tape if an operand is.
Num noted(Fn fn, Num y, const Num& a, const Num& b = {});
Num noted_sum(Num y, const std::vector<Num>& x);

}  // namespace duet::fuzz::naive
