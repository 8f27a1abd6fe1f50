// Statistics over axes, made of other operations.
#pragma once

#include "duet/ops/reduce.h"

namespace duet {

#ifndef DUET_FORMULAS_ONLY
/// Variance, over axes as in sum: the mean of (x − mean)², in two passes, with count − ddof in place of the count (ddof
/// 1: of a sample). Integers and bool are rounded to f32 first. Gradient: 2·(x − mean)·dy / (count − ddof). Where count
/// ≤ ddof the divisor is 0.
Tensor var(const Operand& x, const ReduceOver& over = {}, int64_t ddof = 0);
inline Tensor var(const Operand& x, int axis, int64_t ddof = 0) { return var(x, ReduceOver{axis, false}, ddof); }
/// Standard deviation, the square root of var; not called std, which would hide the namespace. Gradient:
/// (x − mean)·dy / (y·(count − ddof)), and 0 where y is 0.
Tensor stddev(const Operand& x, const ReduceOver& over = {}, int64_t ddof = 0);
inline Tensor stddev(const Operand& x, int axis, int64_t ddof = 0) { return stddev(x, ReduceOver{axis, false}, ddof); }
/// log(sum(exp(x))), over axes as in sum, shifted by the maximum so that nothing overflows: −inf where all elements are
/// −inf or there are none, inf where one is inf. Gradient: softmax(x)·dy; 0 where the result is −inf, NaN where it is
/// inf. DTypeError unless x is floating.
Tensor logsumexp(const Operand& x, const ReduceOver& over = {});
inline Tensor logsumexp(const Operand& x, int axis) { return logsumexp(x, ReduceOver{axis, false}); }
#endif

}  // namespace duet
