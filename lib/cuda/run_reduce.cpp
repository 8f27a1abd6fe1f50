// Reductions, in the stages of ops/reduce_stages.h.
#include <algorithm>
#include <memory>

#include "cuda/runners.h"
#include "ops/reduce_stages.h"

namespace duet::cuda {
namespace {

constexpr int64_t kWarp = 32;  // threads that reduce a chunk of a row

// Rows of x to y; a row of more than a chunk becomes its chunks' results, which are a row again.
void row_stage(State& s, int kind, DType dtype, kernel::Operand x, int64_t n, int64_t rows, void* y) {
  std::unique_ptr<Room> rooms[2];
  for (int turn = 0;; turn ^= 1) {
    kernel::RowCall c{n, rows, std::max<int64_t>(1, (n + cpu::kReduceChunk - 1) / cpu::kReduceChunk), x, y};
    if (c.chunks > 1) {
      rooms[turn] = std::make_unique<Room>(s, static_cast<size_t>(rows * c.chunks) * size_bytes(dtype));
      c.y = rooms[turn]->data();
    }
    launch_kernel(s, kernel::kReduceRows, {kind, type(dtype)}, &c, blocks_for(s, rows * c.chunks * kWarp));
    if (c.chunks == 1) return;
    ++thread_state.launches;
    x = dense(c.y);
    n = c.chunks;
  }
}

void column_stage(State& s, int kind, DType dtype, const kernel::Operand& x, int64_t outer, int64_t n, int64_t inner,
                  void* y) {
  std::unique_ptr<Room> rooms[2];
  constexpr int64_t kJoined = 64;  // chunks that join_columns takes at once
  kernel::ColumnCall c{n, outer, inner, (n + cpu::kColumnChunk - 1) / cpu::kColumnChunk, x, y};
  for (int turn = 0;; turn ^= 1) {
    const int64_t results = c.outer * c.chunks * c.inner;
    c.y = y;
    if (c.chunks > 1) {
      rooms[turn] = std::make_unique<Room>(s, static_cast<size_t>(results) * size_bytes(dtype));
      c.y = rooms[turn]->data();
    }
    launch_kernel(s, c.n == n && turn == 0 ? kernel::kReduceColumns : kernel::kJoinColumns, {kind, type(dtype)}, &c,
                  blocks_for(s, results));
    if (c.chunks == 1) return;
    ++thread_state.launches;
    c.x = dense(c.y);
    c.n = c.chunks;
    c.chunks = (c.n + kJoined - 1) / kJoined;
    n = -1;
  }
}

void reduce_floats(State& s, int kind, const KernelCall& call, const Stages& stages) {
  const Strided &in = call.in[0], &out = call.out[0];
  const DType dtype = in.dtype;
  const int64_t rows = stages.rest.numel();
  if (in.shape->numel() == 0) {  // the result of nothing
    Number8 n{};
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double v = kind == kernel::kSum   ? 0
                     : kind == kernel::kMax ? -kInfinity
                     : kind == kernel::kMin ? kInfinity
                                            : 1;
    dtype == DType::f32 ? void(n.f32 = static_cast<float>(v)) : void(n.f64 = v);
    kernel::Operand x{};
    x.kind = kernel::Operand::number;
    x.bits = n.bits;
    return copy_elements(s, dtype, x, dense(out.data), out.shape->numel());
  }
  if (stages.reduced == 0) return row_stage(s, kind, dtype, operand(call, 0), stages.row, rows, out.data);
  if (!stages.has_row) {
    int64_t strides[kMaxRank];
    for (int i = 0; i < stages.rest.rank(); ++i) strides[i] = in.strides[stages.order[i]];
    return column_stage(s, kind, dtype, operand(dtype, in.data, stages.permuted_shape, strides, stages.permuted_shape),
                        stages.outer, stages.columns, stages.inner, out.data);
  }
  const Room between(s, static_cast<size_t>(rows) * size_bytes(dtype));
  row_stage(s, kind, dtype, operand(call, 0), stages.row, rows, between.data());
  ++thread_state.launches;
  int64_t dense_steps[kMaxRank], strides[kMaxRank];
  dense_strides(stages.rest, dense_steps);
  for (int i = 0; i < stages.rest.rank(); ++i) strides[i] = dense_steps[stages.order[i]];
  column_stage(s, kind, dtype, operand(dtype, between.data(), stages.permuted_shape, strides, stages.permuted_shape),
               stages.outer, stages.columns, stages.inner, out.data);
}

// The operand with some axes last: one row a result.
kernel::RowCall rows_last(const KernelCall& call, unsigned axes) {
  const Strided& in = call.in[0];
  Shape shape;
  int64_t strides[kMaxRank];
  kernel::RowCall c{};
  c.n = c.rows = c.chunks = 1;
  int n = 0;
  for (unsigned wanted : {0u, 1u})
    for (int a = 0; a < in.shape->rank(); ++a)
      if (((axes >> a) & 1u) == wanted) {
        shape.push_back((*in.shape)[a]);
        strides[n++] = in.strides[a];
        (wanted != 0 ? c.n : c.rows) *= (*in.shape)[a];
      }
  c.x = operand(in.dtype, in.data, shape, strides, shape);
  c.y = call.out[0].data;
  return c;
}

void run_rows(State& s, const kernel::Kernel& k, int kind, const KernelCall& call, unsigned axes) {
  const kernel::RowCall c = rows_last(call, axes);
  launch_kernel(s, k, {kind, type(call.in[0].dtype)}, &c, std::min<int64_t>(c.rows, 1 << 20));
}

void run_reduction(State& s, int kind, const KernelCall& call) {
  if (call.out[0].shape->numel() == 0) return;
  const auto axes = static_cast<unsigned>(call.attrs[0]);
  if (is_float(call.in[0].dtype)) return reduce_floats(s, kind, call, Stages(*call.in[0].shape, axes));
  run_rows(s, kernel::kReduceIntegers, kind, call, axes);
}
void run_truth(State& s, int all, const KernelCall& call) {
  if (call.out[0].shape->numel() > 0) run_rows(s, kernel::kTruth, all, call, static_cast<unsigned>(call.attrs[0]));
}
void run_place(State& s, int kind, const KernelCall& call) {
  if (call.out[0].shape->numel() > 0) run_rows(s, kernel::kFindPlace, kind, call, 1u << call.attrs[0]);
}

}  // namespace

void run_op(Of<Sum>, State& s, const KernelCall& call) { run_reduction(s, kernel::kSum, call); }
void run_op(Of<Max>, State& s, const KernelCall& call) { run_reduction(s, kernel::kMax, call); }
void run_op(Of<Min>, State& s, const KernelCall& call) { run_reduction(s, kernel::kMin, call); }
void run_op(Of<Prod>, State& s, const KernelCall& call) { run_reduction(s, kernel::kProd, call); }
void run_op(Of<Any>, State& s, const KernelCall& call) { run_truth(s, 0, call); }
void run_op(Of<All>, State& s, const KernelCall& call) { run_truth(s, 1, call); }
void run_op(Of<Argmax>, State& s, const KernelCall& call) { run_place(s, kernel::kMax, call); }
void run_op(Of<Argmin>, State& s, const KernelCall& call) { run_place(s, kernel::kMin, call); }

}  // namespace duet::cuda
