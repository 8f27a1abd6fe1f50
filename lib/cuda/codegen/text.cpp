#include "cuda/codegen/text.h"

#include <cctype>
#include <cmath>
#include <cstring>

#include "duet/core/error.h"

namespace duet::cuda {
namespace {

// In decimals where they are few, else hexadecimal: both are read back exactly.
std::string number(double v, const char* suffix) {
  if (std::abs(v) < 1e6 && v * 1024 == std::floor(v * 1024)) {
    const std::string text = fmt::format("{}", v);
    return text + (text.find('.') == text.npos ? ".0" : "") + suffix;
  }
  return fmt::format("{:a}{}", v, suffix);
}

}  // namespace

Type type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return Type::f32;
    case DType::f64:
      return Type::f64;
    case DType::i32:
      return Type::i32;
    case DType::i64:
      return Type::i64;
    case DType::u8:
      return Type::u8;
    case DType::boolean:
      return Type::boolean;
    case DType::f16:
      return Type::f16;
    case DType::bf16:
      return Type::bf16;
  }
  return Type::boolean;
}

std::string_view name(Type t) {
  constexpr std::string_view kNames[] = {"float", "double", "i32", "i64", "u8", "bool", "u32", "f16", "bf16"};
  return kNames[static_cast<int>(t)];
}

int size_bytes(Type t) {
  constexpr int kBytes[] = {4, 8, 4, 8, 1, 1, 4, 2, 2};
  return kBytes[static_cast<int>(t)];
}

std::string as(const Variable& x, Type type) {
  if (x.type == type) return x.text;
  if (type == Type::boolean) return fmt::format("({} != 0)", x.text);
  if (x.type == Type::boolean) return fmt::format("static_cast<{}>({})", name(type), x.text);
  DUET_INTERNAL_CHECK(size_bytes(x.type) == size_bytes(type));
  return fmt::format("bit<{}>({})", name(type), x.text);
}

std::string literal(uint64_t bits, Type type) {
  Number8 n;
  n.bits = bits;
  switch (type) {
    case Type::f32:
      if (!std::isfinite(n.f32)) return fmt::format("bit<float>({:#x}u)", static_cast<uint32_t>(bits));
      return number(static_cast<double>(n.f32), "f");
    case Type::f64:
      if (!std::isfinite(n.f64)) return fmt::format("bit<double>(u64({:#x}))", bits);
      return number(n.f64, "");
    case Type::i32:
      return n.i32 == INT32_MIN ? "(-2147483647 - 1)" : fmt::format("{}", n.i32);
    case Type::i64:
      return n.i64 == INT64_MIN ? "(-9223372036854775807LL - 1)" : fmt::format("i64({}LL)", n.i64);
    case Type::u8:
      return fmt::format("u8({})", n.u8);
    case Type::boolean:
      return n.u8 != 0 ? "true" : "false";
    case Type::bits:
      return fmt::format("{:#x}u", static_cast<uint32_t>(bits));
    case Type::f16:
    case Type::bf16:
      return fmt::format("{}{{{:#x}}}", name(type), static_cast<uint16_t>(bits));
  }
  return "";
}

std::string literal(const Number8& number, DType dtype) { return literal(number.bits, type_of(dtype)); }

std::string identifier(std::string_view text) {
  std::string to;
  for (char c : text) to += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  if (to.empty() || std::isdigit(static_cast<unsigned char>(to[0]))) to = "_" + to;
  return to;
}

