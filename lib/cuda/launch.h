// Launches of kernels/: finds the function, checks the answer, names the operation when it is not 0.
#pragma once

#include "cuda/device.h"
#include "kernels/call.h"
#include "kernels/names.h"

namespace duet::cuda {

/// Queues a kernel of `blocks` blocks of `threads`. `call` is the struct that kernel takes.
void launch_kernel(State& s, const kernel::Kernel& kernel, std::initializer_list<int> arguments, const void* call,
                   int64_t blocks, int threads = 256);

/// Blocks for n elements, one a thread, as many as a device works on at once.
int64_t blocks_for(const State& s, int64_t n, int threads = 256);

}  // namespace duet::cuda
