// The tile executor: runs a list of tile kernels over a space a few hundred elements at a time, so that what passes
// from one kernel to the next stays in the L1 cache. Eager pointwise calls are programs of one step.
#pragma once

#include <span>
#include <vector>

#include "cpu/kernels.h"
#include "duet/ops/record.h"

namespace duet::cpu {

inline constexpr int64_t kTile = 512;
/// Below so many element-steps a second thread costs more than it saves.
inline constexpr int64_t kParallelWork = int64_t{64} * 1024;

/// How an operand follows the space: axes of the space, merged where strides allow, innermost last.
struct Source {
  uint8_t bytes = 4;    // of one element
  bool dense = false;   // the operand's elements are the space's, in order
  bool single = false;  // one element for the whole space
  int8_t axes = 0;
  const void* constant = nullptr;  // a number of the program itself instead of an operand
  int64_t extent[kMaxRank] = {};
  int64_t stride[kMaxRank] = {};
};

/// `shape` with `strides`, broadcast to `space`.
Source make_source(DType dtype, const Shape& shape, const int64_t* strides, const Shape& space);

/// Elements [begin, begin + n) of the space, made contiguous.
void gather(const Source& source, const void* data, int64_t begin, int64_t n, void* out);

/// What a step reads and writes: a source, a temporary, or an output.
using Register = int32_t;
inline constexpr Register kTemporary = 1 << 20, kOutput = 1 << 28;

struct Step {
  TileFn fn = nullptr;
  uint64_t imm = 0;
  int8_t inputs = 0, outputs = 0;
  Register in[kMaxTileInputs] = {};
  Register out[kMaxTileOutputs] = {};
  // What fn computes, for the JIT: an op, an instruction, or (`input`) a cast.
  const OpRecord* op = nullptr;
  ExprOp instruction = ExprOp::input;
  DType dtype = DType::f32, to = DType::f32;
};

struct TileProgram {
  int64_t numel = 0;
  std::vector<Source> sources;
  std::vector<Step> steps;
  std::vector<uint8_t> output_bytes;  // of one element
  int temporaries = 0;

  void clear(int64_t n);
  Register add_source(const Source& s);
  Register add_output(DType dtype);
  Register add_temporary() { return static_cast<Register>(kTemporary + temporaries++); }
  void add_cast(TileFn fn, DType from, DType to, Register in, Register out);
  void add_move(DType dtype, Register in, Register out);
  /// The steps of a pointwise op; a user's op has one an instruction. `dtype` is that of its operands, masks aside.
  void add_op(const OpRecord& op, DType dtype, const Register* in, const Register* out);
  /// Lets temporaries whose values are dead share storage.
  void pack_temporaries();
};

/// Runs the program over its space, on several threads where that pays. data[k] is the first element of source k.
void run_tiles(const TileProgram& program, const void* const* data, void* const* out);
/// The same over elements [begin, begin + n), on this thread.
void run_tiles(const TileProgram& program, const void* const* data, void* const* out, int64_t begin, int64_t n);

/// The compiled kernel of a built-in pointwise op or gradient.
TileFn tile_kernel(const OpRecord& op, DType dtype);
/// The dtype a pointwise op computes in: that of its operands that are not masks.
DType compute_dtype(const OpRecord& op, std::span<const Strided> in, std::span<const Strided> out);

}  // namespace duet::cpu
