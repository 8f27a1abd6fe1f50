// New tensors from nothing but a shape.
#pragma once

#include "duet/ops/op.h"

namespace duet {

struct CreateOps : OpList<struct Full, struct Arange> {};

#ifndef DUET_FORMULAS_ONLY
const OpRecord& builtin(const CreateOps*, int i);

/// One number everywhere (attributes: dtype, extents).
struct Full : KernelOp<CreateOps, 1> {
  static constexpr std::string_view name = "full";
  static constexpr int8_t kDTypeAttr = 0;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// start, start + step, … (attributes: dtype, count).
struct Arange : KernelOp<CreateOps, 2> {
  static constexpr std::string_view name = "arange";
  static constexpr int8_t kDTypeAttr = 0;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

/// The same number everywhere. ShapeError when the value is a tensor (use broadcast_to) or an extent is negative.
Tensor full(const Shape& shape, const Operand& value, DType dtype = f32);
/// Zeros, or false.
Tensor zeros(const Shape& shape, DType dtype = f32, std::source_location line = std::source_location::current());
/// Ones, or true.
Tensor ones(const Shape& shape, DType dtype = f32, std::source_location line = std::source_location::current());
/// 0, 1, …, n − 1 in [n]. ShapeError for a negative n, DTypeError for bool.
Tensor arange(int64_t n, DType dtype = f32, std::source_location line = std::source_location::current());
/// start, start + step, … before stop, each computed as start + i·step. ShapeError for a step of 0 or what is not
/// finite.
Tensor arange(double start, double stop, double step = 1, DType dtype = f32,
              std::source_location line = std::source_location::current());
/// Ones on the diagonal of an n×n matrix of zeros.
Tensor eye(int64_t n, DType dtype = f32, std::source_location line = std::source_location::current());
#endif

}  // namespace duet
