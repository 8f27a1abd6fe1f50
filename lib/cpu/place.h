// Where the passes of a kernel find their operands and leave their results.
#pragma once

#include <cstdint>

namespace duet::cpu {

/// Where a pass finds an operand or leaves a result.
struct Place {
  enum class Kind : uint8_t {
    source,  // an operand of the kernel
    result,  // a result of the kernel
    shared,  // storage of this run of the kernel, the same for all threads
    local,   // storage of one thread for one block of rows
  };
  Kind kind = Kind::source;
  int index = 0;
  int64_t offset = 0;  // bytes
  bool past = false;   // a large result that nobody reads soon: better written past the caches
  bool operator==(const Place&) const = default;
};

/// The first elements of what the places name.
struct Tables {
  const void* const* sources;
  void* const* results;
  void* const* shared;
};

}  // namespace duet::cpu
