// Instructions that stand for several ones. Each rewrite keeps every bit, NaN's sign and payload aside.
#include <algorithm>
#include <bit>

#include "cpu/jit/list.h"
#include "planted.h"

namespace duet::cpu::jit {
namespace {

constexpr uint32_t kSign = 0x80000000u;

class Simplifier {
 public:
  Simplifier(const List& from, List& to, bool wide) : from_(from), to_(to), builder_(to), wide_(wide) {}

  void run() {
    std::vector<int> place(from_.nodes.size(), -1);
    auto moved = [&](int old) { return old < 0 ? -1 : place[static_cast<size_t>(old)]; };
    for (size_t i = 0; i < from_.nodes.size(); ++i) {
      const Instruction& x = from_.nodes[i];
      Instruction y = x;
      for (int* operand : y.operands()) *operand = moved(*operand);
      if (is_store(x.op))
        to_.nodes.push_back(y);
      else
        place[i] = builder_.add(rewrite(y));
    }
  }

 private:
  const Instruction& at(int i) const { return to_.nodes[static_cast<size_t>(i)]; }
  bool is(int i, Op op) const { return i >= 0 && at(i).op == op; }
  bool is_constant(int i, uint32_t bits) const { return is(i, Op::constant) && at(i).imm == bits; }
  // x where i is −x.
  int negated(int i) const { return is(i, Op::bits_xor) && is_constant(at(i).b, kSign) ? at(i).a : -1; }

  Instruction rewrite(const Instruction& x) {
    switch (x.op) {
      case Op::add:
        if (const int b = negated(x.b); b >= 0) return {Op::sub, x.a, b};
        if (const int a = negated(x.a); a >= 0) return {Op::sub, x.b, a};
        if (planted("contraction") && is(x.a, Op::mul)) return {Op::fma, at(x.a).a, at(x.a).b, x.b};
        return x;
      case Op::sub:
        if (const int b = negated(x.b); b >= 0) return {Op::add, x.a, b};
        return x;
      case Op::mul:
        return scaled(x);
      case Op::fma:
        return fused(x);
      case Op::select:
        if (is(x.a, Op::lt)) {
          const Instruction& m = at(x.a);
          if (m.a == x.b && m.b == x.c) return {Op::min, x.b, x.c};
          if (m.a == x.c && m.b == x.b)
            return planted("jit_max") ? Instruction{Op::max, x.c, x.b} : Instruction{Op::max, x.b, x.c};
        }
        if (const Instruction y = logarithm(x); y.a >= 0) return y;
        if (is(x.a, Op::mask_not)) return {Op::select, at(x.a).a, x.c, x.b};
        return x;
      case Op::from_f16:
        return is(x.a, Op::to_f16) ? Instruction{Op::round_f16, at(x.a).a} : x;
      case Op::bits_or:
        if (wide_ && is(x.b, Op::bits_and)) return {Op::or_and, x.a, at(x.b).a, at(x.b).b};
        if (wide_ && is(x.a, Op::bits_and)) return {Op::or_and, x.b, at(x.a).a, at(x.a).b};
        return x;
      case Op::bits_xor:
        if (is_constant(x.b, kSign) && is(x.a, Op::constant)) return {Op::constant, -1, -1, -1, at(x.a).imm ^ kSign};
        return x;
      default:
        return x;
    }
  }

  Instruction fused(Instruction x) const {
    bool minus_product = false, minus_c = false;
    for (int* factor : {&x.a, &x.b})
      if (const int positive = negated(*factor); positive >= 0) *factor = positive, minus_product = !minus_product;
    if (const int c = negated(x.c); c >= 0) x.c = c, minus_c = true;
    x.op = minus_product ? (minus_c ? Op::fnms : Op::fnma) : minus_c ? Op::fms : Op::fma;
    return x;
  }

