// Operations that move or look at elements without computing, and casts. The views share their input's storage.
#pragma once

#include "duet/ops/batch_rules.h"
#include "duet/ops/op.h"

namespace duet {

struct MovementOps : OpList<struct Reshape, struct Transpose, struct BroadcastTo, struct Slice, struct Unslice,
                            struct Concat, struct Copy, struct Cast, struct Alias> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const MovementOps*, int i);

/// The same elements in row-major order under another shape (attributes: the extents). A view where strides allow it.
struct Reshape : KernelOp<MovementOps, 1> {
  static constexpr std::string_view name = "reshape";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr OpClass kClass = OpClass::view;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static bool view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
};

/// Axes in another order (attributes: for each new axis the old one).
struct Transpose : KernelOp<MovementOps, 1> {
  static constexpr std::string_view name = "transpose";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr OpClass kClass = OpClass::view;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static bool view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
};

/// Axes of extent 1 repeated (attributes: the extents).
struct BroadcastTo : KernelOp<MovementOps, 1> {
  static constexpr std::string_view name = "broadcast_to";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr OpClass kClass = OpClass::view;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static bool view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset);
  static Outputs batch(const BatchCall& call);
  static void vjp(VjpContext& c);
};

/// Every step-th element along an axis (attributes: axis, start, count, step).
struct Slice : KernelOp<MovementOps, 1> {
  static constexpr std::string_view name = "slice";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_axis;
  static constexpr OpClass kClass = OpClass::view;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static bool view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset);
  static void vjp(VjpContext& c);
};

/// The gradient of slice: zeros with x put where the slice was (attributes: axis, start, extent, step).
struct Unslice : KernelOp<MovementOps, 1> {
  static constexpr std::string_view name = "unslice";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_axis;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// Inputs one after the other along an axis (attribute: axis).
struct Concat : KernelOp<MovementOps, -1> {
  static constexpr std::string_view name = "concat";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_axis;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// The same value with its elements dense in memory.
struct Copy : KernelOp<MovementOps, 1> {
  static constexpr std::string_view name = "copy";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_same;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// Elements converted to another dtype (attribute: the DType). Float to integer truncates and saturates, NaN gives 0;
/// to bool it is x ≠ 0.
struct Cast : KernelOp<MovementOps, 1> {
  static constexpr OpClass kClass = OpClass::cast;
  static constexpr std::string_view name = "cast";
  static constexpr DTypeSet kAccepts = kStored;
  static constexpr BatchRule batch = batch_same;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
  static void vjp(VjpContext& c);
};

/// The same value under a fresh id: only tapes see it.
struct Alias : KernelOp<MovementOps, 1> {
  static constexpr std::string_view name = "alias";
  static constexpr OpClass kClass = OpClass::tape;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void vjp(VjpContext& c);
};

/// x under another shape, its elements in the same order; one extent may be −1 and is worked out. A view where the
/// layout allows. Gradient: dy, reshaped back. ShapeError when the numbers of elements differ.
Tensor reshape(const Operand& x, const Shape& shape);
/// x with its axes in the given order, or reversed; a view. Gradient: dy in the inverse order. ShapeError unless each
/// axis is named once.
Tensor transpose(const Operand& x, std::initializer_list<int> axes = {});
/// x repeated along axes of extent 1 and along new leading axes; a view. Gradient: dy summed over them. ShapeError when
/// x does not broadcast to the shape.
Tensor broadcast_to(const Operand& x, const Shape& shape);
/// Elements start, start+step, … before stop along an axis; negative positions count from the end, as in Python;
/// a view. Gradient: dy among zeros. ShapeError for an axis that is not there or a step below 1.
Tensor slice_axis(const Operand& x, int axis, int64_t start, int64_t stop, int64_t step = 1);
/// Tensors one after the other along an axis. Gradient: slices of dy. ShapeError when another axis differs or there is
/// no tensor, DTypeError when element types differ.
Tensor concat(const std::vector<Tensor>& tensors, int axis = 0,
              std::source_location line = std::source_location::current());
/// x with elements of another dtype, converted as Cast says. Gradient: dy, cast back; none through integers and bool.
Tensor cast(const Operand& x, DType dtype);
/// x, dense in memory; x itself when it is.
Tensor contiguous(const Operand& x);
/// x with a fresh id: the same value, which gradients are taken of separately.
Tensor alias(const Tensor& x);
/// x as a constant for gradients.
Tensor stop_gradient(const Tensor& x, std::source_location line = std::source_location::current());
#endif

}  // namespace duet
