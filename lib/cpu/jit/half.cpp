// 16-bit floats: the lower half of a lane, from memory, to it, and f16's conversions. bf16's are integer instructions.
#include "cpu/jit/assembler.h"

namespace duet::cpu::jit {

void Assembler::load_half(const Instruction& x, int to) {
  const Xbyak::RegExp at = element(static_cast<int>(x.imm), 2, x.part);
  if (!tail_) {
    vpmovzxwd(vec(to), ptr[at]);
  } else if (wide_) {
    vpmovzxwd(vec(to) | k7 | T_z, ptr[at]);
  } else {
    vpxor(quarter(to), quarter(to), quarter(to));
    vmovdqa(ptr[rsp + kBytes], quarter(to));
    copy_tail(at, 2, true);
    vpmovzxwd(vec(to), ptr[rsp + kBytes]);
  }
}

void Assembler::store_half(const Instruction& x) {
  const int value = in_register(x.a);
  const Xbyak::RegExp at = element(list_->sources + static_cast<int>(x.imm), 2, x.part);
  if (wide_) {
    tail_ ? vpmovdw(ptr[at] | k7, Xbyak::Zmm(value)) : vpmovdw(ptr[at], Xbyak::Zmm(value));
    return;
  }
  const int words = take(false);
  vextracti128(quarter(words), Xbyak::Ymm(value), 1);
  vpackusdw(quarter(words), quarter(value), quarter(words));
  vmovdqu(tail_ ? ptr[rsp + kBytes] : ptr[at], quarter(words));
  if (tail_) copy_tail(at, 2, false);
  free(words, false);
}

// F16C's conversions, whose 16-bit side is a register of half the width.
void Assembler::half(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const int from = in_register(x.a), to = take(false);
  const Xbyak::Xmm words{wide_ ? Xbyak::Operand::YMM : Xbyak::Operand::XMM, to};
  if (x.op != Op::from_f16) {
    vcvtps2ph(words, vec(from), 0);  // to the nearest, ties to even
  } else if (wide_) {
    vpmovdw(words, vec(from));
  } else {
    vextracti128(words, Xbyak::Ymm(from), 1);
    vpackusdw(words, quarter(from), words);
  }
  x.op == Op::to_f16 ? vpmovzxwd(vec(to), words) : vcvtph2ps(vec(to), words);
  release_operands(i);
  give(i, to);
}

}  // namespace duet::cpu::jit
