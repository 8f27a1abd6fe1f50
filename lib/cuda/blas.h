// cuBLAS, reached as the driver is: one table of functions, filled from libcublas at the first product that wants it.
// Half a gigabyte of code that a program without such a product never sees.
#pragma once

#include "cuda/driver.h"

namespace duet::cuda {

inline constexpr int kCublasF32 = 0, kCublasF64 = 1;                                // cudaDataType
inline constexpr int kCompute32F = 68, kCompute32FFastTf32 = 77, kCompute64F = 70;  // cublasComputeType_t
inline constexpr int kNoTranspose = 0, kTranspose = 1, kDefaultAlgorithm = -1;      // operation, algorithm

struct Blas {
  Result (*create)(Handle* handle);
  Result (*destroy)(Handle handle);
  Result (*property)(int which, int* value);  // 0: major version, 1: minor
  Result (*set_stream)(Handle handle, Handle stream);
  Result (*set_workspace)(Handle handle, void* workspace, size_t bytes);
  // Column-major, C = alpha · op(A) · op(B) + beta · C for each of `batches`.
  Result (*gemm)(Handle handle, int a_op, int b_op, int64_t m, int64_t n, int64_t k, const void* alpha, const void* a,
                 int a_type, int64_t a_lead, long long a_step, const void* b, int b_type, int64_t b_lead,
                 long long b_step, const void* beta, void* c, int c_type, int64_t c_lead, long long c_step,
                 int64_t batches, int compute, int algorithm);
  const char* (*status_name)(Result status);
};

/// The table, or null with the reason in one line; looks once. With a test's driver, what that driver brings.
struct BlasAvailability {
  const Blas* blas = nullptr;
  std::string why;
};
const BlasAvailability& blas_availability();

struct State;
/// Queues y = a · b, row-major, for each of `batches`. A transposed operand is one whose rows are columns in memory.
struct BlasCall {
  bool f64;
  int64_t m, n, k, batches;
  const void *a, *b;
  void* y;
  bool a_transposed, b_transposed;
  int64_t a_step, b_step;
};
void run_blas(State& s, const BlasCall& call);
void forget_blas(State& s) noexcept;

}  // namespace duet::cuda
