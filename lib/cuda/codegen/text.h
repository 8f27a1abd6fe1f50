// The words of generated code: types, literals, expressions.
#pragma once

#include <fmt/format.h>

#include <string>

#include "duet/core/dtype.h"
#include "duet/ops/expr_op.h"
#include "duet/ops/record.h"

namespace duet::cuda {

/// The type of a variable: an element's, or a formula's 32 bits.
enum class Type : uint8_t { f32, f64, i32, i64, u8, boolean, bits, f16, bf16 };

Type type_of(DType dtype);
std::string_view name(Type t);
int size_bytes(Type t);

struct Variable {
  std::string text;
  Type type = Type::f32;
};
/// The variable as another type: its bits where sizes are equal.
std::string as(const Variable& x, Type type);

/// A number of the program itself.
std::string literal(uint64_t bits, Type type);
std::string literal(const Number8& number, DType dtype);

/// "matmul+add" -> "matmul_add": a name of C++.
std::string identifier(std::string_view text);

/// An instruction whose numbers are of a type, and what it gives.
Variable expression(ExprOp op, uint64_t imm, Type number, const Variable* operands);
/// One element converted.
std::string conversion(const Variable& x, Type to);

template <class... T>
void line(std::string& to, fmt::format_string<T...> text, T&&... arguments) {
  to += fmt::format(text, std::forward<T>(arguments)...);
  to += '\n';
}

}  // namespace duet::cuda
