// How the library sees an op: one record of functions. Dispatch, tapes, tracing and plans work on records alone.
#pragma once

#include "duet/ops/op.h"
// after the contract:
#include "duet/ops/expr.h"
#include "duet/ops/operand.h"

namespace duet {

class VjpContext;
struct OpRecord;
struct BatchCall;
/// Computes on whole batches what an op would compute on each example of them, see batch.h.
using BatchRule = Outputs (*)(const BatchCall& call);
Outputs batch_aligned(const BatchCall& call);

/// A strided operand of a kernel.
struct Strided {
  void* data;
  DType dtype;
  bool dense;
  int64_t numel;
  const Shape* shape;
  const int64_t* strides;
};

/// A number operand in the dtype it took.
union Number8 {
  float f32;
  double f64;
  int32_t i32;
  int64_t i64;
  uint8_t u8;
  Half f16;
  BFloat16 bf16;
  uint64_t bits;
};

/// An operand after resolution: numbers have their dtype, tensors were checked.
struct Arg {
  Operand::Kind kind;
  DType dtype;
  const Tensor* tensor;  // null for a number
  const Shape* shape;
  Number8 number;
  double float_value;  // the number as written
  int64_t int_value;
};

/// An operand as messages show it: "f32[3]" or "2.5". The text is made when a message is: checks that hold cost
/// nothing.
struct OperandText {
  const Arg& operand;
};
std::string to_string(const OperandText& text);

/// The resolved operands of one call.
class Args {
 public:
  static constexpr int kMax = 64;
  Args(const OpRecord& op, Inputs inputs, Attrs attrs);
  int size() const { return size_; }
  /// Where the tensors lie; for numbers alone, the default device.
  Device device() const { return device_; }
  uint64_t numbers() const { return numbers_; }  // bit i: operand i is one
  const Arg& operator[](int i) const { return args_[i]; }
  Spec spec(int i) const { return {args_[i].dtype, *args_[i].shape}; }
  /// What all operands are like, as is common: tensors of its shape and dtype, and numbers, which took its dtype. Null
  /// where they differ and for ops that take masks or operands of any dtype.
  const Block* alike() const { return alike_; }
  /// Whether there are 16-bit floats among them, or the result is asked to be one.
  bool halves() const { return halves_; }
  OperandText text(int i) const { return {args_[i]}; }

 private:
  int size_;
  bool halves_ = false;
  Device device_;
  uint64_t numbers_ = 0;
  const Block* alike_ = nullptr;
  Arg args_[kMax];
};

struct KernelCall {
  const OpRecord& op;
  std::span<const Strided> in;
  std::span<const Strided> out;  // dense
  Attrs attrs;
  Device device = {};    // where all of them lie,
  uint64_t numbers = 0;  // but for these operands (bit i: operand i), which are numbers in host memory
};

enum class OpClass : uint8_t {
  pointwise,  // same place in, same place out; may be fused
  cast,       // the same, to another dtype
  reduction,  // over axes, in one of the two orders; may be fused
  view,       // another way to look at its input's storage, where strides allow it
  matmul,     // may take pointwise work as an epilogue
  update,     // a kernel that changes some elements of its first operand; eagerly in place of a temporary
  opaque,     // a kernel of its own
  tape,       // exists on tapes only
};

/// The recorded formula of a user's op, for each float type.
struct UserFormula {
  ExprList f32, f64;
};
const OpRecord* make_user_record(OpRecord record, UserFormula formula);  // kept for the program's life

/// Bits for OpRecord::needs.
constexpr uint64_t need_input(int i) { return uint64_t{1} << i; }
constexpr uint64_t need_output(int i) { return uint64_t{1} << (32 + i); }

/// What the library knows of an op. Built-in records are constants; a user's op has one made from its formula.
struct OpRecord {
  std::string_view name;
  OpClass kind = OpClass::opaque;
  int8_t inputs = 1;  // −1: any number
  int8_t outputs = 1;
  DTypeSet accepts = kAnyDType;
  unsigned bool_in = 0;  // inputs that are masks
  unsigned free_in = 0;  // inputs whose dtype does not have to be the common one
  bool bool_out = false;
  bool may_throw = false;  // the kernel can find an index out of range
  int8_t dtype_attr = -1;  // the attribute that holds the output's dtype; numbers take it
  int16_t kernel = -1;     // row in the tables of compiled tile kernels
  int16_t vjp_mask = 0;    // gradients of pointwise ops: which inputs' gradients are the outputs
  const UserFormula* formula = nullptr;

