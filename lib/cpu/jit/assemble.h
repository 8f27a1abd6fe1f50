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

/// Code for AVX-512 (`wide`) or AVX2 and FMA that goes through the lists for each row; no bytes when it would be too
/// long. The lists have the same sources and outputs.
Assembled assemble(std::span<const List> lists, bool wide);

}  // namespace duet::cpu::jit
