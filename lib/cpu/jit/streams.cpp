// How elements come from memory and go there; of the last, partial register of a row only those that exist.
#include "cpu/jit/assembler.h"

namespace duet::cpu::jit {

void Assembler::give_pointers() {
  static constexpr int kPointers[] = {Xbyak::Operand::RCX, Xbyak::Operand::R8,  Xbyak::Operand::R9,
                                      Xbyak::Operand::R10, Xbyak::Operand::R11, Xbyak::Operand::RBX,
                                      Xbyak::Operand::R12, Xbyak::Operand::R13, Xbyak::Operand::R14};
  pointers_.assign(index(list_->sources + list_->outputs), -2);
  size_t given = 0;
  for (size_t i = 0; i < values_.size(); ++i) {
    const Instruction& x = list_->nodes[i];
    const bool load = is_load(x.op);
    if (!(load || is_store(x.op)) || values_[i].uniform || is_reduction(x.op)) continue;
    int& pointer = pointers_[load ? x.imm : index(list_->sources) + x.output()];
    if (pointer == -2) pointer = given < std::size(kPointers) ? kPointers[given++] : -1;
  }
  ahead_.clear();
  claimed_.clear();
  for (size_t k = 0; k < list_->ahead.size(); ++k)
    if (list_->ahead[k] && given < std::size(kPointers)) ahead_.emplace_back(k, kPointers[given++]);
  for (size_t k = 0; k < list_->claim.size(); ++k)
    if (list_->claim[k] && given < std::size(kPointers))
      claimed_.emplace_back(index(list_->sources) + k, kPointers[given++]);
}

// Where the streams go on in this row, and in the next one.
void Assembler::load_pointers() {
  for (size_t k = 0; k < pointers_.size(); ++k)
    if (pointers_[k] >= 0) mov(Xbyak::Reg64(pointers_[k]), ptr[rdi + k * 16]);
  for (const auto& [k, reg] : ahead_) {
    mov(Xbyak::Reg64(reg), ptr[rdi + k * 16]);
    add(Xbyak::Reg64(reg), ptr[rdi + k * 16 + 8]);
  }
  for (const auto& [k, reg] : claimed_) mov(Xbyak::Reg64(reg), ptr[rdi + k * 16]);
}

void Assembler::prefetch() {
  for (int part = 0; part < parts_; ++part) {
    for (const auto& [k, reg] : ahead_) prefetcht0(ptr[Xbyak::Reg64(reg) + rax * 4 + part_bytes(part, 4)]);
    for (const auto& [k, reg] : claimed_) prefetchw(ptr[Xbyak::Reg64(reg) + rax * 4 + part_bytes(part, 4)]);
  }
}

// Where a stream's next elements are.
Xbyak::RegExp Assembler::element(int stream, int bytes, int part) {
  const int pointer = pointers_[index(stream)];
  if (pointer >= 0) return Xbyak::Reg64(pointer) + rax * bytes + part_bytes(part, bytes);
  mov(rbp, ptr[rdi + index(stream) * 16]);
  return rbp + rax * bytes + part_bytes(part, bytes);
}

void Assembler::load_element(int i, int to) {
  const Instruction& x = list_->nodes[index(i)];
  load_from(element(static_cast<int>(x.imm), 4, x.part), to);
}

void Assembler::load_from(const Xbyak::RegExp& at, int to) {
  if (!tail_) {
    vmovups(vec(to), ptr[at]);
  } else if (wide_) {
    vmovups(vec(to) | k7 | T_z, ptr[at]);
  } else {
    vmovaps(vec(to), ptr[rsp + kTailMask]);
    vmaskmovps(vec(to), vec(to), ptr[at]);
  }
}

void Assembler::store_element(const Instruction& x) {
  const int value = in_register(x.a);
  const Xbyak::RegExp at = element(list_->sources + static_cast<int>(x.imm), 4, x.part);
  if (list_->past[x.imm] && !tail_)
    vmovntps(ptr[at], vec(value));
  else
    store_to(at, value);
}

void Assembler::store_to(const Xbyak::RegExp& at, int from) {
  if (!tail_) {
    vmovups(ptr[at], vec(from));
  } else if (wide_) {
    vmovups(ptr[at] | k7, vec(from));
  } else {
    const int mask = take(false);
    vmovaps(vec(mask), ptr[rsp + kTailMask]);
    vmaskmovps(ptr[at], vec(mask), vec(from));
    free(mask, false);
  }
}

// One element for the whole row.
void Assembler::store_row_element(const Instruction& x) {
  const int value = in_register(x.a);
  mov(rbp, ptr[rdi + index(list_->sources + static_cast<int>(x.imm)) * 16]);
  if (x.op == Op::store) {
    vmovss(ptr[rbp], quarter(value));
    return;
  }
  if (x.op == Op::store_half) {
    vpextrw(ptr[rbp], quarter(value), 0);
    return;
  }
  wide_ ? kmovw(r15d, Xbyak::Opmask(value)) : vmovd(r15d, quarter(value));
  and_(r15d, 1);
  mov(byte[rbp], r15b);
}

// A value of a whole row, in every lane.
void Assembler::load_row_element(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const int to = take(in_mask_register(i));
  mov(rbp, ptr[rdi + size_t{x.imm} * 16]);
  if (x.op == Op::load) {
    vbroadcastss(vec(to), ptr[rbp]);
  } else if (x.op == Op::load_half) {
    movzx(ebp, word[rbp]);
    vmovd(quarter(to), ebp);
    vpbroadcastd(vec(to), quarter(to));
  } else {
    movzx(ebp, byte[rbp]);
    neg(ebp);
    sbb(ebp, ebp);  // all ones where the byte is not 0
    if (wide_) {
      kmovw(Xbyak::Opmask(to), ebp);
    } else {
      vmovd(quarter(to), ebp);
      vpbroadcastd(vec(to), quarter(to));
    }
  }
  give(i, to);
}

// The last elements of a row, of one byte or two and fewer than a register's lanes, from or to the frame.
void Assembler::copy_tail(const Xbyak::RegExp& at, int bytes, bool to_frame) {
  Xbyak::Label next;
  lea(rbp, ptr[at]);
  mov(rsi, rdx);
  sub(rsi, rax);
  if (bytes == 2) add(rsi, rsi);
  L(next);
  if (to_frame) {
    mov(r15b, byte[rbp + rsi - 1]);
    mov(byte[rsp + rsi + (kBytes - 1)], r15b);
  } else {
    mov(r15b, byte[rsp + rsi + (kBytes - 1)]);
    mov(byte[rbp + rsi - 1], r15b);
  }
  dec(rsi);
  jnz(next);
}

void Assembler::load_mask(int i, int to) {
  const Xbyak::RegExp at = element(static_cast<int>(list_->nodes[index(i)].imm), 1, list_->nodes[index(i)].part);
  const int bytes = take(false);
  if (wide_) {
    tail_ ? vmovdqu8(quarter(bytes) | k7 | T_z, ptr[at]) : vmovdqu8(quarter(bytes), ptr[at]);
    vptestmb(Xbyak::Opmask(to), quarter(bytes), quarter(bytes));
  } else {
    if (tail_) {
      mov(qword[rsp + kBytes], 0);
      copy_tail(at, 1, true);
      vpmovzxbd(vec(bytes), ptr[rsp + kBytes]);
    } else {
      vpmovzxbd(vec(bytes), ptr[at]);
    }
    vpxor(vec(to), vec(to), vec(to));
    vpcmpgtd(vec(to), vec(bytes), vec(to));
  }
  free(bytes, false);
}

void Assembler::store_mask(const Instruction& x) {
  const int mask = in_register(x.a), bytes = take(false);
  const Xbyak::RegExp at = element(list_->sources + static_cast<int>(x.imm), 1, x.part);
  if (wide_) {
    vmovdqu8(quarter(bytes) | Xbyak::Opmask(mask) | T_z, ptr[rip + pool_label_ + byte_ones_]);
    tail_ ? vmovdqu8(ptr[at] | k7, quarter(bytes)) : vmovdqu8(ptr[at], quarter(bytes));
  } else {
    vextracti128(quarter(bytes), Xbyak::Ymm(mask), 1);
    vpackssdw(quarter(bytes), quarter(mask), quarter(bytes));
    vpacksswb(quarter(bytes), quarter(bytes), quarter(bytes));
    vpabsb(quarter(bytes), quarter(bytes));
    if (tail_) {
      vmovq(ptr[rsp + kBytes], quarter(bytes));
      copy_tail(at, 1, false);
    } else {
      vmovq(ptr[at], quarter(bytes));
    }
  }
  free(bytes, false);
}

}  // namespace duet::cpu::jit