  /// Specs of the outputs; throws ShapeError or DTypeError before any work.
  void (*infer)(const OpRecord& op, const Args& in, Attrs attrs, Spec* out) = nullptr;
  /// Computes dense outputs.
  void (*run)(const KernelCall& call) = nullptr;
  /// Views: strides and the offset of the first element, false when the layout needs a copy.
  bool (*view)(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset) = nullptr;
  /// The gradient rule; null where there is none.
  void (*vjp)(VjpContext& context) = nullptr;
  /// What the rule will ask for: bit i input i; bit 32+i output i.
  uint64_t (*needs)(const OpRecord& op, unsigned wanted, Attrs attrs) = nullptr;
  /// Pointwise: the record of the gradient op for a set of wanted gradients, and the rule's parameters it takes.
  const OpRecord* (*vjp_record)(unsigned wanted) = nullptr;
  unsigned (*vjp_used)(unsigned wanted) = nullptr;
  Need (*vjp_need)(int parameter) = nullptr;
  int (*vjp_same)(int input) = nullptr;
  int8_t vjp_parameters = 0;
  BatchRule batch = nullptr;
};

/// THE fork, see dispatch.h.
Outputs dispatch(const OpRecord& op, Inputs inputs, Attrs attrs = {});

void pointwise_infer(const OpRecord& op, const Args& in, Attrs attrs, Spec* out);
void pointwise_run(const KernelCall& call);
void pointwise_vjp(VjpContext& context);
template <class Op, unsigned Wanted>
void vjp_of_vjp(VjpContext& context);  // ops/formula.h

/// "sigmoid" -> "sigmoid_vjp", for the compiler.
template <class Op>
struct VjpName {
  char text[Op::name.size() + 4];
  constexpr VjpName() : text() {
    for (size_t i = 0; i < Op::name.size(); ++i) text[i] = Op::name[i];
    for (size_t i = 0; i < 4; ++i) text[Op::name.size() + i] = "_vjp"[i];
  }
  static const VjpName value;
};
template <class Op>
inline constexpr VjpName<Op> VjpName<Op>::value{};

template <class Op, int I, bool Double>
auto expr_input() {
  if constexpr ((Op::kBoolIn >> I) & 1u)
    return typename Expr<Double>::Mask{Expr<Double>::emit(ExprOp::input_mask, -1, -1, -1, I)};
  else
    return Expr<Double>::of(Expr<Double>::emit(ExprOp::input, -1, -1, -1, I));
}
/// The instructions of Op's formula.
template <class Op, bool Double>
ExprList record_formula() {
  ExprList list;
  list.is_double = Double;
  ExprRecorder recorder(list);
  [&]<int... I>(std::integer_sequence<int, I...>) {
    auto y = Op::template forward<Expr<Double>>(expr_input<Op, I, Double>()...);
    for (int i = 0; i < Op::kOutputs; ++i) list.outputs.push_back(result(y, i).node);
  }
  (std::make_integer_sequence<int, Op::kInputs>());
  return list;
}

template <class Op, unsigned Wanted, int P, bool Double>
auto expr_parameter() {
  constexpr unsigned used = needed_parameters<Op>(Wanted);
  constexpr Need need = kNeeds<Op>.of[P];
  constexpr bool mask = need.kind == Need::input && ((Op::kBoolIn >> need.index) & 1u);
  if constexpr ((used >> P) & 1u) {
    constexpr auto position = static_cast<uint64_t>(__builtin_popcount(used & ((1u << P) - 1)));
    if constexpr (mask)
      return typename Expr<Double>::Mask{Expr<Double>::emit(ExprOp::input_mask, -1, -1, -1, position)};
    else
      return Expr<Double>::of(Expr<Double>::emit(ExprOp::input, -1, -1, -1, position));
  } else if constexpr (mask) {
    return typename Expr<Double>::Mask{};
  } else {
    return Expr<Double>(0.0);  // no wanted gradient reads it
  }
}
/// The instructions of Op's rule for the wanted gradients.
template <class Op, unsigned Wanted, bool Double>
ExprList record_rule() {
  ExprList list;
  list.is_double = Double;
  ExprRecorder recorder(list);
  [&]<int... P>(std::integer_sequence<int, P...>) {
    auto g = Op::template vjp<Expr<Double>>(expr_parameter<Op, Wanted, P, Double>()...);
    for (int i = 0; i < Op::kInputs; ++i)
      if ((Wanted >> i) & 1u) list.outputs.push_back(result(g, i).node);
  }
  (std::make_integer_sequence<int, kNeeds<Op>.kCount>());
  return list;
}

template <class Op, unsigned Wanted>
constexpr OpRecord make_vjp_record(int kernel) {
  OpRecord r;
  r.name = std::string_view(VjpName<Op>::value.text, sizeof(VjpName<Op>::value.text));
  r.kind = OpClass::pointwise;
  r.inputs = 0;
  r.accepts = Op::kAccepts & kFloats;
  constexpr unsigned used = needed_parameters<Op>(Wanted);
  for (int p = 0; p < kNeeds<Op>.kCount; ++p) {
    if (!((used >> p) & 1u)) continue;
    Need need = kNeeds<Op>.of[p];
    if (need.kind == Need::input && ((Op::kBoolIn >> need.index) & 1u)) r.bool_in |= 1u << r.inputs;
    ++r.inputs;
  }
  r.outputs = 0;
  for (int i = 0; i < Op::kInputs; ++i) r.outputs = static_cast<int8_t>(r.outputs + int((Wanted >> i) & 1u));
  r.kernel = static_cast<int16_t>(kernel);
  r.vjp_mask = Wanted;
  r.infer = pointwise_infer;
  r.run = pointwise_run;
  r.vjp = vjp_of_vjp<Op, Wanted>;
  r.batch = batch_aligned;
  r.needs = [](const OpRecord& op, unsigned, Attrs) { return (uint64_t{1} << op.inputs) - 1; };
  return r;
}

template <class Op>
constexpr uint64_t needs_for(unsigned wanted) {
  unsigned computed = 0;
  for (int i = 0; i < Op::kInputs; ++i)
    if (((wanted >> i) & 1u) && same_parameter<Op>(i) < 0) computed |= 1u << i;
  unsigned used = needed_parameters<Op>(computed);
  uint64_t needs = 0;
  for (int p = 0; p < kNeeds<Op>.kCount; ++p) {
    Need need = kNeeds<Op>.of[p];
    if (((used >> p) & 1u) && need.kind != Need::dy)
      needs |= uint64_t{1} << (need.index + (need.kind == Need::output ? 32 : 0));
  }
  return needs;
}
/// The same from a table: tapes ask at every operation.
template <class Op>
uint64_t needs_of(const OpRecord&, unsigned wanted, Attrs) {
  static constexpr auto kTable = [] {
    Many<uint64_t, 1 << Op::kInputs> table{};
    for (unsigned w = 0; w < 1u << Op::kInputs; ++w) table.v[w] = needs_for<Op>(w);
    return table;
  }();
  return kTable.v[wanted];
}

/// The gradient's record for a set of wanted gradients: a constant for duet's ops, made from the rule for a user's.
template <class Op, unsigned... W>
const OpRecord* vjp_record_in(unsigned wanted, std::integer_sequence<unsigned, W...>) {
  constexpr int row = index_in<Op>(static_cast<const typename Op::Family*>(nullptr));
  if constexpr (row >= 0) {
    static constexpr OpRecord table[] = {make_vjp_record<Op, W + 1>(row)...};
    return &table[wanted - 1];
  } else {
    static const OpRecord* const table[] = {make_user_record(
        make_vjp_record<Op, W + 1>(-1), {record_rule<Op, W + 1, false>(), record_rule<Op, W + 1, true>()})...};
    return table[wanted - 1];
  }
}

/// The record of a pointwise op; `kernel` is its row in the compiled tables, −1 for a user's.
template <class Op>
constexpr OpRecord make_record(int kernel) {
  OpRecord r;
  r.name = Op::name;
  r.kind = OpClass::pointwise;
  r.inputs = Op::kInputs;
  r.outputs = Op::kOutputs;
  r.accepts = kernel >= 0 ? Op::kAccepts : Op::kAccepts & kFloats;
  r.bool_in = Op::kBoolIn;
  r.bool_out = Op::kBoolOut;
  r.kernel = static_cast<int16_t>(kernel);
  r.infer = pointwise_infer;
  r.run = pointwise_run;
  r.batch = batch_aligned;
  if constexpr (HasVjp<Op>::value) {
    r.vjp = pointwise_vjp;
    r.needs = needs_of<Op>;
    r.vjp_record = [](unsigned wanted) {
      return vjp_record_in<Op>(wanted, std::make_integer_sequence<unsigned, (1u << Op::kInputs) - 1>());
    };
    r.vjp_used = [](unsigned wanted) { return needed_parameters<Op>(wanted); };
    r.vjp_need = [](int p) { return kNeeds<Op>.of[p]; };
    r.vjp_same = [](int i) { return same_parameter<Op>(i); };
    r.vjp_parameters = kNeeds<Op>.kCount;
  }
  return r;
}

/// The record of an op that brings its own functions.
template <class Op>
constexpr OpRecord make_kernel_record() {
  OpRecord r;
  r.name = Op::name;
  r.inputs = Op::kInputs;
  r.outputs = Op::kOutputs;
  if constexpr (requires { Op::kClass; }) r.kind = Op::kClass;
  if constexpr (requires { Op::kAccepts; }) r.accepts = Op::kAccepts;
  if constexpr (requires { Op::kFreeIn; }) r.free_in = Op::kFreeIn;
  if constexpr (requires { Op::kBoolOut; }) r.bool_out = Op::kBoolOut;
  if constexpr (requires { Op::kMayThrow; }) r.may_throw = Op::kMayThrow;
  if constexpr (requires { Op::kDTypeAttr; }) r.dtype_attr = Op::kDTypeAttr;
  r.infer = [](const OpRecord&, const Args& in, Attrs attrs, Spec* out) { Op::infer(in, attrs, out); };
  if constexpr (requires { &Op::run; }) r.run = Op::run;
  if constexpr (requires { &Op::view; }) r.view = Op::view;
  if constexpr (requires { Op::batch; }) r.batch = Op::batch;
  if constexpr (requires { &Op::vjp; }) {
    r.vjp = Op::vjp;
    r.needs = [](const OpRecord&, unsigned wanted, Attrs) -> uint64_t {
      if constexpr (requires { &Op::needs; })
        return Op::needs(wanted);
      else
        return 0;
    };
  }
  return r;
}

template <class Op>
const OpRecord& op();

/// Dispatches Op on tensors.
template <class Op, class... X>
Outputs call_op(Attrs attrs, const X&... x) {
  return dispatch(op<Op>(), {Operand(x)...}, attrs);
}

/// The record of an op: a constant in the library, or, for an op of the user's own, made once from its formula.
template <class Op>
const OpRecord& op() {
  using Family = typename Op::Family;
  constexpr int row = index_in<Op>(static_cast<const Family*>(nullptr));
  if constexpr (row >= 0) {
    return builtin(static_cast<const Family*>(nullptr), row);
  } else {
    static const OpRecord* const record =
        make_user_record(make_record<Op>(-1), {record_formula<Op, false>(), record_formula<Op, true>()});
    return *record;
  }
}

}  // namespace duet

template <>
struct fmt::formatter<duet::OperandText> : duet::TextFormatter {};
