// One function in its three lives.
#pragma once

#include "expect.h"

namespace duet::expect {

/// The bits of f(args…), which compiled and frozen calls have to have too, the first time and again.
template <class F, class... A>
std::string in_every_mode(const F& f, const A&... args) {
  const std::string eager = tree_bits(f(args...));
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(tree_bits(compiled(args...)), eager) << "compiled";
    EXPECT_EQ(tree_bits(frozen(args...)), eager) << "frozen";
  }
  return eager;
}

/// Nothing of a transform is left behind in the thread.
inline void clean_thread() {
  EXPECT_EQ(thread_state.tape, nullptr);
  EXPECT_EQ(thread_state.batch, nullptr);
  EXPECT_EQ(thread_state.trace, nullptr);
  EXPECT_EQ(thread_state.line.file, nullptr);
}

}  // namespace duet::expect
