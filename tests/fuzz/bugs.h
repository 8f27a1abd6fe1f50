// Bugs that are put into the library on purpose: the fuzzer has to find each.
#pragma once

#include <cstdint>

namespace duet::fuzz {

/// Prints a line for each planted bug: what it is, after how many graphs it was found, and how many are allowed.
/// Whether all were found in time.
bool find_planted(uint32_t seed);

}  // namespace duet::fuzz
