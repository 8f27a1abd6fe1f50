// From a list of instructions to machine code.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/jit/list.h"

namespace duet::cpu::jit {

struct Assembled {
  std::vector<uint8_t> bytes;  // constants, then code; may lie anywhere
  size_t entry = 0;            // where the code begins
};

/// Code for AVX-512 (`wide`) or AVX2 and FMA; no bytes when it would be too long.
Assembled assemble(const List& list, bool wide);

}  // namespace duet::cpu::jit
