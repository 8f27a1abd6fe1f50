// Scans, sorting and random numbers.
#include "cuda/runners.h"

namespace duet::cuda {
namespace {

void run_scan(State& s, int kind, const KernelCall& call) {
  const Strided& x = call.in[call.in.size() - 1];
  if (call.out[0].shape->numel() == 0) return;
  kernel::ScanCall c{};
  const auto axis = static_cast<int>(call.attrs[0]);
  c.outer = c.inner = 1;
  for (int i = 0; i < x.shape->rank(); ++i)
    if (i != axis) (i < axis ? c.outer : c.inner) *= (*x.shape)[i];
  c.n = (*x.shape)[axis];
  c.reverse = call.attrs[1] != 0;
  c.x = operand(call, static_cast<int>(call.in.size()) - 1);
  if (call.in.size() > 1) c.a = operand(call, 0);
  c.y = call.out[0].data;
  launch_kernel(s, kernel::kScan, {kind, type(x.dtype)}, &c, blocks_for(s, c.outer * c.inner));
}

int64_t last_extent(const Strided& x) { return (*x.shape)[x.shape->rank() - 1]; }

void run_sort(State& s, const KernelCall& call, bool descending) {
  if (call.out[0].shape->numel() == 0) return;
  const int64_t n = last_extent(call.in[0]);
  kernel::SortCall c{call.in[0].shape->numel() / n,
                     n,
                     last_extent(call.out[0]),
                     descending,
                     operand(call, 0),
                     call.out[0].data,
                     static_cast<int64_t*>(call.out[1].data)};
  launch_kernel(s, kernel::kSortRows, {type(call.in[0].dtype)}, &c, blocks_for(s, c.rows * c.n));
}

void run_random(State& s, const kernel::Kernel& k, int argument, uint32_t stream, int64_t n, const KernelCall& call,
                void* y) {
  if (n == 0) return;
  kernel::RandomCall c{};
  c.n = n;
  c.stream = stream;
  c.key = operand(call, 0);
  if (call.in.size() > 1) c.number = operand(call, 1);
  c.y = y;
  launch_kernel(s, k, {argument}, &c, blocks_for(s, n));
}

// Streams of the same key for other purposes, as in random.cpp.
enum : uint32_t { kNumbers = 0, kSplitStream = 1, kFoldStream = 2, kPermutationStream = 3 };

}  // namespace

void run_op(Of<Cumsum>, State& s, const KernelCall& call) { run_scan(s, 0, call); }
void run_op(Of<ExclusiveProd>, State& s, const KernelCall& call) { run_scan(s, 1, call); }
void run_op(Of<Recurrence>, State& s, const KernelCall& call) { run_scan(s, 2, call); }

void run_op(Of<Sort>, State& s, const KernelCall& call) { run_sort(s, call, call.attrs[0] != 0); }
void run_op(Of<TopK>, State& s, const KernelCall& call) { run_sort(s, call, true); }

void run_op(Of<Unsort>, State& s, const KernelCall& call) {
  const Strided &x = call.in[0], &y = call.out[0];
  fill_zeros(s, y.data, static_cast<size_t>(y.shape->numel()) * size_bytes(y.dtype));
  if (y.shape->numel() == 0 || x.shape->numel() == 0) return;
  kernel::PlaceCall c{
      y.shape->numel() / last_extent(y), last_extent(y), last_extent(x), operand(call, 0), operand(call, 1), y.data};
  launch_kernel(s, kernel::kUnsort, {width_type(x.dtype)}, &c, blocks_for(s, c.rows * c.count));
}

void run_op(Of<Resort>, State& s, const KernelCall& call) {
  const Strided &x = call.in[0], &y = call.out[0];
  if (y.shape->numel() == 0) return;
  kernel::PlaceCall c{
      y.shape->numel() / last_extent(y), last_extent(x), last_extent(y), operand(call, 0), operand(call, 1), y.data};
  launch_kernel(s, kernel::kResort, {width_type(x.dtype)}, &c, blocks_for(s, c.rows * c.count));
}

void run_op(Of<Uniform>, State& s, const KernelCall& call) {
  run_random(s, kernel::kRandomFill, 0, kNumbers, call.out[0].shape->numel(), call, call.out[0].data);
}
void run_op(Of<Normal>, State& s, const KernelCall& call) {
  run_random(s, kernel::kRandomFill, 1, kNumbers, call.out[0].shape->numel(), call, call.out[0].data);
}
void run_op(Of<Split>, State& s, const KernelCall& call) {
  run_random(s, kernel::kRandomWords, kernel::kF32, kSplitStream, call.attrs[0], call, call.out[0].data);
}
void run_op(Of<FoldIn>, State& s, const KernelCall& call) {
  run_random(s, kernel::kRandomWords, type(call.in[1].dtype), kFoldStream, 1, call, call.out[0].data);
}

void run_op(Of<Permutation>, State& s, const KernelCall& call) {
  const int64_t n = call.attrs[0];
  if (n == 0) return;
  const Room weights(s, static_cast<size_t>(n) * sizeof(uint64_t));
  run_random(s, kernel::kRandomWeights, 0, kPermutationStream, n, call, weights.data());
  kernel::SortCall c{1, n, n, 0, dense(weights.data()), nullptr, static_cast<int64_t*>(call.out[0].data)};
  launch_kernel(s, kernel::kSortRows, {kernel::kI64}, &c, blocks_for(s, n));
}

}  // namespace duet::cuda
