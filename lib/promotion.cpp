#include "promotion.h"

#include <cmath>
#include <vector>

#include "duet/ops/movement.h"
#include "duet/ops/saved.h"

namespace duet {
namespace {

// A number beside 16-bit floats counts in f32, as they themselves do.
DType beside(DType t) { return is_half(t) ? DType::f32 : t; }

}  // namespace

// Numbers take the dtype of the tensors beside them; alone they are f32, i32 or bool.
DType number_dtype(const OpRecord& op, Inputs inputs, Attrs attrs) {
  if (op.dtype_attr >= 0) return beside(static_cast<DType>(attrs[static_cast<size_t>(op.dtype_attr)]));
  bool any_float = false, any_int = false;
  for (int i = 0; i < inputs.size(); ++i) {
    if (((op.bool_in | op.free_in) >> i) & 1u) continue;
    const Operand& x = inputs[i];
    if (x.is_tensor()) return x.tensor().defined() ? beside(x.tensor().dtype()) : DType::f32;
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

namespace {

// The operands that have the dtype which all are to have.
bool typed(const OpRecord& op, const Args& in, int i) {
  return in[i].tensor != nullptr && (((op.bool_in | op.free_in) >> i) & 1u) == 0;
}

// The widest integer type among the operands, and in `mixed` whether there are several.
DType wider_integer(const OpRecord& op, const Args& in, bool& mixed) {
  DType widest = DType::u8;
  DType first = DType::f32;
  for (int i = 0; i < in.size(); ++i) {
    DType t = in[i].dtype;
    if (!typed(op, in, i)) continue;
    if (t == DType::boolean || is_float(t)) return mixed = false, t;
    mixed |= first != DType::f32 && t != first;
    first = t;
    if (size_bytes(t) > size_bytes(widest)) widest = t;
  }
  return widest;
}

Outputs dispatch_as(const OpRecord& op, const Args& in, Attrs attrs, DType dtype) {
  OperandList list;
  std::vector<Tensor> casts(static_cast<size_t>(in.size()));
  for (int i = 0; i < in.size(); ++i)
    if (!typed(op, in, i) || in[i].dtype == dtype)
      list.add(in[i]);
    else
      list.add(casts[static_cast<size_t>(i)] = cast(*in[i].tensor, dtype));
  return dispatch(op, list.inputs(), attrs);
}

// 16-bit floats are storage. An operation on them is one in f32, between casts: the same operations whether they run
// now or are recorded, so that whatever fuses them rounds where they do. None where the operation takes the bits as
// they are, or where its operands do not go together, which it says itself.
Outputs dispatch_halves(const OpRecord& op, const Args& in, Attrs attrs) {
  bool numbers = false;
  int first = -1;
  DType half = DType::f32;
  for (int i = 0; i < in.size(); ++i) {
    numbers |= in[i].tensor == nullptr && (((op.bool_in | op.free_in) >> i) & 1u) == 0;
    if (!typed(op, in, i)) continue;
    if (first < 0) first = i, half = in[i].dtype;
    if (half == in[i].dtype) continue;
    check<DTypeError>(!is_half(half) || !is_half(in[i].dtype),
                      "{}: element types differ: {} and {}; convert both with .to(f32)", op.name, in.text(first),
                      in.text(i));
    return {};
  }
  const Attrs given = attrs;
  std::vector<int64_t> in_f32;  // attributes that ask for f32
  if (op.dtype_attr >= 0 && !contains(op.accepts, DType::f16)) {
    in_f32.assign(attrs.begin(), attrs.end());
    int64_t& wanted = in_f32[static_cast<size_t>(op.dtype_attr)];
    half = static_cast<DType>(wanted);
    if (is_half(half)) wanted = static_cast<int64_t>(DType::f32);
    attrs = in_f32;
  }
  if (!is_half(half) || !contains(op.accepts, DType::f32) || (contains(op.accepts, half) && !numbers)) return {};
  const bool pointwise = op.kind == OpClass::pointwise;
  Spec specs[kMaxOutputs];
  if (pointwise || !numbers) op.infer(op, in, given, specs);  // says what is wrong in the operands' own types
  // Where nobody records, the kernel of a pointwise operation makes the casts, without storage between.
  const bool recorded = thread_state.trace != nullptr || thread_state.tape != nullptr || thread_state.batch != nullptr;
  if (pointwise && !recorded && !in.device().is_cuda()) return run_now(op, in, attrs, specs);
  Outputs y = dispatch_as(op, in, attrs, DType::f32);
  for (int i = 0; i < y.count; ++i)
    if (y[i].dtype() == DType::f32) y[i] = cast(std::move(y[i]), half);
  return y;
}

}  // namespace

Outputs dispatch_promoted(const OpRecord& op, const Args& in, Attrs attrs) {
  if (in.halves()) return dispatch_halves(op, in, attrs);
  bool mixed = false;
  const DType widest = wider_integer(op, in, mixed);
  return mixed ? dispatch_as(op, in, attrs, widest) : Outputs();
}

}  // namespace duet
