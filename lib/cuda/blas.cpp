#include "cuda/blas.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "cuda/device.h"
#include "cuda/record.h"
#include "duet/core/error.h"
#include "duet/cuda.h"

namespace duet::cuda {
namespace {

// cuBLAS gives the same bits from run to run if it has a workspace of its own; this is what it asks for on Hopper.
constexpr size_t kWorkspaceBytes = size_t{32} << 20;

template <class F>
bool find(void* library, F*& function, const char* name) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  return function != nullptr;
}

// The name of the function that is missing, or null. The 64-bit interface is cuBLAS 12's.
const char* fill(void* lib, Blas& b) {
  if (!find(lib, b.create, "cublasCreate_v2")) return "cublasCreate_v2";
  if (!find(lib, b.destroy, "cublasDestroy_v2")) return "cublasDestroy_v2";
  if (!find(lib, b.property, "cublasGetProperty")) return "cublasGetProperty";
  if (!find(lib, b.set_stream, "cublasSetStream_v2")) return "cublasSetStream_v2";
  if (!find(lib, b.set_workspace, "cublasSetWorkspace_v2")) return "cublasSetWorkspace_v2";
  if (!find(lib, b.gemm, "cublasGemmStridedBatchedEx_64")) return "cublasGemmStridedBatchedEx_64";
  if (!find(lib, b.status_name, "cublasGetStatusName")) return "cublasGetStatusName";
  return nullptr;
}

BlasAvailability look_at_machine() {
  static Blas table;
  // By the loader's own paths, and where the toolkit installs itself.
  void* lib = nullptr;
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "/usr/local/cuda/lib64/libcublas.so.13",
                           "/usr/local/cuda/lib64/libcublas.so.12"})
    if (lib == nullptr) lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (lib == nullptr) return {nullptr, "there is no cuBLAS 12 or 13 (libcublas.so)"};
  if (const char* missing = fill(lib, table)) return {nullptr, fmt::format("cuBLAS is too old: no {}", missing)};
  return {&table, ""};
}

void check_blas(State& s, const Blas& b, Result status, std::string_view call) {
  if (status == 0) return;
  const char* name = b.status_name(status);
  const std::string what = fmt::format("{} of {} failed: {}", call, thread_state.op,
                                       name != nullptr ? name : std::to_string(status).c_str());
  // If the device is broken, its driver says so.
  check_result(s, availability().driver->stream_wait(s.stream), "cuStreamSynchronize", fmt::format(" after {}", what));
  fail<CudaError>("{}: {}", s.device, what);
}

// The handle and its workspace, made at the first product.
Handle handle_of(State& s, const Blas& b) {
  if (s.blas != nullptr) return s.blas;
  if (s.blas_workspace == 0)
    check_result(s, availability().driver->memory_allocate(&s.blas_workspace, kWorkspaceBytes), "cuMemAlloc",
                 " of cuBLAS's workspace");
  Handle handle = nullptr;
  check_blas(s, b, b.create(&handle), "cublasCreate");
  try {  // the workspace last: a new stream brings a new one
    check_blas(s, b, b.set_stream(handle, s.stream), "cublasSetStream");
    check_blas(s, b, b.set_workspace(handle, reinterpret_cast<void*>(s.blas_workspace), kWorkspaceBytes),
               "cublasSetWorkspace");
  } catch (...) {
    b.destroy(handle);
    throw;
  }
  return s.blas = handle;
}

}  // namespace

const BlasAvailability& blas_availability() {
  if (const Driver* d = availability().driver; d != nullptr && d->hosts_kernels) {
    static const BlasAvailability missing{nullptr, "this driver brings none"};
    static BlasAvailability brought;
    if (d->blas == nullptr) return missing;
    brought.blas = d->blas;
    return brought;
  }
  static const BlasAvailability machine = look_at_machine();
  return machine;
}

void run_blas(State& s, const BlasCall& c) {
  if (Replay* replay = Replay::active())
    return replay->add_outside([](State& of, const void* call) { run_blas(of, *static_cast<const BlasCall*>(call)); },
                               &c, sizeof c);
  const Blas& b = *blas_availability().blas;
  const std::lock_guard lock(s.mutex);
  check_result(s, availability().driver->context_set(s.context), "cuCtxSetCurrent");
  const Handle handle = handle_of(s, b);
  const int type = c.f64 ? kCublasF64 : kCublasF32;
  const int compute = c.f64                                         ? kCompute64F
                      : matmul_precision() == MatmulPrecision::tf32 ? kCompute32FFastTf32
                                                                    : kCompute32F;
  const double one64 = 1, zero64 = 0;
  const float one32 = 1, zero32 = 0;
  const void* one = c.f64 ? static_cast<const void*>(&one64) : &one32;
  const void* zero = c.f64 ? static_cast<const void*>(&zero64) : &zero32;
  // What is row-major here is the transposed matrix there: yᵀ = bᵀ · aᵀ.
  check_blas(
      s, b,
      b.gemm(handle, c.b_transposed ? kTranspose : kNoTranspose, c.a_transposed ? kTranspose : kNoTranspose, c.n, c.m,
             c.k, one, c.b, type, c.b_transposed ? c.k : c.n, c.b_step, c.a, type, c.a_transposed ? c.m : c.k, c.a_step,
             zero, c.y, type, c.n, c.m * c.n, c.batches, compute, kDefaultAlgorithm),
      "cublasGemmStridedBatchedEx");
}

void forget_blas(State& s) noexcept {
  if (s.blas != nullptr) blas_availability().blas->destroy(s.blas);
  if (s.blas_workspace != 0) availability().driver->memory_free(s.blas_workspace);
  s.blas = nullptr;
  s.blas_workspace = 0;
}

}  // namespace duet::cuda