Variable expression(ExprOp op, uint64_t imm, Type t, const Variable* x) {
  using E = ExprOp;
  const bool floats = t == Type::f32 || t == Type::f64;
  // Operands as numbers, bits and masks.
  auto n = [&](int i) { return as(x[i], t); };
  auto b = [&](int i) { return as(x[i], Type::bits); };
  auto m = [&](int i) { return as(x[i], Type::boolean); };
  auto arithmetic = [&](const char* sign, const char* word) -> Variable {
    if (floats) return {fmt::format("{} {} {}", n(0), sign, n(1)), t};
    return {fmt::format("{}<{}>({}, {})", word, name(t), n(0), n(1)), t};
  };
  auto infix = [&](const std::string& a, const char* sign, const std::string& c, Type to) -> Variable {
    return {fmt::format("{} {} {}", a, sign, c), to};
  };
  switch (op) {
    case E::input:
    case E::move:
      return {n(0), t};
    case E::input_mask:
      return {m(0), Type::boolean};
    case E::constant:
      return {literal(imm, t), t};
    case E::add:
      return arithmetic("+", "add");
    case E::sub:
      return arithmetic("-", "sub");
    case E::mul:
      return arithmetic("*", "mul");
    case E::div:
      return infix(n(0), "/", n(1), t);
    case E::neg:
      if (floats) return {fmt::format("-{}", n(0)), t};
      return {fmt::format("neg<{}>({})", name(t), n(0)), t};
    case E::fma:
      return {fmt::format("fma_of({}, {}, {})", n(0), n(1), n(2)), t};
    case E::sqrt:
      return {fmt::format("sqrt_of({})", n(0)), t};
    case E::libm: {
      constexpr const char* kNames[] = {"exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "erf"};
      return {fmt::format("DUET_LIBM({})({})", kNames[imm], n(0)), t};
    }
    case E::libm2:
      return {fmt::format("DUET_LIBM(pow)({}, {})", n(0), n(1)), t};
    case E::lt:
      return infix(n(0), "<", n(1), Type::boolean);
    case E::le:
      return infix(n(0), "<=", n(1), Type::boolean);
    case E::eq:
      return infix(n(0), "==", n(1), Type::boolean);
    case E::ne:
      return infix(n(0), "!=", n(1), Type::boolean);
    case E::mask_and:
      return infix(m(0), "&&", m(1), Type::boolean);
    case E::mask_or:
      return infix(m(0), "||", m(1), Type::boolean);
    case E::mask_not:
      return {fmt::format("!{}", m(0)), Type::boolean};
    case E::select:
      return {fmt::format("{} ? {} : {}", m(0), n(1), n(2)), t};
    case E::bits:
      return {b(0), Type::bits};
    case E::from_bits:
      return {as(x[0], Type::f32), Type::f32};
    case E::bits_constant:
      return {literal(imm, Type::bits), Type::bits};
    case E::bits_add:
      return infix(b(0), "+", b(1), Type::bits);
    case E::bits_sub:
      return infix(b(0), "-", b(1), Type::bits);
    case E::bits_and:
      return infix(b(0), "&", b(1), Type::bits);
    case E::bits_or:
      return infix(b(0), "|", b(1), Type::bits);
    case E::bits_xor:
      return infix(b(0), "^", b(1), Type::bits);
    case E::shl:
      return {fmt::format("{} << {}", b(0), imm), Type::bits};
    case E::shr:
      return {fmt::format("{} >> {}", b(0), imm), Type::bits};
    case E::sar:
      return {fmt::format("sar({}, {})", b(0), imm), Type::bits};
    case E::mul_lo:
      return infix(b(0), "*", b(1), Type::bits);
    case E::mul_hi:
      return {fmt::format("mul_hi({}, {})", b(0), b(1)), Type::bits};
    case E::bits_eq:
      return infix(b(0), "==", b(1), Type::boolean);
    case E::bits_select:
      return {fmt::format("{} ? {} : {}", m(0), b(1), b(2)), Type::bits};
    case E::pio2_rest:
      return {fmt::format("pio2_rest({}, {}, {})", n(0), n(1), b(2)), t};
    case E::pio2_quadrant:
      return {fmt::format("pio2_quadrant({}, {}, {})", n(0), n(1), b(2)), Type::bits};
  }
  return {};
}

std::string conversion(const Variable& x, Type to) {
  if (x.type == to) return x.text;
  auto is_half = [](Type t) { return t == Type::f16 || t == Type::bf16; };
  if (is_half(x.type)) return conversion({fmt::format("float_of({})", x.text), Type::f32}, to);
  if (is_half(to)) {
    // As duet/ops/convert.h: what a float has no room for is rounded once.
    const char* way = x.type == Type::f32                          ? "{}_of({})"
                      : x.type == Type::f64                        ? "{}_of(round_to_odd({}))"
                      : x.type == Type::i32 || x.type == Type::i64 ? "{}_of(round_to_odd(sticky_double({})))"
                                                                   : "{}_of(static_cast<float>({}))";
    return fmt::format(fmt::runtime(way), name(to), x.text);
  }
  if (to == Type::boolean) return fmt::format("({} != 0)", x.text);
  const bool from_float = x.type == Type::f32 || x.type == Type::f64;
  const bool to_float = to == Type::f32 || to == Type::f64;
  if (from_float && !to_float) return fmt::format("to_{}({})", name(to), x.text);
  return fmt::format("static_cast<{}>({})", name(to), x.text);
}

}  // namespace duet::cuda
