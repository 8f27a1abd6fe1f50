#pragma once

// One pool of threads for the CPU kernels.

#include <cstdint>
#include <type_traits>

namespace duet::cpu {

/// How many threads kernels may use, the caller included. 0 restores the default: DUET_THREADS, else every processor.
void set_threads(int count);
int threads();

/// Calls fn(ctx, task) once for each task in [0, tasks) and returns when all are done. Each thread takes one run of
/// neighbouring tasks. Calls from inside a task, or while another thread's call is running, run inline. What fn
/// throws, for want of memory, is thrown here when all tasks have ended; a thread leaves its other tasks undone.
void parallel_for(int64_t tasks, void (*fn)(void* ctx, int64_t task), void* ctx);

template <class F>
void parallel_for(int64_t tasks, F&& f) {
  using Fn = std::remove_reference_t<F>;
  parallel_for(
      tasks, [](void* ctx, int64_t task) { (*static_cast<Fn*>(ctx))(task); },
      const_cast<void*>(static_cast<const volatile void*>(&f)));
}

}  // namespace duet::cpu
