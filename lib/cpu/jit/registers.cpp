// Which register holds which value.
#include <algorithm>
#include <bit>
#include <limits>

#include "cpu/jit/assembler.h"
#include "planted.h"

namespace duet::cpu::jit {

// At the beginning of a section: only what is pinned is in a register.
void Assembler::forget_registers() {
  free_ = static_cast<uint32_t>((uint64_t{1} << registers_) - 1);
  free_masks_ = wide_ ? 0x7eu : 0;  // k0 is «no mask», k7 the tail's
  locked_ = locked_masks_ = 0;
  std::fill(std::begin(owner_), std::end(owner_), -1);
  std::fill(std::begin(mask_owner_), std::end(mask_owner_), -1);
  for (Value& v : values_) {
    if (v.pinned)
      free_ &= ~(1u << v.reg);
    else
      v.reg = -1;
  }
}

int Assembler::next_use(int value) const {
  const Value& v = values_[index(value)];
  return v.next < v.end ? uses_[index(v.next)] : std::numeric_limits<int>::max();
}

// A free register, or one whose value is read again last of all.
int Assembler::take(bool mask) {
  uint32_t& free = mask ? free_masks_ : free_;
  if (free == 0) {
    int* owner = mask ? mask_owner_ : owner_;
    const uint32_t locked = mask ? locked_masks_ : locked_;
    int victim = -1, farthest = -1;
    for (int r = 0; r < (mask ? 8 : registers_); ++r) {
      if (owner[r] < 0 || ((locked >> r) & 1u)) continue;
      if (const int use = next_use(owner[r]); use > farthest) farthest = use, victim = r;
    }
    const int value = owner[victim];
    spill(value);
    values_[index(value)].reg = -1;
    owner[victim] = -1;
    free |= 1u << victim;
  }
  const int reg = std::countr_zero(free);
  free &= ~(1u << reg);
  lock(reg, mask);
  return reg;
}

void Assembler::give(int value, int reg) {
  values_[index(value)].reg = reg;
  (in_mask_register(value) ? mask_owner_ : owner_)[reg] = value;
}

// Keeps a copy on the stack, once: values do not change.
void Assembler::spill(int value) {
  Value& v = values_[index(value)];
  if (v.constant >= 0 || v.slot >= 0) return;
  if (free_slots_.empty()) free_slots_.push_back(slots_++);
  v.slot = free_slots_.back();
  free_slots_.pop_back();
  if (in_mask_register(value))
    kmovw(ptr[rsp + slot_at(v.slot)], Xbyak::Opmask(v.reg));
  else
    vmovaps(ptr[rsp + slot_at(v.slot)], vec(v.reg));
}

int Assembler::in_register(int value) {
  Value& v = values_[index(value)];
  const bool mask = in_mask_register(value);
  if (v.reg < 0) {
    const int reg = take(mask);
    if (v.lazy) {
      load_element(value, reg);
    } else if (mask) {
      kmovw(Xbyak::Opmask(reg), ptr[rsp + slot_at(v.slot)]);
    } else if (v.slot >= 0) {
      vmovaps(vec(reg), ptr[rsp + slot_at(v.slot)]);
    } else if (wide_) {
      vbroadcastss(vec(reg), ptr[rip + pool_label_ + v.constant]);
    } else {
      vmovaps(vec(reg), pooled(v.constant, false));
    }
    give(value, reg);
  }
  lock(v.reg, mask);
  return v.reg;
}

// Where an instruction may read the value as its last operand: memory, when it is there and in no register.
Assembler::Source Assembler::source(int value) {
  const Value& v = values_[index(value)];
  if (v.reg < 0 && v.constant >= 0) return {vec(0), pooled(v.constant, true)};
  if (v.reg < 0 && v.slot >= 0) return {vec(0), ptr[rsp + slot_at(v.slot)]};
  if (const Instruction& x = list_->nodes[index(value)]; v.reg < 0 && v.lazy && !tail_)
    return {vec(0), ptr[element(static_cast<int>(x.imm), 4, x.part)]};
  return {vec(in_register(value)), std::nullopt};
}

// Whether instruction i is the last one of the section to read the value.
bool Assembler::dies(int value, int i) const {
  const Value& v = values_[index(value)];
  if (v.pinned) return false;
  for (int k = v.next; k < v.end; ++k)
    if (uses_[index(k)] > i) return false;
  return true;
}

void Assembler::release(int value, int i) {
  Value& v = values_[index(value)];
  while (v.next < v.end && uses_[index(v.next)] <= i) ++v.next;
  if (v.next < v.end || v.pinned) return;
  if (v.reg >= 0) {
    const bool mask = in_mask_register(value);
    (mask ? mask_owner_ : owner_)[v.reg] = -1;
    free(v.reg, mask);
    v.reg = -1;
  }
  if (v.slot >= 0 && !v.uniform) {
    (planted("jit_slot") ? free_slots_ : read_slots_).push_back(v.slot);
    v.slot = -1;
  }
}

// After the operands were found, before the result gets its place: it may take that of an operand read for the last
// time.
void Assembler::release_operands(int i) {
  const Instruction& x = list_->nodes[index(i)];
  if (x.a >= 0) release(x.a, i);
  if (x.b >= 0) release(x.b, i);
  if (x.c >= 0) release(x.c, i);
  if (x.mask >= 0) release(x.mask, i);
  locked_ = locked_masks_ = 0;
}

}  // namespace duet::cpu::jit
