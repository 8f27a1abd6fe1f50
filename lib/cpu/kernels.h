// The compiled kernels, one table per instruction set.
#pragma once

#include <string_view>

#include "cpu/gemm.h"
#include "cpu/reduce.h"
#include "cpu/scan.h"
#include "duet/core/dtype.h"

namespace duet {
enum class ExprOp : uint8_t;
}

namespace duet::cpu {

inline constexpr int kMaxTileInputs = 12;
inline constexpr int kMaxTileOutputs = 4;

/// One step over n elements: each input n dense elements, or one where its bit in `scalars` is set; masks are bytes.
struct TileCall {
  const void* in[kMaxTileInputs];
  void* out[kMaxTileOutputs];  // may be one of the inputs' storage exactly
  int64_t n;
  uint32_t scalars;
  uint64_t imm;  // ExprOp's number
};
using TileFn = void (*)(const TileCall& call);

enum class Distribution : uint8_t { uniform, normal };

/// The functions of cpu/reduce.h for one element type.
template <class T>
struct Reductions {
  void (*row)(ReduceKind, const Stream<T>&, int64_t, int64_t, int64_t, T*);
  void (*row_chunks)(ReduceKind, const Stream<T>&, int64_t, int64_t, int64_t, int64_t, T*);
  void (*col)(ReduceKind, const Stream<T>&, int64_t, int64_t, const ColumnRange&, T*);
  void (*col_chain)(ReduceKind, const T*, int64_t, int64_t, bool, T*);
  void (*col_join)(ReduceKind, T*, int64_t, int64_t);
  void (*row_place)(ReduceKind, const Stream<T>&, int64_t, int64_t, int64_t, int64_t*);
  void (*col_place)(ReduceKind, const Stream<T>&, int64_t, int64_t, const ColumnRange&, int64_t*);
};

struct Kernels {
  std::string_view isa;
  /// A pointwise op's kernel, by row in PointwiseOps, or its gradient's for a set of wanted gradients; null where the
  /// op does not take the dtype.
  TileFn (*pointwise)(int row, int vjp_mask, DType dtype);
  /// Casts from f32 to a 16-bit float and back; null for others.
  TileFn (*half)(DType from, DType to);
  /// One instruction of a user's formula.
  TileFn (*instruction)(ExprOp op, bool is_double);
  void (*gemm)(const Gemm& g);
  void (*gemm_f64)(const GemmF64& g);
  /// Packs all of B of g for products of g.m rows; gives the columns of a panel.
  int64_t (*gemm_pack)(const Gemm& g, float* to);
  Reductions<float> reduce_f32;
  Reductions<double> reduce_f64;
  /// See cpu/scan.h.
  void (*scan_f32)(const Scan<float>& s);
  void (*scan_f64)(const Scan<double>& s);
  void (*scan_i64)(const Scan<int64_t>& s);
  /// Elements [begin, begin + n) of the random stream of a key.
  void (*random)(Distribution d, uint32_t key0, uint32_t key1, int64_t begin, int64_t n, float* y);
};

/// The table in use: the best the CPU runs, or what DUET_ISA names ("v3", "v4").
const Kernels& kernels();

/// Switches the table; for tests and measurements. False when the CPU cannot run it or it is unknown.
bool set_isa(std::string_view isa);

namespace base {
extern const Kernels kKernels;
}
namespace v3 {
extern const Kernels kKernels;
}
namespace v4 {
extern const Kernels kKernels;
}

}  // namespace duet::cpu
