#pragma once
// The kernel language: formulas over an abstract number type T. Every execution path (SIMD packets, generated code,
// CUDA) evaluates these same IEEE operations in this order, so all of them give the same bits.
//
// A number type derives from Number and offers: kIsDouble, Mask, Bits (u32 lanes, derived from BitLanes), T(double),
// + - * /, unary -, fma, sqrt, comparisons, select(mask, a, b), bits(x), T::from_bits(b); Mask: & | ~;
// Bits: Bits(u32), + - & | ^, << >> by an int, ==, sar, mul_lo, mul_hi, select; f32: reduce_pio2(x, r, n)
// (math_trig.h); doubles: libm(fn, x), libm(fn, x, y). A number type may overload raw_min, raw_max, scale_pow2 and log_split with
// instructions that give the same bits. Formulas use select, never ?:.
//
// ULP figures: |y - reference| in units of the reference's binade, maximum over all 2^32 inputs (docs/ulp.md).

#include <duet/ops/math_basic.h>
#include <duet/ops/math_exp.h>
#include <duet/ops/math_gelu.h>
#include <duet/ops/math_pow.h>
#include <duet/ops/math_random.h>
#include <duet/ops/math_silu.h>
#include <duet/ops/math_trig.h>
