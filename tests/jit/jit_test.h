// What tests of machine code begin with.
#pragma once

#include <gtest/gtest.h>

#include "cpu/jit/jit.h"
#include "cpu/kernels.h"
#include "cpu/threads.h"

namespace duet {

#if defined(DUET_HAS_XBYAK)
inline constexpr bool kJitBuilt = true;
#else
inline constexpr bool kJitBuilt = false;
#endif

/// Turns the JIT on, and puts threads and instruction set back.
struct JitTest : ::testing::Test {
  void SetUp() override {
    if (!kJitBuilt) GTEST_SKIP() << "built without xbyak";
    cpu::jit::set_enabled(true);
  }
  void TearDown() override {
    cpu::set_threads(0);
    cpu::set_isa("v3");
    cpu::set_isa("v4");
  }
};

}  // namespace duet
