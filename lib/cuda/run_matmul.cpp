// Matrix products, by one of two providers: cuBLAS, or duet's own kernel, which has the CPU's bits. Which one, and by
// which algorithm, is a function of shapes, flags and element type alone: the same in both modes and in every run.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>

#include "cuda/blas.h"
#include "cuda/codegen/program.h"
#include "cuda/runners.h"
#include "duet/cuda.h"

namespace duet::cuda {
namespace {

MatmulProvider named_provider() {
  const char* text = std::getenv("DUET_MATMUL");
  const std::string_view name = text == nullptr ? "" : text;
  if (name.empty()) return MatmulProvider::automatic;
  if (name == "duet") return MatmulProvider::duet;
  if (name == "cublas") return MatmulProvider::cublas;
  fail<DeviceError>("DUET_MATMUL: {} is no provider; give duet or cublas", name);
}
std::atomic<MatmulProvider>& provider() {
  static std::atomic<MatmulProvider> now = named_provider();
  return now;
}
std::atomic<MatmulPrecision> precision{MatmulPrecision::f32};

bool takes_blas(const kernel::MatmulCall& c) {
  const MatmulProvider wanted = provider();
  if (wanted == MatmulProvider::duet || c.k == 0) return false;
  const BlasAvailability& a = blas_availability();
  check<DeviceError>(a.blas != nullptr || wanted == MatmulProvider::automatic,
                     "matmul: cuBLAS is not here: {}; set_matmul_provider(duet) does without", a.why);
  if (wanted == MatmulProvider::cublas) return true;
  return a.blas != nullptr && (c.n > kNarrowColumns || c.k > kNarrowDepth);
}

// One of the two factors as cuBLAS takes it: dense as it is or transposed, aligned for its widest loads (so that
// addresses do not choose the algorithm), or else a dense copy.
struct Factor {
  const void* data;
  bool transposed = false;
  int64_t step[kMaxRank];  // along the axes of the batch
  std::unique_ptr<Room> copy;
};

Factor factor_of(State& s, const Strided& x, const int64_t* step, int axes) {
  const int rank = x.shape->rank();
  const int64_t rows = (*x.shape)[rank - 2], columns = (*x.shape)[rank - 1];
  const int64_t by_row = x.strides[rank - 2], by_column = x.strides[rank - 1];
  auto lies = [](int64_t outer, int64_t outer_stride, int64_t inner, int64_t inner_stride) {
    return (inner == 1 || inner_stride == 1) && (outer == 1 || outer_stride == inner);
  };
  Factor f{x.data, false, {}, nullptr};
  std::copy(step, step + axes, f.step);
  if (reinterpret_cast<uintptr_t>(x.data) % 16 == 0) {
    if (lies(rows, by_row, columns, by_column)) return f;
    f.transposed = lies(columns, by_column, rows, by_row);
    if (f.transposed) return f;
  }
  f.copy = std::make_unique<Room>(s, static_cast<size_t>(x.shape->numel()) * size_bytes(x.dtype));
  copy_elements(s, x.dtype, operand(x.dtype, x.data, *x.shape, x.strides, *x.shape), dense(f.copy->data()),
                x.shape->numel());
  ++thread_state.launches;
  f.data = f.copy->data();
  int64_t strides[kMaxRank];
  dense_strides(*x.shape, strides);
  for (int i = 0; i < axes; ++i) {
    const int at = i + rank - 2 - axes;
    f.step[i] = at >= 0 && (*x.shape)[at] != 1 ? strides[at] : 0;
  }
  return f;
}

// Batches whose steps are even are one call; what is left of the axes outside is a call each.
void multiply(State& s, const KernelCall& call, const kernel::MatmulCall& c) {
  const DType dtype = call.out[0].dtype;
  const Factor a = factor_of(s, call.in[0], c.a_step, c.axes), b = factor_of(s, call.in[1], c.b_step, c.axes);
  BlasCall one{dtype == DType::f64, c.m, c.n, c.k, 1, nullptr, nullptr, nullptr, a.transposed, b.transposed, 0, 0};
  int64_t extent[kMaxRank], a_step[kMaxRank], b_step[kMaxRank];
  int outer = 0;  // axes outside of the one call
  for (int i = 0; i < c.axes; ++i)
    if (c.extent[i] != 1) extent[outer] = c.extent[i], a_step[outer] = a.step[i], b_step[outer++] = b.step[i];
  if (outer > 0) {
    --outer;
    one.batches = extent[outer];
    one.a_step = a_step[outer], one.b_step = b_step[outer];
    while (outer > 0 && a_step[outer - 1] == one.a_step * one.batches && b_step[outer - 1] == one.b_step * one.batches)
      one.batches *= extent[--outer];
  }
  // Examples that share b are rows of one product.
  if (one.batches > 1 && one.b_step == 0 && one.a_step == c.m * c.k && !a.transposed) {
    one.m *= one.batches;
    one.batches = 1;
  }
  const auto size = static_cast<int64_t>(size_bytes(dtype));
  const int64_t inner = one.batches * one.m / c.m;
  for (int64_t at = 0; at < c.batches / inner; ++at) {
    int64_t rest = at, from_a = 0, from_b = 0;
    for (int i = outer - 1; i >= 0; --i) {
      from_a += rest % extent[i] * a_step[i];
      from_b += rest % extent[i] * b_step[i];
      rest /= extent[i];
    }
    one.a = static_cast<const char*>(a.data) + from_a * size;
    one.b = static_cast<const char*>(b.data) + from_b * size;
    one.y = static_cast<char*>(call.out[0].data) + at * inner * c.m * c.n * size;
    run_blas(s, one);
  }
}

}  // namespace

void set_matmul_provider(MatmulProvider p) { provider() = p; }
MatmulProvider matmul_provider() { return provider(); }
void set_matmul_precision(MatmulPrecision p) { precision = p; }
MatmulPrecision matmul_precision() { return precision; }

void run_op(Of<Matmul>, State& s, const KernelCall& call) {
  const Strided &a = call.in[0], &b = call.in[1], &y = call.out[0];
  const Shape& space = *y.shape;
  if (space.numel() == 0) return;
  const int rank = space.rank(), ra = a.shape->rank(), rb = b.shape->rank();
  kernel::MatmulCall c{};
  c.m = space[rank - 2], c.n = space[rank - 1], c.k = (*a.shape)[ra - 1];
  c.a = a.data, c.b = b.data, c.y = y.data;
  c.a_row = a.strides[ra - 2], c.a_col = a.strides[ra - 1];
  c.b_row = b.strides[rb - 2], c.b_col = b.strides[rb - 1];
  c.batches = 1;
  c.axes = rank - 2;
  auto step = [&](const Strided& x, int axis) {
    const int at = axis + x.shape->rank() - rank;
    return at >= 0 && (*x.shape)[at] != 1 ? x.strides[at] : 0;
  };
  for (int i = 0; i < c.axes; ++i) {
    c.batches *= space[i];
    c.extent[i] = space[i];
    c.a_step[i] = step(a, i);
    c.b_step[i] = step(b, i);
  }
  if (takes_blas(c)) return multiply(s, call, c);
  // The largest tiles that still give every multiprocessor one.
  int each = y.dtype == DType::f64 ? 4 : 8;
  auto tiles = [&] {
    const int64_t side = 16 * each;
    return (c.m + side - 1) / side * ((c.n + side - 1) / side) * c.batches;
  };
  while (each > 2 && tiles() < s.processors) each /= 2;
  launch_kernel(s, kernel::kMatmul, {type(y.dtype), each}, &c, std::min<int64_t>(tiles(), 1 << 20));
}

}  // namespace duet::cuda
