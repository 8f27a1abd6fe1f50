// One walk over a list that writes machine code: registers are given out on the way, and the value whose next use is
// farthest goes to the stack when they run out.
#pragma once

#include <xbyak/xbyak.h>

#include <optional>

#include "cpu/jit/assemble.h"

namespace duet::cpu::jit {

class Assembler : private Xbyak::CodeGenerator {
 public:
  Assembler(std::span<const List> lists, bool wide, uint8_t* buffer, size_t bytes);
  size_t run();  // the entry
  size_t size() const { return getSize(); }

 private:
  struct Value {
    int reg = -1, slot = -1;  // where it is now
    int constant = -1;        // or where it always is, in the pool
    bool uniform = false;     // the same for a whole row
    bool pinned = false;      // its register holds it for a whole row
    bool lazy = false;        // loaded where it is used, once, unless a store before that may overwrite it
    bool for_body = false;    // uniform, and the body reads it
    int next = 0, end = 0;    // of its uses in the section, in uses_
  };
  // What an instruction reads: a register, or memory.
  struct Source {
    Xbyak::Xmm reg;
    std::optional<Xbyak::Address> memory;
    operator const Xbyak::Operand&() const {
      if (memory) return *memory;
      return reg;
    }
  };
  struct SlowPath {
    Xbyak::Label begin, back;
    int x, r, n, result;  // registers
    bool quadrant;
  };
  struct RootPath {
    Xbyak::Label begin, back;
    int from, to;  // registers
  };

  // --- the frame, in bytes from rsp ---
  static constexpr size_t kSavedStack = 0, kRows = 8, kBytes = 16, kTailMask = 32;
  static constexpr size_t kLanes = 64;               // three registers' worth for a slow path
  static constexpr size_t kSaved = kLanes + 3 * 64;  // every register
  static constexpr size_t kSavedMasks = kSaved + 32 * 64, kSavedWords = kSavedMasks + 64;
  static constexpr size_t kSlowSlots = kSavedWords + 128;
  // 128 lanes for each reduction of a row, then the slots.
  size_t sums_at(int reduction) const { return (slow_ ? kSlowSlots : kLanes) + index(reduction) * kReduceLanes * 4; }
  size_t slot_at(int slot) const { return sums_at(reductions_) + index(slot) * 64; }

  // --- assemble.cpp: the shape of the code ---
  void place_constants();
  void begin(const List& list);
  void pass_over_row();
  int pool_constant(uint32_t bits);
  void find_uniform();
  void count_uses(bool uniform);
  int most_live();
  bool fits_twice();
  void pin();
  void section(bool uniform, bool tail);
  bool in_section(size_t i, bool uniform) const {
    return values_[i].uniform == uniform && list_->nodes[i].part < parts_;
  }
  void slow_paths();
  Xbyak::Address pooled(int offset, bool one_lane);

  // --- streams.cpp ---
  void give_pointers();
  void load_pointers();
  void prefetch();
  Xbyak::RegExp element(int stream, int bytes, int part);
  void load_row_element(int i);
  void load_element(int i, int to);
  void load_from(const Xbyak::RegExp& at, int to);
  void store_element(const Instruction& x);
  void store_to(const Xbyak::RegExp& at, int from);
  void store_row_element(const Instruction& x);
  void load_mask(int i, int to);
  void store_mask(const Instruction& x);
  void copy_tail(const Xbyak::RegExp& at, int bytes, bool to_frame);

  // --- registers.cpp ---
  bool is_mask(int value) const { return gives_mask(list_->nodes[index(value)].op); }
  bool in_mask_register(int value) const { return wide_ && is_mask(value); }
  void forget_registers();
  int take(bool mask);
  void give(int value, int reg);  // the register holds the value from now on
  void free(int reg, bool mask) { (mask ? free_masks_ : free_) |= 1u << reg; }
  void release_operands(int i);
  void release(int value, int i);
  void spill(int value);
  int in_register(int value);
  Source source(int value);
  bool in_memory(int value) const { return values_[index(value)].reg < 0; }
  void lock(int reg, bool mask) { (mask ? locked_masks_ : locked_) |= 1u << reg; }
  bool dies(int value, int i) const;
  int next_use(int value) const;

  // --- half.cpp ---
  void load_half(const Instruction& x, int to);
  void store_half(const Instruction& x);
  void half(int i);

  // --- reductions.cpp ---
  static uint32_t identity(ReduceKind kind);
  Xbyak::RegExp sum_lanes(int i);
  void begin_sums();
  void reduce(int i);
  void reduce_column(int i);
  void combine(ReduceKind kind, const Xbyak::Xmm& y, const Xbyak::Operand& x, const Xbyak::Xmm& spare,
               const Xbyak::Xmm& other, bool partial);
  void end_sums();

  // --- root.cpp ---
  bool waits_for_roots() const;
  void root(int i);
  void root_paths();
  void pool_root_constants();

  // --- emit.cpp: the instructions ---
  void emit(int i);
  void binary(int i);
  void operate(Op op, const Xbyak::Xmm& y, const Xbyak::Xmm& a, const Source& b);
  int overwritten(int value, int i, std::initializer_list<int> others);
  void or_and(int i);
  void unary(int i);
  void multiply_add(int i);
  void compare(int i);
  void masks(int i);
  void blend(int i);
  void shift(int i);
  void multiply_high(int i);
  void reduce_angle(int i);

  // Bytes of so many registers' worths of elements.
  size_t part_bytes(int parts, int element_bytes) const { return index(parts * lanes_ * element_bytes); }
  static size_t index(int i) { return static_cast<size_t>(i); }
  Xbyak::Xmm vec(int reg) const { return {wide_ ? Xbyak::Operand::ZMM : Xbyak::Operand::YMM, reg}; }
  Xbyak::Xmm quarter(int reg) const { return Xbyak::Xmm(reg); }

  const std::span<const List> lists_;
  const List* list_ = nullptr;  // the one whose code is written
  const bool wide_;
  const int lanes_, registers_;
  bool slow_ = false, tail_ = false, waits_for_roots_ = false;
  int parts_ = 1;  // registers' worths of elements that go by together
  List doubled_;
  std::vector<Value> values_;
  std::vector<int> uses_;      // by value, where the section reads it
  std::vector<int> pointers_;  // by stream: a register, −1: in the table only, −2: not used element by element
  std::vector<std::pair<size_t, int>> ahead_, claimed_;  // streams that are fetched, and registers
  std::vector<int> free_slots_, read_slots_;  // read_slots_: free after the instruction that still reads them
  int slots_ = 0;
  int reductions_ = 0;  // of a row, the most of a list
  std::vector<uint32_t> pool_;
  int byte_ones_ = 0, tail_table_ = 0;
  Xbyak::Label pool_label_;
  uint32_t free_ = 0, free_masks_ = 0, locked_ = 0, locked_masks_ = 0;
  int owner_[32], mask_owner_[8];
  std::vector<SlowPath> slow_paths_;
  std::vector<RootPath> root_paths_;
};

}  // namespace duet::cpu::jit
