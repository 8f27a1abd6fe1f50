#include "cpu/jit/assemble.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "cpu/jit/assembler.h"

namespace duet::cpu::jit {
namespace {

// More instructions than this would not stay in the nearest instruction cache.
constexpr size_t kMaxInstructions = 4000;
constexpr size_t kMaxInstructionBytes = 96;  // of one of the list, with what moves its operands; in up to four bodies
constexpr size_t kMaxSlowPathBytes = 2048;
constexpr size_t kMaxRootBytes = 192;        // beyond those of an instruction
constexpr size_t kMaxReductionBytes = 1024;  // what begins and ends the sums of a row

bool is_pio2(Op op) { return op == Op::pio2_rest || op == Op::pio2_quadrant; }

}  // namespace

Assembler::Assembler(std::span<const List> lists, bool wide, uint8_t* buffer, size_t bytes)
    : CodeGenerator(bytes, buffer), lists_(lists), wide_(wide), lanes_(wide ? 16 : 8), registers_(wide ? 32 : 16) {
  for (const List& list : lists) {
    int reductions = 0;
    for (const Instruction& x : list.nodes) {
      slow_ |= is_pio2(x.op);
      reductions += x.op == Op::reduce ? 1 : 0;
    }
    reductions_ = std::max(reductions_, reductions);
  }
}

// --- what is known before the code ---

int Assembler::pool_constant(uint32_t bits) {
  const auto found = std::find(pool_.begin(), pool_.end(), bits);
  const auto at = static_cast<int>(found - pool_.begin());
  if (found == pool_.end()) pool_.push_back(bits);
  return at * (wide_ ? 4 : 32);
}

void Assembler::place_constants() {
  for (const List& list : lists_)
    for (const Instruction& x : list.nodes) {
      if (x.op == Op::constant) pool_constant(x.imm);
      if (x.op == Op::sqrt && wide_) pool_root_constants();
      if (x.op == Op::reduce) pool_constant(identity(x.kind()));
    }
  if (slow_) {
    pool_constant(0x7fffffffu);
    pool_constant(std::bit_cast<uint32_t>(math::kTrigFast));
  }
  if (!wide_) pool_constant(~0u);
  L(pool_label_);
  for (uint32_t bits : pool_)
    for (int copy = 0; copy < (wide_ ? 1 : 8); ++copy) dd(bits);
  align(64);
  byte_ones_ = static_cast<int>(getSize());
  for (int k = 0; k < 4; ++k) dd(0x01010101u);
  tail_table_ = static_cast<int>(getSize());  // eight lanes from lane 8 − n on: n of all ones, then zeros
  for (int k = 0; k < 16; ++k) dd(k < 8 ? ~0u : 0);
  align(64);
}

Xbyak::Address Assembler::pooled(int offset, bool one_lane) {
  return wide_ && one_lane ? ptr_b[rip + pool_label_ + offset] : ptr[rip + pool_label_ + offset];
}

// Values that are the same for a whole row, and what is computed from them alone.
void Assembler::find_uniform() {
  for (size_t i = 0; i < values_.size(); ++i) {
    const Instruction& x = list_->nodes[i];
    bool uniform = !is_store(x.op) || (!is_reduction(x.op) && list_->of_row[x.imm]);
    if (is_load(x.op)) uniform = list_->uniform[x.imm] != 0;
    for (int operand : x.operands())
      if (operand >= 0) uniform = uniform && values_[index(operand)].uniform;
    values_[i].uniform = uniform;
  }
  for (size_t i = 0; i < values_.size(); ++i)
    if (!values_[i].uniform)
      for (int operand : list_->nodes[i].operands())
        if (operand >= 0 && values_[index(operand)].uniform) values_[index(operand)].for_body = true;
}

// Who reads each value in the instructions of a row, or in those of its elements.
void Assembler::count_uses(bool uniform) {
  const auto n = static_cast<int>(values_.size());
  for (Value& v : values_) v.next = v.end = 0;
  auto for_each_use = [&](auto f) {
    for (int i = 0; i < n; ++i) {
      if (!in_section(index(i), uniform)) continue;
      const Instruction& x = list_->nodes[index(i)];
      if (x.a >= 0) f(x.a, i);
      if (x.b >= 0 && x.b != x.a) f(x.b, i);
      if (x.c >= 0 && x.c != x.a && x.c != x.b) f(x.c, i);
      if (x.mask >= 0) f(x.mask, i);
    }
    if (!uniform) return;
    for (int i = 0; i < n; ++i)
      if (values_[index(i)].for_body) f(i, n);
  };
  for_each_use([&](int v, int) { ++values_[index(v)].end; });
  int at = 0;
  for (Value& v : values_) {
    v.next = at;
    at += v.end;
    v.end = v.next;
  }
  uses_.resize(index(at));
  for_each_use([&](int v, int i) { uses_[index(values_[index(v)].end++)] = i; });
}

// How many registers the values of the elements need at once; finds the loads that need none.
int Assembler::most_live() {
  count_uses(false);
  std::vector<int> ends(values_.size() + 1, 0);  // values read for the last time, by instruction
  int live = 0, most = 0;
  std::vector<int> stores(1, 0);  // before each instruction
  for (const Instruction& x : list_->nodes) stores.push_back(stores.back() + (is_store(x.op) ? 1 : 0));
  for (size_t i = 0; i < values_.size(); ++i) {
    Value& v = values_[i];
    if (in_mask_register(static_cast<int>(i)) || v.uniform || v.end == v.next) continue;
    // An output may lie where an operand does whose last reader is no later step than the output's.
    v.lazy = list_->nodes[i].op == Op::load && v.end == v.next + 1 && stores[index(uses_[index(v.next)])] == stores[i];
    if (!v.lazy) ++ends[index(uses_[index(v.end - 1)])];
  }
  for (size_t i = 0; i < values_.size(); ++i) {
    const Value& v = values_[i];
    live -= ends[i];
    if (!v.uniform && !v.lazy && v.end > v.next && !in_mask_register(static_cast<int>(i))) ++live;
    most = std::max(most, live);
  }
  return most;
}

constexpr int kWorking = 4, kLeast = 8;  // operands on their way through a register

// Whether two registers' worths of elements may go by together, so that the machine finds something to do while each
// waits for its own results.
bool Assembler::fits_twice() {
  constexpr size_t kMostInstructions = 200;
  return values_.size() < kMostInstructions && 2 * most_live() + kWorking <= registers_;
}

// Registers that the elements never need hold what every element reads.
void Assembler::pin() {
  const int spare = registers_ - std::max(most_live() + kWorking, kLeast);
  std::vector<int> candidates;
  for (size_t i = 0; i < values_.size(); ++i)
    if (values_[i].for_body && !in_mask_register(static_cast<int>(i))) candidates.push_back(static_cast<int>(i));
  std::stable_sort(candidates.begin(), candidates.end(), [&](int a, int b) {
    const Value &x = values_[index(a)], &y = values_[index(b)];
    return x.end - x.next > y.end - y.next;
  });
  for (int k = 0; k < spare && k < static_cast<int>(candidates.size()); ++k) {
    Value& v = values_[index(candidates[index(k)])];
    v.pinned = true;
    v.reg = registers_ - 1 - k;
  }
}

// --- the code ---

// The instructions of a row, or of a register's worth of its elements.
void Assembler::section(bool uniform, bool tail) {
  tail_ = tail;
  forget_registers();
  count_uses(uniform);
  for (size_t i = 0; i < values_.size(); ++i)
    if (in_section(i, uniform)) emit(static_cast<int>(i));
  if (!uniform) return;
  for (size_t i = 0; i < values_.size(); ++i)
    if (values_[i].for_body) spill(static_cast<int>(i));
}

// Exact reductions of large angles, with all registers as they were around the call.
void Assembler::slow_paths() {
  static const Xbyak::Reg64 kWords[] = {rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11};
  using Helper = void (*)(const float*, float*, uint32_t*, int64_t);
  static constexpr Helper kHelper = [](const float* x, float* r, uint32_t* n, int64_t lanes) {
    for (int64_t i = 0; i < lanes; ++i) {
      auto rest = math::Scalar<float>::of(r[i]);
      math::ScalarBits quadrant(n[i]);
      math::reduce_pio2(math::Scalar<float>::of(x[i]), rest, quadrant);
      r[i] = rest.v;
      n[i] = quadrant.v;
    }
  };
  for (SlowPath& slow : slow_paths_) {
    L(slow.begin);
    vmovaps(ptr[rsp + kLanes], vec(slow.x));
    vmovaps(ptr[rsp + kLanes + 64], vec(slow.r));
    vmovaps(ptr[rsp + kLanes + 128], vec(slow.n));
    for (int r = 0; r < registers_; ++r) vmovaps(ptr[rsp + kSaved + index(r) * 64], vec(r));
    for (int k = 1; wide_ && k < 8; ++k) kmovw(ptr[rsp + kSavedMasks + index(k) * 8], Xbyak::Opmask(k));
    for (size_t k = 0; k < std::size(kWords); ++k) mov(ptr[rsp + kSavedWords + k * 8], kWords[k]);
    lea(rdi, ptr[rsp + kLanes]);
    lea(rsi, ptr[rsp + kLanes + 64]);
    lea(rdx, ptr[rsp + kLanes + 128]);
    mov(ecx, static_cast<uint32_t>(lanes_));
    mov(rax, reinterpret_cast<uint64_t>(kHelper));
    vzeroupper();
    call(rax);
    for (size_t k = 0; k < std::size(kWords); ++k) mov(kWords[k], ptr[rsp + kSavedWords + k * 8]);
    for (int k = 1; wide_ && k < 8; ++k) kmovw(Xbyak::Opmask(k), ptr[rsp + kSavedMasks + index(k) * 8]);
    for (int r = 0; r < registers_; ++r)
      vmovaps(vec(r),
              r == slow.result ? ptr[rsp + kLanes + (slow.quadrant ? 128 : 64)] : ptr[rsp + kSaved + index(r) * 64]);
    jmp(slow.back, T_NEAR);
  }
}

static const int kKept[] = {Xbyak::Operand::RBX, Xbyak::Operand::RBP, Xbyak::Operand::R12,
                            Xbyak::Operand::R13, Xbyak::Operand::R14, Xbyak::Operand::R15};

// What the list's code needs to know first.
void Assembler::begin(const List& list) {
  list_ = &list;
  values_.assign(list.nodes.size(), {});
  for (size_t i = 0; i < values_.size(); ++i)
    if (list.nodes[i].op == Op::constant) values_[i].constant = pool_constant(list.nodes[i].imm);
  find_uniform();
  waits_for_roots_ = waits_for_roots();
  give_pointers();
  // Nothing stays on the stack from list to list.
  read_slots_.clear();
  free_slots_.clear();
  for (int slot = slots_; slot-- > 0;) free_slots_.push_back(slot);
  if (&list == &doubled_ || !fits_twice()) return;
  std::vector<char> shared;
  for (const Value& v : values_) shared.push_back(v.uniform);
  doubled_ = doubled(list, shared);
  begin(doubled_);
  parts_ = 2;
}

// One list over one row.
void Assembler::pass_over_row() {
  load_pointers();
  section(true, false);
  bool elements = false;
  for (const Value& v : values_) elements |= !v.uniform;
  if (!elements) return;
  begin_sums();
  pin();
  for (size_t i = 0; i < values_.size(); ++i) {
    const Value& v = values_[i];
    if (!v.pinned) continue;
    if (v.slot >= 0)
      vmovaps(vec(v.reg), ptr[rsp + slot_at(v.slot)]);
    else if (wide_)
      vbroadcastss(vec(v.reg), ptr[rip + pool_label_ + v.constant]);
    else
      vmovaps(vec(v.reg), pooled(v.constant, false));
  }
  Xbyak::Label end;
  xor_(eax, eax);
  for (; parts_ > 0; --parts_) {
    const int elements = parts_ * lanes_;
    Xbyak::Label loop, behind;
    mov(rsi, rdx);
    and_(rsi, static_cast<uint32_t>(-elements));
    cmp(rax, rsi);
    jae(behind, T_NEAR);
    align(16);
    L(loop);
    prefetch();
    section(false, false);
    add(rax, static_cast<uint32_t>(elements));
    cmp(rax, rsi);
    jb(loop, T_NEAR);
    L(behind);
  }
  parts_ = 1;
  cmp(rax, rdx);
  jae(end, T_NEAR);
  section(false, true);
  L(end);
  end_sums();
}

// rdi: the streams, rsi: rows, rdx: elements of a row.
size_t Assembler::run() {
  place_constants();
  const size_t entry = getSize();
  for (int r : kKept) push(Xbyak::Reg64(r));
  mov(rax, rsp);
  constexpr uint32_t kUnknown = 0x7fffffff;
  sub(rsp, kUnknown);
  const size_t frame = getSize() - 4;
  and_(rsp, ~63u);
  mov(ptr[rsp + kSavedStack], rax);
  mov(ptr[rsp + kRows], rsi);
  mov(esi, edx);
  and_(esi, static_cast<uint32_t>(lanes_ - 1));
  if (wide_) {
    mov(eax, ~0u);
    bzhi(eax, eax, esi);
    kmovw(k7, eax);
  } else {
    neg(rsi);
    lea(rax, ptr[rip + pool_label_ + (tail_table_ + 32)]);
    vmovups(ymm0, ptr[rax + rsi * 4]);
    vmovaps(ptr[rsp + kTailMask], ymm0);
  }
  Xbyak::Label row, end;
  bool past = false;
  L(row);
  for (const List& list : lists_) {
    for (char any : list.past) past |= any != 0;
    begin(list);
    pass_over_row();
  }
  dec(qword[rsp + kRows]);
  jz(end, T_NEAR);
  for (size_t k = 0; k < pointers_.size(); ++k) {
    mov(rax, ptr[rdi + k * 16 + 8]);
    add(ptr[rdi + k * 16], rax);
  }
  jmp(row, T_NEAR);
  L(end);
  if (past) sfence();  // before another thread is told that it may read
  vzeroupper();
  mov(rsp, ptr[rsp + kSavedStack]);
  for (size_t k = std::size(kKept); k-- > 0;) pop(Xbyak::Reg64(kKept[k]));
  ret();
  slow_paths();
  root_paths();
  rewrite(frame, static_cast<uint64_t>(slot_at(slots_) + 64), 4);
  return entry;
}

Assembled assemble(std::span<const List> lists, bool wide) {
  Assembled code;
  size_t nodes = 0, slow = 0, roots = 0, reductions = 0;
  for (const List& list : lists) {
    nodes += list.nodes.size();
    for (const Instruction& x : list.nodes) {
      slow += is_pio2(x.op) ? 1 : 0;
      roots += x.op == Op::sqrt ? 1 : 0;
      reductions += x.op == Op::reduce ? 1 : 0;
    }
  }
  if (nodes > kMaxInstructions) return code;
  const size_t most = 4096 + lists.size() * 512 + nodes * (kMaxInstructionBytes * 4 + 64) +
                      slow * 4 * kMaxSlowPathBytes + roots * 4 * kMaxRootBytes + reductions * kMaxReductionBytes;
  const std::unique_ptr<uint8_t[]> buffer(new uint8_t[most]);
  try {
    Assembler assembler(lists, wide, buffer.get(), most);
    code.entry = assembler.run();
    code.bytes.assign(buffer.get(), buffer.get() + assembler.size());
  } catch (const Xbyak::Error&) {  // too long after all
    code.bytes.clear();
  }
  return code;
}

}  // namespace duet::cpu::jit
