// What the examples share: a check that ends the program, and a count of the work done.
#pragma once

#include <duet/duet.h>

#include <cstdlib>
#include <string_view>

/// Ends the program with an error unless `ok`: every example checks what it says.
inline void expect(bool ok, const char* what) {
  if (ok) return;
  fmt::print(stderr, "not as expected: {}\n", what);
  std::exit(1);
}

/// Kernels launched and bytes read and written by them, from shapes, while f runs.
struct Work {
  int64_t kernels, bytes;
};
template <class F>
Work work_of(F&& f) {
  auto now = [] {
    return Work{static_cast<int64_t>(duet::thread_state.launches), static_cast<int64_t>(duet::thread_state.bytes)};
  };
  const Work before = now();
  f();
  return {now().kernels - before.kernels, now().bytes - before.bytes};
}

/// Whether long examples are to be short: DUET_TEST_SIZE=small.
inline bool small_size() {
  const char* size = std::getenv("DUET_TEST_SIZE");
  return size != nullptr && std::string_view(size) == "small";
}
