// The tables of functions against the toolkit's own headers: as many parameters, of the same sizes, and its numbers.
// Compiled where there is a toolkit; there is nothing to run.
#include <cublas_v2.h>
#include <cuda.h>

#include <utility>

#include "cuda/blas.h"
#include "cuda/driver.h"

namespace duet::cuda {
namespace {

template <class Ours, class Theirs>
constexpr bool kAlike = false;
template <class R, class... A, class S, class... B>
constexpr bool kAlike<R (*)(A...), S (*)(B...)> = [] {
  if constexpr (sizeof...(A) == sizeof...(B))
    return sizeof(R) == sizeof(S) && ((sizeof(A) == sizeof(B)) && ...);
  else
    return false;
}();

#define DUET_ALIKE(table, member, function) static_assert(kAlike<decltype(table::member), decltype(&(function))>)
DUET_ALIKE(Driver, init, cuInit);
DUET_ALIKE(Driver, driver_version, cuDriverGetVersion);
DUET_ALIKE(Driver, device_count, cuDeviceGetCount);
DUET_ALIKE(Driver, device_get, cuDeviceGet);
DUET_ALIKE(Driver, device_name, cuDeviceGetName);
DUET_ALIKE(Driver, device_attribute, cuDeviceGetAttribute);
DUET_ALIKE(Driver, context_retain, cuDevicePrimaryCtxRetain);
DUET_ALIKE(Driver, context_set, cuCtxSetCurrent);
DUET_ALIKE(Driver, memory_info, cuMemGetInfo);
DUET_ALIKE(Driver, memory_allocate, cuMemAlloc);
DUET_ALIKE(Driver, memory_free, cuMemFree);
DUET_ALIKE(Driver, copy_to_device, cuMemcpyHtoDAsync);
DUET_ALIKE(Driver, copy_to_host, cuMemcpyDtoHAsync);
DUET_ALIKE(Driver, copy_on_device, cuMemcpyDtoDAsync);
DUET_ALIKE(Driver, set_bytes, cuMemsetD8Async);
DUET_ALIKE(Driver, stream_create, cuStreamCreate);
DUET_ALIKE(Driver, stream_wait, cuStreamSynchronize);
DUET_ALIKE(Driver, module_load, cuModuleLoadData);
DUET_ALIKE(Driver, module_function, cuModuleGetFunction);
DUET_ALIKE(Driver, launch, cuLaunchKernel);
DUET_ALIKE(Driver, error_name, cuGetErrorName);
DUET_ALIKE(Driver, error_text, cuGetErrorString);
DUET_ALIKE(Blas, create, cublasCreate_v2);
DUET_ALIKE(Blas, destroy, cublasDestroy_v2);
DUET_ALIKE(Blas, property, cublasGetProperty);
DUET_ALIKE(Blas, set_stream, cublasSetStream_v2);
DUET_ALIKE(Blas, set_workspace, cublasSetWorkspace_v2);
DUET_ALIKE(Blas, gemm, cublasGemmStridedBatchedEx_64);
DUET_ALIKE(Blas, status_name, cublasGetStatusName);

static_assert(kCublasF32 == CUDA_R_32F && kCublasF64 == CUDA_R_64F && kCompute32F == CUBLAS_COMPUTE_32F &&
              kCompute32FFastTf32 == CUBLAS_COMPUTE_32F_FAST_TF32 && kCompute64F == CUBLAS_COMPUTE_64F &&
              kNoTranspose == CUBLAS_OP_N && kTranspose == CUBLAS_OP_T && kDefaultAlgorithm == CUBLAS_GEMM_DEFAULT);
static_assert(kOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY && kStubLibrary == CUDA_ERROR_STUB_LIBRARY &&
              kNoDevice == CUDA_ERROR_NO_DEVICE);

}  // namespace
}  // namespace duet::cuda
