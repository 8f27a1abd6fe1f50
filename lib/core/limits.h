// What is refused before it is tried.
#pragma once

#include "duet/core/error.h"

namespace duet::memory {

/// OutOfMemory for more bytes than any machine has; sums of sizes below this one do not overflow.
inline void check_size(size_t bytes) {
  check<OutOfMemory>(bytes <= (size_t{1} << 46),
                     "allocate: {} bytes are more than any machine has; give smaller extents", bytes);
}

}  // namespace duet::memory