  // math::scale_pow2, p·2^h·2^(n−h) with h = n >> 1: AVX-512 has one instruction for it. As in packets, which have it
  // too: n is what duet's own formulas round to a whole number, not what a user's may.
  Instruction scaled(const Instruction& x) {
    if (!wide_ || !is(x.a, Op::mul)) return x;
    const int half = power(at(x.a).b), rest = power(x.b);
    if (half < 0 || rest < 0 || !is(half, Op::sar) || at(half).imm != 1) return x;
    const int n = at(half).a;
    if (!is(rest, Op::bits_sub) || at(rest).a != n || at(rest).b != half) return x;
    constexpr uint32_t kMagic = std::bit_cast<uint32_t>(0x1.8p+23f);
    if (!is(n, Op::bits_sub) || !is_constant(at(n).b, kMagic)) return x;
    const int p = at(x.a).a, t = at(n).a, magic = at(n).b;
    return {Op::scale, p, builder_.add(Op::sub, t, magic)};
  }
  // n where i is math::pow2(n).
  int power(int i) const {
    if (!is(i, Op::shl) || at(i).imm != 23 || !is(at(i).a, Op::bits_add)) return -1;
    const Instruction& sum = at(at(i).a);
    return is_constant(sum.b, 127) ? sum.a : -1;
  }

  // math::log_split's m and e: AVX-512 takes numbers apart itself. Packets have these instructions too.
  Instruction logarithm(const Instruction& x) {
    if (!wide_) return {};
    constexpr uint32_t kZero = 0, kInfinity = 0x7f800000u, kMinusInfinity = 0xff800000u, kNan = 0x7fc00000u;
    bool is_mantissa = false;
    int of = -1, b = -1, n = -1;
    if (is(x.a, Op::le) && is_constant(at(x.a).a, kZero) && is_constant(x.c, kNan) && is(x.b, Op::bits_sub)) {
      of = at(x.a).b;
      b = at(x.b).a;
      const int shifted = at(x.b).b;
      if (!is(shifted, Op::shl) || at(shifted).imm != 23) return {};
      n = at(shifted).a;
      is_mantissa = true;
    } else if (is(x.a, Op::eq) && is_constant(at(x.a).b, kInfinity) && at(x.a).a == x.b && is(x.c, Op::select)) {
      of = x.b;
      const Instruction& finite = at(x.c);
      if (!is(finite.a, Op::eq) || at(finite.a).a != of || !is_constant(at(finite.a).b, kZero) ||
          !is_constant(finite.b, kMinusInfinity) || !is(finite.c, Op::sub))
        return {};
      const Instruction& whole = at(finite.c);
      if (!is(whole.a, Op::bits_add) || !is_constant(at(whole.a).b, 0x4b400000u) || !is(whole.b, Op::select)) return {};
      const Instruction& less = at(whole.b);
      if (!is_denormal(less.a, of) || !is_constant(less.b, std::bit_cast<uint32_t>(0x1.8p+23f + 23)) ||
          !is_constant(less.c, std::bit_cast<uint32_t>(0x1.8p+23f)))
        return {};
      n = at(whole.a).a;
    } else {
      return {};
    }
    if (!is(n, Op::sar) || at(n).imm != 23 || !is(at(n).a, Op::bits_sub)) return {};
    const Instruction& from = at(at(n).a);
    if (!is_constant(from.b, 0x3f2aaaabu) || (b >= 0 && from.a != b) || !is(from.a, Op::select)) return {};
    const Instruction& normal = at(from.a);
    if (!is_denormal(normal.a, of) || normal.c != of || !is(normal.b, Op::mul) || at(normal.b).a != of ||
        !is_constant(at(normal.b).b, std::bit_cast<uint32_t>(0x1p+23f)))
      return {};
    const int mantissa = builder_.add(Op::mantissa, of);
    const int upper = builder_.add(Op::le, builder_.constant(0x3faaaaabu), mantissa);  // 4/3
    if (is_mantissa)
      return {Op::select, upper, builder_.add(Op::mul, mantissa, builder_.constant(0x3f000000u)), mantissa};
    const int exponent = builder_.add(Op::exponent, of);
    return {Op::select, upper, builder_.add(Op::add, exponent, builder_.constant(0x3f800000u)), exponent};
  }
  bool is_denormal(int mask, int of) const {
    return is(mask, Op::lt) && at(mask).a == of && is_constant(at(mask).b, std::bit_cast<uint32_t>(0x1p-126f));
  }

