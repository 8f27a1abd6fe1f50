// Expr, the number type that records: run a formula over it and it leaves a list of scalar instructions. A user's own
// op runs from that list, in every mode, so its bits do not depend on how the user's file was compiled.
#pragma once

#include <vector>

#include "duet/ops/expr_op.h"
#include "duet/ops/math.h"

namespace duet {

/// One instruction: operands are earlier instructions' numbers, −1 where there are fewer than three.
struct ExprNode {
  ExprOp op;
  int a = -1, b = -1, c = -1;
  uint64_t imm = 0;
  friend bool operator==(const ExprNode&, const ExprNode&) = default;
};

struct ExprList {
  std::vector<ExprNode> nodes;
  std::vector<int> outputs;
  bool is_double = false;
};

/// Removes instructions that no output needs.
void prune(ExprList& list);

/// Records into a list while it lives; instructions that are already there are shared.
class ExprRecorder {
 public:
  explicit ExprRecorder(ExprList& list);
  ~ExprRecorder();
  ExprRecorder(const ExprRecorder&) = delete;
  ExprRecorder& operator=(const ExprRecorder&) = delete;
  static int emit(const ExprNode& node);

 private:
  ExprList* outer_;
};

/// The recording number type; Double selects the form for f64, where exp and its like are one instruction.
template <bool Double>
struct Expr : math::Number {
  static constexpr bool kIsDouble = Double;
  int node = -1;

  static int emit(ExprOp op, int a = -1, int b = -1, int c = -1, uint64_t imm = 0) {
    return ExprRecorder::emit({op, a, b, c, imm});
  }
  struct Mask {
    int node = -1;
    friend Mask operator&(Mask a, Mask b) { return {emit(ExprOp::mask_and, a.node, b.node)}; }
    friend Mask operator|(Mask a, Mask b) { return {emit(ExprOp::mask_or, a.node, b.node)}; }
    friend Mask operator~(Mask a) { return {emit(ExprOp::mask_not, a.node)}; }
  };
  struct Bits : math::BitLanes {
    int node = -1;
    Bits() = default;
    explicit Bits(uint32_t v) : node(emit(ExprOp::bits_constant, -1, -1, -1, v)) {}
    static Bits of(int n) {
      Bits b;
      b.node = n;
      return b;
    }
    friend Bits operator+(Bits a, Bits b) { return of(emit(ExprOp::bits_add, a.node, b.node)); }
    friend Bits operator-(Bits a, Bits b) { return of(emit(ExprOp::bits_sub, a.node, b.node)); }
    friend Bits operator&(Bits a, Bits b) { return of(emit(ExprOp::bits_and, a.node, b.node)); }
    friend Bits operator|(Bits a, Bits b) { return of(emit(ExprOp::bits_or, a.node, b.node)); }
    friend Bits operator^(Bits a, Bits b) { return of(emit(ExprOp::bits_xor, a.node, b.node)); }
    friend Bits operator<<(Bits a, int n) { return of(emit(ExprOp::shl, a.node, -1, -1, static_cast<uint64_t>(n))); }
    friend Bits operator>>(Bits a, int n) { return of(emit(ExprOp::shr, a.node, -1, -1, static_cast<uint64_t>(n))); }
    friend Bits sar(Bits a, int n) { return of(emit(ExprOp::sar, a.node, -1, -1, static_cast<uint64_t>(n))); }
    friend Bits mul_lo(Bits a, Bits b) { return of(emit(ExprOp::mul_lo, a.node, b.node)); }
    friend Bits mul_hi(Bits a, Bits b) { return of(emit(ExprOp::mul_hi, a.node, b.node)); }
    friend Mask operator==(Bits a, Bits b) { return {emit(ExprOp::bits_eq, a.node, b.node)}; }
    friend Bits select(Mask m, Bits a, Bits b) { return of(emit(ExprOp::bits_select, m.node, a.node, b.node)); }
  };

  Expr() = default;
  explicit Expr(double v) : node(emit(ExprOp::constant, -1, -1, -1, constant_bits(v))) {}
  static Expr of(int n) {
    Expr e;
    e.node = n;
    return e;
  }
  static Expr from_bits(Bits b) { return of(emit(ExprOp::from_bits, b.node)); }
  static uint64_t constant_bits(double v) {
    if constexpr (Double)
      return math::bit_cast<uint64_t>(v);
    else
      return math::bit_cast<uint32_t>(static_cast<float>(v));
  }
  friend Bits bits(const Expr& a) { return Bits::of(emit(ExprOp::bits, a.node)); }
  friend Expr operator+(const Expr& a, const Expr& b) { return of(emit(ExprOp::add, a.node, b.node)); }
  friend Expr operator-(const Expr& a, const Expr& b) { return of(emit(ExprOp::sub, a.node, b.node)); }
  friend Expr operator*(const Expr& a, const Expr& b) { return of(emit(ExprOp::mul, a.node, b.node)); }
  friend Expr operator/(const Expr& a, const Expr& b) { return of(emit(ExprOp::div, a.node, b.node)); }
  friend Expr operator-(const Expr& a) { return of(emit(ExprOp::neg, a.node)); }
  friend Expr fma(const Expr& a, const Expr& b, const Expr& c) { return of(emit(ExprOp::fma, a.node, b.node, c.node)); }
  friend Expr sqrt(const Expr& a) { return of(emit(ExprOp::sqrt, a.node)); }
  friend Expr libm(math::Libm fn, const Expr& a) {
    return of(emit(ExprOp::libm, a.node, -1, -1, static_cast<uint64_t>(fn)));
  }
  friend Expr libm(math::Libm2 fn, const Expr& a, const Expr& b) {
    return of(emit(ExprOp::libm2, a.node, b.node, -1, static_cast<uint64_t>(fn)));
  }
  friend void reduce_pio2(const Expr& x, Expr& r, Bits& quadrant) {
    int fast_r = r.node, fast_n = quadrant.node;  // they stand where x is small
    r = of(emit(ExprOp::pio2_rest, x.node, fast_r, fast_n));
    quadrant = Bits::of(emit(ExprOp::pio2_quadrant, x.node, fast_r, fast_n));
  }
  friend Mask operator<(const Expr& a, const Expr& b) { return {emit(ExprOp::lt, a.node, b.node)}; }
  friend Mask operator<=(const Expr& a, const Expr& b) { return {emit(ExprOp::le, a.node, b.node)}; }
  friend Mask operator>(const Expr& a, const Expr& b) { return {emit(ExprOp::lt, b.node, a.node)}; }
  friend Mask operator>=(const Expr& a, const Expr& b) { return {emit(ExprOp::le, b.node, a.node)}; }
  friend Mask operator==(const Expr& a, const Expr& b) { return {emit(ExprOp::eq, a.node, b.node)}; }
  friend Mask operator!=(const Expr& a, const Expr& b) { return {emit(ExprOp::ne, a.node, b.node)}; }
  friend Expr select(Mask m, const Expr& a, const Expr& b) { return of(emit(ExprOp::select, m.node, a.node, b.node)); }
};

}  // namespace duet
