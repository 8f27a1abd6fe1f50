// Launches of kernels/: finds the function, checks the answer, names the operation when it is not 0.
#pragma once

#include "cuda/device.h"
#include "duet/ops/record.h"
#include "kernels/call.h"
#include "kernels/names.h"

namespace duet::cuda {

/// Queues, or records, a kernel of `blocks` blocks of `threads`. `call` is the struct that it takes.
void launch_kernel(State& s, const kernel::Kernel& kernel, std::initializer_list<int> arguments, const void* call,
                   size_t call_bytes, int64_t blocks, int threads);
template <class Call>
void launch_kernel(State& s, const kernel::Kernel& kernel, std::initializer_list<int> arguments, const Call* call,
                   int64_t blocks, int threads = 256) {
  launch_kernel(s, kernel, arguments, call, sizeof(Call), blocks, threads);
}
/// The same for a function that is known: `what` is its name.
void launch_function(State& s, Handle function, std::string_view what, const void* call, size_t call_bytes,
                     int64_t blocks, int threads);

/// Queues the check of all indices; what it finds is reported when a value is read.
void check_indices(State& s, std::string_view op, std::string_view what, const Strided& index, int64_t low,
                   int64_t high);

/// Blocks for n elements, one a thread, as many as a device works on at once.
int64_t blocks_for(const State& s, int64_t n, int threads = 256);

}  // namespace duet::cuda