  const List& from_;
  List& to_;
  Builder builder_;
  const bool wide_;
};

void prune(List& list) {
  std::vector<char> needed(list.nodes.size(), 0);
  for (size_t i = list.nodes.size(); i-- > 0;) {
    const Instruction& x = list.nodes[i];
    if (!needed[i] && !is_store(x.op)) continue;
    needed[i] = 1;
    for (int operand : x.operands())
      if (operand >= 0) needed[static_cast<size_t>(operand)] = 1;
  }
  std::vector<int> place(list.nodes.size(), -1);
  auto moved = [&](int old) { return old < 0 ? -1 : place[static_cast<size_t>(old)]; };
  size_t kept = 0;
  for (size_t i = 0; i < list.nodes.size(); ++i) {
    if (!needed[i]) continue;
    place[i] = static_cast<int>(kept);
    Instruction x = list.nodes[i];
    for (int* operand : x.operands()) *operand = moved(*operand);
    list.nodes[kept++] = x;
  }
  list.nodes.resize(kept);
}

// A choice of a result that is made for it alone is an operation under a mask: one instruction less. AVX-512 has those.
void mask_operations(List& list) {
  std::vector<int> readers(list.nodes.size(), 0);
  for (const Instruction& x : list.nodes)
    for (int operand : x.operands())
      if (operand >= 0) ++readers[static_cast<size_t>(operand)];
  for (Instruction& x : list.nodes) {
    if (x.op != Op::select || x.b == x.c || readers[static_cast<size_t>(x.b)] != 1) continue;
    const Instruction& made = list.nodes[static_cast<size_t>(x.b)];
    if (made.mask >= 0 || (made.op != Op::add && made.op != Op::sub && made.op != Op::mul && made.op != Op::scale))
      continue;
    x = {made.op, made.a, made.b, x.c, 0, x.a};
  }
}

// Stores of elements at the end: a load right after a store whose address ends in the same 12 bits waits for it.
void sink_stores(List& list) {
  constexpr int64_t kMost = 8;  // more would need too many registers
  auto sinks = [&](const Instruction& x) {
    return x.op == Op::column || (is_store(x.op) && !is_reduction(x.op) && !list.of_row[x.imm]);
  };
  if (std::ranges::count_if(list.nodes, sinks) > kMost) return;
  const size_t n = list.nodes.size();
  std::vector<int> place(n);
  std::vector<Instruction> nodes;
  for (const bool last : {false, true})
    for (size_t i = 0; i < n; ++i)
      if (sinks(list.nodes[i]) == last) {
        place[i] = static_cast<int>(nodes.size());
        nodes.push_back(list.nodes[i]);
      }
  for (Instruction& x : nodes)
    for (int* operand : x.operands())
      if (*operand >= 0) *operand = place[static_cast<size_t>(*operand)];
  list.nodes = std::move(nodes);
}

}  // namespace

void simplify(List& list, bool wide) {
  List simple = list;
  simple.nodes.clear();
  Simplifier(list, simple, wide && !list.of_users).run();
  prune(simple);
  if (wide) {
    mask_operations(simple);
    prune(simple);
  }
  sink_stores(simple);
  list = std::move(simple);
}

List doubled(const List& list, const std::vector<char>& shared) {
  List both = list;
  both.nodes.clear();
  std::vector<int> place[2];
  for (size_t i = 0; i < list.nodes.size(); ++i)
    for (int part = 0; part < 2; ++part) {
      if (part == 1 && shared[i]) {
        place[1].push_back(place[0].back());
        continue;
      }
      auto moved = [&](int old) { return old < 0 ? -1 : place[part][static_cast<size_t>(old)]; };
      Instruction x = list.nodes[i];
      for (int* operand : x.operands()) *operand = moved(*operand);
      x.part = part;
      place[part].push_back(static_cast<int>(both.nodes.size()));
      both.nodes.push_back(x);
    }
  return both;
}

}  // namespace duet::cpu::jit
