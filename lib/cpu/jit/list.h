// What a tile program computes, as one list of scalar instructions in which equal ones are shared.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "cpu/tiles.h"

namespace duet::cpu::jit {

/// f32 and u32 are both 32 bits of a lane; masks are a type of their own.
enum class Op : uint8_t {
  load,       // imm: the source
  load_mask,  // a byte
  load_half,  // 16 bits, with zeros above
  constant,   // imm: its bits
  add,
  sub,
  mul,
  div,
  sqrt,
  min,       // a < b ? a : b
  max,       // a > b ? a : b
  fma,       // a·b + c
  fms,       // a·b − c
  fnma,      // −a·b + c
  fnms,      // −a·b − c
  scale,     // a·2^b for a whole b, rounded once
  mantissa,  // of a, in [1, 2), NaN for a < 0
  exponent,  // of a
  from_int,
  from_f16,   // the number whose bits a's lower 16 are
  to_f16,     // its bits, with zeros above
  round_f16,  // there and back
  lt,
  le,
  eq,
  ne,
  mask_and,
  mask_or,
  mask_not,
  select,  // a ? b : c
  bits_add,
  bits_sub,
  bits_and,
  bits_or,
  bits_xor,
  shl,
  shr,
  sar,  // imm: the distance
  mul_lo,
  mul_hi,
  bits_eq,
  or_and,     // a | (b & c)
  pio2_rest,  // of x, the fast reduction's rest and quadrant
  pio2_quadrant,
  store,  // imm: the output
  store_mask,
  store_half,  // the lower 16 bits
  reduce,      // a row's a to one number, imm: the output and how
  column,      // a into b, the sums of a chunk of rows, which are a source; imm: how
};
constexpr bool is_load(Op op) { return op == Op::load || op == Op::load_mask || op == Op::load_half; }
constexpr bool is_store(Op op) { return op >= Op::store; }
constexpr bool is_reduction(Op op) { return op >= Op::reduce; }
constexpr uint32_t reduction(uint32_t output, ReduceKind kind) { return output * 4 + static_cast<uint32_t>(kind); }
constexpr bool gives_mask(Op op) {
  return op == Op::load_mask || (op >= Op::lt && op <= Op::mask_not) || op == Op::bits_eq;
}

struct Instruction {
  Op op = Op::load;
  int a = -1, b = -1, c = -1;
  uint32_t imm = 0;
  int mask = -1;  // of add, sub, mul and scale: where it is not set the result is c
  int part = 0;   // which of the registers' worths of elements that go by together
  bool operator==(const Instruction&) const = default;

  std::array<int, 4> operands() const { return {a, b, c, mask}; }
  std::array<int*, 4> operands() { return {&a, &b, &c, &mask}; }
  /// Of something that is_store.
  uint32_t output() const { return is_reduction(op) ? imm / 4 : imm; }
  ReduceKind kind() const { return static_cast<ReduceKind>(imm % 4); }
};

struct List {
  std::vector<Instruction> nodes;
  std::vector<char> uniform;  // by source: one element for a whole row
  std::vector<char> of_row;   // by output: likewise
  std::vector<char> ahead;    // by source: the next row's elements are to be fetched here
  std::vector<char> claim;    // by output: this row's elements, which a later list writes, are to be fetched here
  std::vector<char> past;     // by output: to go past the caches; registers' worths are aligned
  int sources = 0, outputs = 0;
  bool of_users = false;  // some of it is a user's formula
};

/// Rewrites instructions to fewer ones with the same bits, with `wide` to some that only AVX-512 has. Removes what no
/// output needs.
void simplify(List& list, bool wide);

/// The list for two registers' worths of elements: what `shared` marks is there once, all else twice, in turns.
List doubled(const List& list, const std::vector<char>& shared);

/// What a program's source is in a list: one of its sources, or what an instruction made.
struct Operand {
  int source = -1, value = -1;
};

class Builder;
/// Appends the instructions of a program, whose operands and outputs are these of the list; made[k] is the instruction
/// that makes output k. False when a step is none of f32 numbers and masks, with the reason.
bool append(Builder& builder, const TileProgram& program, std::span<const Operand> operands,
            std::span<const int> outputs, std::vector<int>& made, std::string& reason);

/// Appends instructions to a list, or finds equal ones in it.
class Builder {
 public:
  explicit Builder(List& list) : list_(list), table_(256, -1) {}
  int add(const Instruction& x);
  int add(Op op, int a, int b = -1, int c = -1, uint32_t imm = 0) { return add({op, a, b, c, imm}); }
  int constant(uint32_t bits) { return add({Op::constant, -1, -1, -1, bits}); }

  List& list() { return list_; }

 private:
  void grow();
  List& list_;
  std::vector<int> table_;  // open addressing
};

}  // namespace duet::cpu::jit
