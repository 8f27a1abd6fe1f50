// DUET_DEBUG: 0 quiet, 1 what the plan cache does, 2 one line an operation, 3 the graph after each pass, 4 the formulas
// of kernels, 5 the values they give; each level shows what the levels below show too. docs/debugging.md has samples.
#pragma once

#include <string_view>

namespace duet {

/// Whether compiled functions are compiled: not with DUET_COMPILE=0 in the environment.
bool compile_enabled();

/// The level: DUET_DEBUG when the program starts, or what set_debug said since.
int debug_level();
void set_debug(int level);

/// Where lines go; stderr by default. For tests and for people who collect them.
void set_debug_sink(void (*sink)(std::string_view line));
void debug_line(std::string_view line);

}  // namespace duet
