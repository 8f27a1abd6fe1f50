// Casts as a step of a tile program.
#pragma once

#include "cpu/kernels.h"

namespace duet {

cpu::TileFn cast_tile(DType from, DType to);

}  // namespace duet
