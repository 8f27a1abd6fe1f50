#pragma once
// The kernel language: formulas over an abstract number type T. Every execution path (SIMD packets, generated code,
// CUDA) evaluates these same IEEE operations in this order, so all of them give the same bits.
//
// A number type derives from Number and offers: kIsDouble, Mask, Bits (u32 lanes), T(double), + - * /, unary -, fma,
// sqrt, comparisons, select(mask, a, b), bits(x), T::from_bits(b); Bits: + - & | ^ << >> ==, sar, mul_lo, mul_hi,
// select; Mask: & | ~; reduce_pio2 (math_trig.h); libm for doubles. Formulas use select, never ?:.

#include <duet/ops/math_basic.h>
#include <duet/ops/math_exp.h>
