// The machine instructions of each instruction. Masks are mask registers (AVX-512) or all ones and zeros (AVX2).
#include <algorithm>
#include <bit>
#include <utility>

#include "cpu/jit/assembler.h"

namespace duet::cpu::jit {
namespace {

constexpr int kLess = 17, kLessEqual = 18, kEqual = 0, kNotEqual = 4, kGreater = 30;  // quiet; != true on NaN

}  // namespace

void Assembler::emit(int i) {
  const Instruction& x = list_->nodes[index(i)];
  locked_ = locked_masks_ = 0;
  free_slots_.insert(free_slots_.end(), read_slots_.begin(), read_slots_.end());
  read_slots_.clear();
  switch (x.op) {
    case Op::load:
      if (values_[index(i)].uniform) return load_row_element(i);
      if (!values_[index(i)].lazy) {
        const int to = take(false);
        load_element(i, to);
        give(i, to);
      }
      return;
    case Op::load_mask:
      if (values_[index(i)].uniform) return load_row_element(i);
      {
        const int to = take(wide_);
        load_mask(i, to);
        give(i, to);
      }
      return;
    case Op::load_half:
      if (values_[index(i)].uniform) return load_row_element(i);
      {
        const int to = take(false);
        load_half(x, to);
        give(i, to);
      }
      return;
    case Op::constant:
      return;
    case Op::sqrt:
    case Op::mantissa:
    case Op::exponent:
    case Op::from_int:
      return unary(i);
    case Op::from_f16:
    case Op::to_f16:
    case Op::round_f16:
      return half(i);
    case Op::or_and:
      return or_and(i);
    case Op::fma:
    case Op::fms:
    case Op::fnma:
    case Op::fnms:
      return multiply_add(i);
    case Op::lt:
    case Op::le:
    case Op::eq:
    case Op::ne:
    case Op::bits_eq:
      return compare(i);
    case Op::mask_and:
    case Op::mask_or:
    case Op::mask_not:
      return masks(i);
    case Op::select:
      return blend(i);
    case Op::shl:
    case Op::shr:
    case Op::sar:
      return shift(i);
    case Op::mul_hi:
      return multiply_high(i);
    case Op::pio2_rest:
    case Op::pio2_quadrant:
      return reduce_angle(i);
    case Op::store:
    case Op::store_mask:
    case Op::store_half:
      if (values_[index(i)].uniform)
        store_row_element(x);
      else if (x.op == Op::store)
        store_element(x);
      else
        x.op == Op::store_mask ? store_mask(x) : store_half(x);
      return release_operands(i);
    case Op::reduce:
      return reduce(i);
    case Op::column:
      return reduce_column(i);
    default:
      return binary(i);
  }
}

void Assembler::binary(int i) {
  const Instruction& x = list_->nodes[index(i)];
  int first = x.a, second = x.b;
  const bool commutes = x.op != Op::sub && x.op != Op::div && x.op != Op::min && x.op != Op::max && x.op != Op::scale &&
                        x.op != Op::bits_sub;
  if (commutes && in_memory(first) && !in_memory(second)) std::swap(first, second);
  const Xbyak::Xmm a = vec(in_register(first));
  if (x.mask >= 0) {
    const Xbyak::Opmask mask(in_register(x.mask));
    const int to = overwritten(x.c, i, {first, second});
    const Source b = source(second);
    operate(x.op, vec(to) | mask, a, b);
    release_operands(i);
    free_ &= ~(1u << to);
    return give(i, to);
  }
  const Source b = source(second);
  release_operands(i);
  const int to = take(false);
  operate(x.op, vec(to), a, b);
  give(i, to);
}

void Assembler::operate(Op op, const Xbyak::Xmm& y, const Xbyak::Xmm& a, const Source& b) {
  switch (op) {
    case Op::add:
      vaddps(y, a, b);
      break;
    case Op::sub:
      vsubps(y, a, b);
      break;
    case Op::mul:
      vmulps(y, a, b);
      break;
    case Op::div:
      vdivps(y, a, b);
      break;
    case Op::min:
      vminps(y, a, b);
      break;
    case Op::max:
      vmaxps(y, a, b);
      break;
    case Op::scale:
      vscalefps(y, a, b);
      break;
    case Op::bits_add:
      vpaddd(y, a, b);
      break;
    case Op::bits_sub:
      vpsubd(y, a, b);
      break;
    case Op::bits_and:
      wide_ ? vpandd(y, a, b) : vpand(y, a, b);
      break;
    case Op::bits_or:
      wide_ ? vpord(y, a, b) : vpor(y, a, b);
      break;
    case Op::bits_xor:
      wide_ ? vpxord(y, a, b) : vpxor(y, a, b);
      break;
    default:  // mul_lo
      vpmulld(y, a, b);
  }
}

// What is overwritten where a mask says so, or as a whole: the value itself when it is read here for the last time,
// else a copy.
int Assembler::overwritten(int value, int i, std::initializer_list<int> others) {
  const int reg = in_register(value);
  if (dies(value, i) && std::find(others.begin(), others.end(), value) == others.end()) return reg;
  const int copy = take(false);
  vmovaps(vec(copy), vec(reg));
  return copy;
}

void Assembler::or_and(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const Xbyak::Xmm b = vec(in_register(x.b));
  const int to = overwritten(x.a, i, {x.b, x.c});
  constexpr uint8_t kOrAnd = 0xf8;  // first | (second & third)
  vpternlogd(vec(to), b, source(x.c), kOrAnd);
  release_operands(i);
  free_ &= ~(1u << to);
  give(i, to);
}

void Assembler::unary(int i) {
  const Instruction& x = list_->nodes[index(i)];
  if (x.op == Op::sqrt && waits_for_roots_ && !values_[index(i)].uniform) return root(i);
  const Source a = source(x.a);
  release_operands(i);
  const int to = take(false);
  const Xbyak::Xmm y = vec(to);
  if (x.op == Op::sqrt)
    vsqrtps(y, a);
  else if (x.op == Op::mantissa)
    vgetmantps(y, a, 8);  // in [1, 2); NaN for a negative number
  else if (x.op == Op::exponent)
    vgetexpps(y, a);
  else
    vcvtdq2ps(y, a);
  give(i, to);
}

// The machine's instructions overwrite one of the three operands: one that is read here for the last time, or a copy.
void Assembler::multiply_add(int i) {
  using Form = void (CodeGenerator::*)(const Xbyak::Xmm&, const Xbyak::Xmm&, const Xbyak::Operand&);
  // 132: y = y·third ± second; 213: y = second·y ± third; 231: y = second·third ± y.
  static constexpr Form kForms[4][3] = {
      {&CodeGenerator::vfmadd132ps, &CodeGenerator::vfmadd213ps, &CodeGenerator::vfmadd231ps},
      {&CodeGenerator::vfmsub132ps, &CodeGenerator::vfmsub213ps, &CodeGenerator::vfmsub231ps},
      {&CodeGenerator::vfnmadd132ps, &CodeGenerator::vfnmadd213ps, &CodeGenerator::vfnmadd231ps},
      {&CodeGenerator::vfnmsub132ps, &CodeGenerator::vfnmsub213ps, &CodeGenerator::vfnmsub231ps}};
  const Instruction& x = list_->nodes[index(i)];
  const auto& form = kForms[static_cast<int>(x.op) - static_cast<int>(Op::fma)];
  int a = x.a, b = x.b, c = x.c;
  auto overwritable = [&](int v) { return !in_memory(v) && dies(v, i); };
  auto from_memory = [&](int v) { return in_memory(v); };
  if (overwritable(b) && !overwritable(a)) std::swap(a, b);
  const bool over_c = overwritable(c) && c != a && c != b;
  const bool over_a = !over_c && overwritable(a) && a != c;
  // Without one, what has to be read from memory anyway is the copy.
  const bool load_c = !over_c && !over_a && (from_memory(c) || !(from_memory(a) || from_memory(b)));
  if (!over_c && !over_a && !load_c && !from_memory(a)) std::swap(a, b);
  if (over_c || load_c) {
    if (from_memory(a) && !from_memory(b)) std::swap(a, b);
    const int y = over_c ? in_register(c) : -1;
    const Xbyak::Xmm second = vec(in_register(a));
    int copy = -1;
    if (load_c) {
      const Source from = source(c);
      copy = take(false);
      if (!from.memory)
        vmovaps(vec(copy), from);
      else if (values_[index(c)].constant >= 0 && wide_)
        vbroadcastss(vec(copy), ptr[rip + pool_label_ + values_[index(c)].constant]);
      else
        vmovups(vec(copy), from);
    }
    const Source third = source(b);
    release_operands(i);
    const int to = load_c ? copy : y;
    if (over_c) free_ &= ~(1u << to);  // just released
    (this->*form[2])(vec(to), second, third);
    return give(i, to);
  }
  int to = -1;
  Xbyak::Xmm second;
  Source third;
  int which = 1;
  if (over_a) {
    to = in_register(a);
    // Which of the other two may stay in memory?
    if (from_memory(b) && !from_memory(c)) {
      which = 0;
      second = vec(in_register(c));
      third = source(b);
    } else {
      second = vec(in_register(b));
      third = source(c);
    }
    release_operands(i);
    free_ &= ~(1u << to);
  } else {  // a is in memory
    const Source from = source(a);
    if (from.memory) {
      to = take(false);
      if (values_[index(a)].constant >= 0 && wide_)
        vbroadcastss(vec(to), ptr[rip + pool_label_ + values_[index(a)].constant]);
      else
        vmovups(vec(to), from);
    } else {
      to = take(false);
      vmovaps(vec(to), from);
    }
    second = vec(in_register(b));
    third = source(c);
    release_operands(i);
  }
  (this->*form[which])(vec(to), second, third);
  give(i, to);
}

void Assembler::compare(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const Xbyak::Xmm a = vec(in_register(x.a));
  const Source b = source(x.b);
  release_operands(i);
  const int to = take(wide_);
  const auto predicate = static_cast<uint8_t>(x.op == Op::lt   ? kLess
                                              : x.op == Op::le ? kLessEqual
                                              : x.op == Op::eq ? kEqual
                                                               : kNotEqual);
  if (x.op == Op::bits_eq)
    wide_ ? vpcmpeqd(Xbyak::Opmask(to), a, b) : vpcmpeqd(vec(to), a, b);
  else
    wide_ ? vcmpps(Xbyak::Opmask(to), a, b, predicate) : vcmpps(vec(to), a, b, predicate);
  give(i, to);
}

void Assembler::masks(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const int a = in_register(x.a), b = x.b >= 0 ? in_register(x.b) : a;
  release_operands(i);
  const int to = take(wide_);
  if (wide_) {
    const Xbyak::Opmask y(to), p(a), q(b);
    x.op == Op::mask_and ? kandw(y, p, q) : x.op == Op::mask_or ? korw(y, p, q) : knotw(y, p);
  } else {
    x.op == Op::mask_and  ? vpand(vec(to), vec(a), vec(b))
    : x.op == Op::mask_or ? vpor(vec(to), vec(a), vec(b))
                          : vpxor(vec(to), vec(a), pooled(pool_constant(~0u), true));
  }
  give(i, to);
}

void Assembler::blend(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const int mask = in_register(x.a);
  const Xbyak::Xmm otherwise = vec(in_register(x.c));
  const Source chosen = source(x.b);
  release_operands(i);
  const int to = take(false);
  if (wide_)
    vblendmps(vec(to) | Xbyak::Opmask(mask), otherwise, chosen);
  else
    vblendvps(vec(to), otherwise, chosen, vec(mask));
  give(i, to);
}

void Assembler::shift(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const Xbyak::Xmm a = vec(in_register(x.a));
  release_operands(i);
  const int to = take(false);
  const auto distance = static_cast<uint8_t>(x.imm);
  x.op == Op::shl   ? vpslld(vec(to), a, distance)
  : x.op == Op::shr ? vpsrld(vec(to), a, distance)
                    : vpsrad(vec(to), a, distance);
  give(i, to);
}

// Upper halves of 32-bit products: even and odd lanes apart.
void Assembler::multiply_high(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const Xbyak::Xmm a = vec(in_register(x.a)), b = vec(in_register(x.b));
  const int to = take(false), other = take(false);
  vpsrlq(vec(to), a, 32);
  vpsrlq(vec(other), b, 32);
  vpmuludq(vec(to), vec(to), vec(other));
  vpmuludq(vec(other), a, b);
  vpsrlq(vec(to), vec(to), 32);
  vpsllq(vec(to), vec(to), 32);
  vpsrlq(vec(other), vec(other), 32);
  wide_ ? vpord(vec(to), vec(to), vec(other)) : vpor(vec(to), vec(to), vec(other));
  release_operands(i);
  free(other, false);
  give(i, to);
}

// Where any |x| is large, a call computes the exact rest and quadrant, out of the way.
void Assembler::reduce_angle(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const int angle = in_register(x.a), rest = in_register(x.b), quadrant = in_register(x.c);
  const int to = take(false), size = take(false);
  SlowPath& slow = slow_paths_.emplace_back();
  slow.x = angle;
  slow.r = rest;
  slow.n = quadrant;
  slow.result = to;
  slow.quadrant = x.op == Op::pio2_quadrant;
  const Xbyak::Address magnitude = pooled(pool_constant(0x7fffffffu), true);
  const Xbyak::Address fast = pooled(pool_constant(std::bit_cast<uint32_t>(math::kTrigFast)), true);
  vmovaps(vec(to), vec(slow.quadrant ? quadrant : rest));
  if (wide_) {
    const int large = take(true);
    vpandd(vec(size), vec(angle), magnitude);
    vcmpps(Xbyak::Opmask(large), vec(size), fast, kGreater);
    kortestw(Xbyak::Opmask(large), Xbyak::Opmask(large));
    free(large, true);
  } else {
    vpand(vec(size), vec(angle), magnitude);
    vcmpps(vec(size), vec(size), fast, kGreater);
    vptest(vec(size), vec(size));
  }
  jnz(slow.begin, T_NEAR);
  L(slow.back);
  release_operands(i);
  free(size, false);
  give(i, to);
}

}  // namespace duet::cpu::jit
