// Creating, copying and padding.
#include <algorithm>

#include "cuda/record.h"
#include "cuda/runners.h"

namespace duet::cuda {

void copy_elements(State& s, DType dtype, const kernel::Operand& x, const kernel::Operand& y, int64_t n) {
  if (n == 0) return;
  // What is recorded are kernels alone.
  if (Replay::active() == nullptr && x.kind == kernel::Operand::dense && y.kind == kernel::Operand::dense) {
    const Driver& d = *availability().driver;
    check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
    check_result(s,
                 d.copy_on_device(reinterpret_cast<DevicePtr>(y.data), reinterpret_cast<DevicePtr>(x.data),
                                  static_cast<size_t>(n) * size_bytes(dtype), s.stream),
                 "cuMemcpyDtoDAsync");
    return;
  }
  kernel::CopyCall c{n, 0, x, y};
  c.wide = y.kind == kernel::Operand::dense && widen(c.x) && widen(c.y);
  launch_kernel(s, kernel::kCopy, {width_type(dtype)}, &c, blocks_for(s, c.wide != 0 ? (n + 3) / 4 : n));
}

void fill_zeros(State& s, void* p, size_t bytes) {
  if (bytes == 0) return;
  if (Replay::active() != nullptr) {  // a kernel, as all that is recorded
    const bool words = bytes % 8 == 0;
    kernel::Operand zero{};
    zero.kind = kernel::Operand::number;
    return copy_elements(s, words ? DType::i64 : DType::u8, zero, dense(p),
                         static_cast<int64_t>(words ? bytes / 8 : bytes));
  }
  const Driver& d = *availability().driver;
  check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
  check_result(s, d.set_bytes(reinterpret_cast<DevicePtr>(p), 0, bytes, s.stream), "cuMemsetD8Async");
}

namespace {

// Copies operand i into y from element `first` on, where its elements lie with these strides.
void copy_into(State& s, const KernelCall& call, int i, int64_t first, const int64_t* strides) {
  const Strided &x = call.in[static_cast<size_t>(i)], &y = call.out[0];
  if (x.shape->numel() == 0) return;
  char* at = static_cast<char*>(y.data) + first * static_cast<int64_t>(size_bytes(y.dtype));
  copy_elements(s, y.dtype, operand(call, i), operand(y.dtype, at, *x.shape, strides, *x.shape), x.shape->numel());
}

size_t bytes_of(const Strided& y) { return static_cast<size_t>(y.shape->numel()) * size_bytes(y.dtype); }

void run_triangle(State& s, const KernelCall& call, int64_t low, int64_t high) {
  const Shape& x = *call.in[0].shape;
  if (x.numel() == 0) return;
  kernel::TriangleCall c{x.numel(), x[x.rank() - 2], x[x.rank() - 1], low, high, operand(call, 0), call.out[0].data};
  launch_kernel(s, kernel::kTriangle, {width_type(call.in[0].dtype)}, &c, blocks_for(s, c.n));
}

}  // namespace

void run_op(Of<Full>, State& s, const KernelCall& call) {
  const Shape& shape = *call.out[0].shape;
  copy_elements(s, call.out[0].dtype, operand(call, 0, shape), dense(call.out[0].data), shape.numel());
}

void run_op(Of<Arange>, State& s, const KernelCall& call) {
  kernel::ArangeCall c{call.attrs[1], operand(call, 0, Shape{}), operand(call, 1, Shape{}), call.out[0].data};
  if (c.n > 0) launch_kernel(s, kernel::kArange, {type(call.out[0].dtype)}, &c, blocks_for(s, c.n));
}

void run_op(Of<Unslice>, State& s, const KernelCall& call) {
  const Strided& y = call.out[0];
  fill_zeros(s, y.data, bytes_of(y));
  int64_t strides[kMaxRank];
  dense_strides(*y.shape, strides);
  int64_t& along = strides[call.attrs[0]];
  const int64_t first = call.attrs[1] * along;
  along *= call.attrs[3];
  copy_into(s, call, 0, first, strides);
}

void run_op(Of<Concat>, State& s, const KernelCall& call) {
  const auto axis = static_cast<int>(call.attrs[0]);
  int64_t strides[kMaxRank], at = 0;
  dense_strides(*call.out[0].shape, strides);
  for (int i = 0; i < static_cast<int>(call.in.size()); ++i) {
    copy_into(s, call, i, at * strides[axis], strides);
    at += (*call.in[static_cast<size_t>(i)].shape)[axis];
  }
}

void run_op(Of<Copy>, State& s, const KernelCall& call) {
  copy_elements(s, call.in[0].dtype, operand(call, 0), dense(call.out[0].data), call.in[0].shape->numel());
}

void run_op(Of<Cast>, State& s, const KernelCall& call) {
  kernel::CastCall c{call.in[0].shape->numel(), operand(call, 0), call.out[0].data};
  if (c.n > 0)
    launch_kernel(s, kernel::kCast, {type(call.in[0].dtype), type(call.out[0].dtype)}, &c, blocks_for(s, c.n));
}

void run_op(Of<Pad>, State& s, const KernelCall& call) {
  const Strided& y = call.out[0];
  copy_elements(s, y.dtype, operand(call, 1, *y.shape), dense(y.data), y.shape->numel());
  int64_t strides[kMaxRank], first = 0;
  dense_strides(*y.shape, strides);
  for (int a = 0; a < y.shape->rank(); ++a) first += call.attrs[static_cast<size_t>(2 * a)] * strides[a];
  copy_into(s, call, 0, first, strides);
}

void run_op(Of<Tril>, State& s, const KernelCall& call) { run_triangle(s, call, INT64_MIN, call.attrs[0]); }
void run_op(Of<Triu>, State& s, const KernelCall& call) { run_triangle(s, call, call.attrs[0], INT64_MAX); }

void run_op(Of<Update>, State& s, const KernelCall& call) {
  const Strided &x = call.in[0], &value = call.in[1], &y = call.out[0];
  const auto axis = static_cast<int>(call.attrs[0]);
  int64_t strides[kMaxRank];
  dense_strides(*y.shape, strides);
  // The result may lie where x did, or where a value did that replaces all of it.
  if (y.data != x.data && (*value.shape)[axis] < (*x.shape)[axis]) copy_into(s, call, 0, 0, strides);
  if (y.data != value.data) copy_into(s, call, 1, call.attrs[1] * strides[axis], strides);
}

}  // namespace duet::cuda
