// Reductions in the orders of cpu/reduce.h: of a row in 128 lanes on the stack, each register's worth of elements into
// its own, which are halved when the row is through; of columns into the sums of the chunk.
#include <bit>
#include <limits>

#include "cpu/jit/assembler.h"

namespace duet::cpu::jit {
namespace {

constexpr uint8_t kUnordered = 3, kOrdered = 7;

}  // namespace

uint32_t Assembler::identity(ReduceKind kind) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  static constexpr float kOf[] = {-0.0f, -kInfinity, kInfinity, 1.0f};
  return std::bit_cast<uint32_t>(kOf[static_cast<int>(kind)]);
}

// The lanes of a row's reduction on the stack.
Xbyak::RegExp Assembler::sum_lanes(int i) {
  int which = -1;
  for (int k = 0; k <= i; ++k) {
    const Instruction& x = list_->nodes[index(k)];
    which += x.op == Op::reduce && x.part == 0 ? 1 : 0;
  }
  return rsp + sums_at(which) + part_bytes(list_->nodes[index(i)].part, 4);
}

// Before the row; any register may be used.
void Assembler::begin_sums() {
  const Xbyak::Xmm value = vec(0);
  for (size_t i = 0; i < values_.size(); ++i) {
    const Instruction& x = list_->nodes[i];
    if (x.op != Op::reduce || x.part != 0) continue;
    const int constant = pool_constant(identity(x.kind()));
    if (wide_)
      vbroadcastss(value, ptr[rip + pool_label_ + constant]);
    else
      vmovaps(value, pooled(constant, false));
    for (int lane = 0; lane < kReduceLanes; lane += lanes_)
      vmovaps(ptr[sum_lanes(static_cast<int>(i)) + index(lane) * 4], value);
  }
}

// y = y and x, in this order; where `partial`, only in the lanes of the row's rest. A NaN in y stays: the machine's
// maximum would be x.
void Assembler::combine(ReduceKind kind, const Xbyak::Xmm& y, const Xbyak::Operand& x, const Xbyak::Xmm& spare,
                        const Xbyak::Xmm& other, bool partial) {
  const bool extremum = kind == ReduceKind::max || kind == ReduceKind::min;
  if (wide_) {
    Xbyak::Xmm to = y;
    if (extremum) {
      const Xbyak::Opmask number(take(true));
      vcmpps(number, y, y, kOrdered);
      if (partial) kandw(number, number, k7);
      to = y | number;
      free(number.getIdx(), true);
    } else if (partial) {
      to = y | k7;
    }
    kind == ReduceKind::sum    ? vaddps(to, y, x)
    : kind == ReduceKind::prod ? vmulps(to, y, x)
    : kind == ReduceKind::max  ? vmaxps(to, y, x)
                               : vminps(to, y, x);
    return;
  }
  const Xbyak::Xmm& to = extremum || partial ? spare : y;
  kind == ReduceKind::sum    ? vaddps(to, y, x)
  : kind == ReduceKind::prod ? vmulps(to, y, x)
  : kind == ReduceKind::max  ? vmaxps(to, y, x)
                             : vminps(to, y, x);
  if (extremum) {
    vcmpps(other, y, y, kUnordered);
    vblendvps(partial ? spare : y, spare, y, other);
  }
  if (!partial) return;
  vmovaps(other, ptr[rsp + kTailMask]);
  vblendvps(y, y, spare, other);
}

void Assembler::reduce(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const Xbyak::Xmm value = vec(in_register(x.a));
  const int sum = take(false), spare = wide_ ? sum : take(false), other = wide_ ? sum : take(false);
  mov(r15d, eax);
  and_(r15d, static_cast<uint32_t>(kReduceLanes - 1));
  const Xbyak::Address at = ptr[sum_lanes(i) + r15 * 4];
  vmovaps(vec(sum), at);
  combine(x.kind(), vec(sum), value, vec(spare), vec(other), tail_);
  vmovaps(at, vec(sum));
  for (int r : {sum, spare, other}) free(r, false);
  release_operands(i);
}

void Assembler::reduce_column(int i) {
  const Instruction& x = list_->nodes[index(i)];
  const Xbyak::Xmm value = vec(in_register(x.a));
  const int sum = in_register(x.b);  // read here alone
  const int spare = wide_ ? sum : take(false), other = wide_ ? sum : take(false);
  combine(x.kind(), vec(sum), value, vec(spare), vec(other), false);
  if (!wide_) free(spare, false), free(other, false);
  store_to(element(static_cast<int>(list_->nodes[index(x.b)].imm), 4, x.part), sum);
  release_operands(i);
}

// After the row: lane l becomes lane l and lane l + s for s = 64 … 1. Any register may be used.
void Assembler::end_sums() {
  forget_registers();
  const Xbyak::Xmm spare = vec(14), other = vec(15);
  for (size_t i = 0; i < values_.size(); ++i) {
    const Instruction& x = list_->nodes[i];
    if (x.op != Op::reduce || x.part != 0) continue;
    const ReduceKind kind = x.kind();
    const Xbyak::RegExp lanes = sum_lanes(static_cast<int>(i));
    const int half = static_cast<int>(kReduceLanes) / lanes_ / 2;
    for (int r = 0; r < half; ++r) {
      vmovaps(vec(r), ptr[lanes + part_bytes(r, 4)]);
      combine(kind, vec(r), ptr[lanes + part_bytes(r + half, 4)], spare, other, false);
    }
    for (int s = half / 2; s > 0; s /= 2)
      for (int r = 0; r < s; ++r) combine(kind, vec(r), vec(r + s), spare, other, false);
    if (wide_) {
      vextractf64x4(ymm1, zmm0, 1);
      combine(kind, ymm0, ymm1, spare, other, false);
    }
    const Xbyak::Xmm a(14), b(15);
    vextractf128(xmm1, ymm0, 1);
    combine(kind, xmm0, xmm1, a, b, false);
    vmovhlps(xmm1, xmm0, xmm0);
    combine(kind, xmm0, xmm1, a, b, false);
    vmovshdup(xmm1, xmm0);
    combine(kind, xmm0, xmm1, a, b, false);
    mov(rbp, ptr[rdi + index(list_->sources + static_cast<int>(x.output())) * 16]);
    vmovss(ptr[rbp], xmm0);
  }
}

}  // namespace duet::cpu::jit
