// Square roots without the divider, where that is what a list waits for: Adam's root and quotient take 22 cycles of it
// for 16 elements, all else in the meantime 8.
//
// From y ≈ 1/√x, good to 14 bits: g ≈ √x and h ≈ 1/(2√x), one Newton step for both, and g + (x − g²)·h, rounded once
// (Markstein, "IA-64 and Elementary Functions", 2000). g is then a neighbour of √x and h at most two floats off, and of
// all mantissas and parities five are not rounded as vsqrtps does for each such g and h (tests/jit/root_test.cpp looks
// at all). What a machine's y makes of those five is tried once.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "cpu/jit/assembler.h"

namespace duet::cpu::jit {
namespace {

// x from 2⁻¹⁰⁰ on, where x − g² is a float, and below 2¹²⁷: words from kLow on, and so many.
constexpr uint32_t kLow = 0x0d800000u, kSpan = 0x7f000000u - kLow, kHalf = 0x3f000000u;
constexpr uint8_t kAbove = 6;  // of unsigned words

// Cycles of one machine instruction for 16 elements: of the divider, and of two units for all else.
constexpr int kRootCycles = 12, kQuotientCycles = 10, kRootInstructions = 14;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) bool tried_hard_roots() {
  alignas(64) static constexpr uint32_t kHard[16] = {0x3f800001, 0x3ffc114a, 0x406e9372, 0x407ffffd, 0x407fffff};
  const __m512 x = _mm512_castsi512_ps(_mm512_load_si512(kHard)), half = _mm512_set1_ps(0.5f);
  const __m512 y = _mm512_maskz_rsqrt14_ps(0xffff, x);  // g++ 12 warns of the plain one
  __m512 g = _mm512_mul_ps(x, y), h = _mm512_mul_ps(y, half);
  const __m512 rest = _mm512_fnmadd_ps(g, h, half);
  g = _mm512_fmadd_ps(g, rest, g);
  h = _mm512_fmadd_ps(h, rest, h);
  g = _mm512_fmadd_ps(_mm512_fnmadd_ps(g, g, x), h, g);
  return _mm512_mask_cmp_ps_mask(0x1f, g, _mm512_maskz_sqrt_ps(0xffff, x), _CMP_NEQ_UQ) == 0;
}
// Code is also written for machines that this one is not.
bool hard_roots_are_exact() { return __builtin_cpu_supports("avx512f") && tried_hard_roots(); }
#else
bool hard_roots_are_exact() { return false; }
#endif

}  // namespace

// Whether the list's elements take less time so.
bool Assembler::waits_for_roots() const {
  if (!wide_) return false;
  int roots = 0, quotients = 0, others = 0;
  for (size_t i = 0; i < values_.size(); ++i) {
    const Op op = list_->nodes[i].op;
    if (values_[i].uniform || is_load(op) || is_store(op) || op == Op::constant) continue;
    ++(op == Op::sqrt ? roots : op == Op::div ? quotients : others);
  }
  const auto cycles = [&](int divider, int instructions) { return std::max(divider, instructions / 2); };
  static const bool exact = hard_roots_are_exact();
  return exact && roots > 0 &&
         cycles(quotients * kQuotientCycles, others + roots * kRootInstructions) <
             cycles(quotients * kQuotientCycles + roots * kRootCycles, others);
}

void Assembler::root(int i) {
  const int from = in_register(list_->nodes[index(i)].a);
  const int g = take(false), h = take(false), rest = take(false), outside = take(true), some = take(true);
  RootPath& slow = root_paths_.emplace_back();
  slow.from = from;
  slow.to = g;
  vpsubd(vec(g), vec(from), pooled(pool_constant(kLow), true));
  vptestmd(Xbyak::Opmask(some), vec(from), vec(from));  // +0, as in parameters without a gradient, is common
  vpcmpud(Xbyak::Opmask(outside) | Xbyak::Opmask(some), vec(g), pooled(pool_constant(kSpan - 1), true), kAbove);
  kortestw(Xbyak::Opmask(outside), Xbyak::Opmask(outside));
  free(outside, true);
  jnz(slow.begin, T_NEAR);
  vrsqrt14ps(vec(rest), vec(from));
  vmulps(vec(g), vec(from), vec(rest));
  vmulps(vec(h), vec(rest), pooled(pool_constant(kHalf), true));
  vmovaps(vec(rest), vec(g));
  vfnmadd213ps(vec(rest), vec(h), pooled(pool_constant(kHalf), true));
  vfmadd213ps(vec(g), vec(rest), vec(g));
  vfmadd213ps(vec(h), vec(rest), vec(h));
  vmovaps(vec(rest), vec(from));
  vfnmadd231ps(vec(rest), vec(g), vec(g));
  vfmadd231ps(vec(g) | Xbyak::Opmask(some) | T_z, vec(rest), vec(h));
  L(slow.back);
  release_operands(i);
  free(h, false);
  free(rest, false);
  free(some, true);
  give(i, g);
}

// −0, the smallest and largest numbers, negative numbers, infinities, NaN in one of the lanes.
void Assembler::root_paths() {
  for (RootPath& slow : root_paths_) {
    L(slow.begin);
    vsqrtps(vec(slow.to), vec(slow.from));
    jmp(slow.back, T_NEAR);
  }
}

// Constants that root() reads; the pool is placed before the code.
void Assembler::pool_root_constants() {
  for (uint32_t bits : {kLow, kSpan - 1, kHalf}) pool_constant(bits);
}

}  // namespace duet::cpu::jit
