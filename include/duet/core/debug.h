// DUET_DEBUG: 0 quiet, 1 what the plan cache does, 2 one line an operation.
#pragma once

#include <string_view>

namespace duet {

/// The level: DUET_DEBUG when the program starts, or what set_debug said since.
int debug_level();
void set_debug(int level);

/// Where lines go; stderr by default. For tests and for people who collect them.
void set_debug_sink(void (*sink)(std::string_view line));
void debug_line(std::string_view line);

}  // namespace duet
