// A CUDA driver for tests: device memory is the heap's, the stream runs at once, and kernels are those of kernels/,
// compiled for the host. It counts, keeps a log, and fails when told to. Threads take turns, as on the one stream.
#pragma once

#include <string>
#include <vector>

#include "cuda/driver.h"

namespace duet::cuda::fake {

struct Settings {
  int devices = 2;
  int capability = 90;  // what it is compiled for: sm_90
  size_t memory_bytes = size_t{1} << 30;
  Result init = 0;       // what cuInit answers
  int fail_at = -1;      // the number of the call that fails, counted from 0
  Result failure = 719;  // with this: launch failed, which is sticky
  bool sticky = true;    // every call after a failure fails too
  bool blas = false;     // whether it brings a cuBLAS
  bool idle = false;     // launches do nothing and nothing is logged: what remains is the host's own work
};

/// Forgets everything and installs the table.
void install(const Settings& settings = {});
/// The machine's own driver again.
void uninstall();

Settings& settings();
int calls();                            // so far
const std::vector<std::string>& log();  // "cuLaunchKernel _ZN4duet…"
int64_t live_bytes();                   // of cuMemAlloc
int live_modules();                     // of generated programs
int live_graphs();                      // and those made ready to run
void clear_log();
/// The symbols of all kernels of kernels/.
std::vector<std::string> kernels();

}  // namespace duet::cuda::fake
