#include "promotion.h"

#include <cmath>

namespace duet {

// Numbers take the dtype of the tensors beside them; alone they are f32, i32 or bool.
DType number_dtype(const OpRecord& op, Inputs inputs, Attrs attrs) {
  if (op.dtype_attr >= 0) return static_cast<DType>(attrs[static_cast<size_t>(op.dtype_attr)]);
  bool any_float = false, any_int = false;
  for (int i = 0; i < inputs.size(); ++i) {
    if (((op.bool_in | op.free_in) >> i) & 1u) continue;
    const Operand& x = inputs[i];
    if (x.is_tensor()) return x.tensor().defined() ? x.tensor().dtype() : DType::f32;
    any_float |= x.kind() == Operand::Kind::float_number || x.kind() == Operand::Kind::constant;
    any_int |= x.kind() == Operand::Kind::int_number;
  }
  if (any_float || op.accepts == kFloats) return DType::f32;
  return any_int ? DType::i32 : DType::boolean;
}

Number8 to_number(const OpRecord& op, const Operand& x, DType dtype) {
  Number8 n;
  n.bits = 0;
  const bool integer = x.kind() == Operand::Kind::int_number || x.kind() == Operand::Kind::bool_number;
  if (is_float(dtype)) {
    double v = integer ? static_cast<double>(x.int_value()) : x.float_value();
    if (dtype == DType::f32)
      n.f32 = static_cast<float>(v);
    else
      n.f64 = v;
    return n;
  }
  const bool made = op.dtype_attr >= 0;  // full, arange: there is no tensor that could be converted
  if (x.kind() == Operand::Kind::float_number && made)
    fail<DTypeError>("{}: the floating number {} for {} elements; give an integer, or ask for f32", op.name,
                     shortest(x.float_value()), dtype);
  if (x.kind() == Operand::Kind::float_number)
    fail<DTypeError>("{}: the floating number {} beside {} tensors; convert them with .to(f32)", op.name,
                     shortest(x.float_value()), dtype);
  if (!integer && x.float_value() != std::trunc(x.float_value()))
    fail<DTypeError>("{}: {} is no {}; give whole numbers, or ask for f32", op.name, shortest(x.float_value()), dtype);
  int64_t v = integer ? x.int_value() : static_cast<int64_t>(x.float_value());
  bool fits = dtype == DType::i64 || (dtype == DType::i32 && v == static_cast<int32_t>(v)) ||
              (dtype == DType::u8 && v == static_cast<uint8_t>(v)) || (dtype == DType::boolean && (v == 0 || v == 1));
  check<DTypeError>(fits, "{}: {} does not fit {}; {}", op.name, v, dtype,
                    made ? "choose a wider type" : "convert the tensor to a wider type");
  if (dtype == DType::i32)
    n.i32 = static_cast<int32_t>(v);
  else if (dtype == DType::i64)
    n.i64 = v;
  else
    n.u8 = static_cast<uint8_t>(v);
  return n;
}

// Two integer types beside each other meet in the wider one.
DType wider_integer(const OpRecord& op, const Args& in, bool& mixed) {
  DType widest = DType::u8;
  DType first = DType::f32;
  for (int i = 0; i < in.size(); ++i) {
    DType t = in[i].dtype;
    if (in[i].tensor == nullptr || (((op.bool_in | op.free_in) >> i) & 1u)) continue;
    if (t == DType::boolean || is_float(t)) return mixed = false, t;
    mixed |= first != DType::f32 && t != first;
    first = t;
    if (size_bytes(t) > size_bytes(widest)) widest = t;
  }
  return widest;
}

}  // namespace duet
