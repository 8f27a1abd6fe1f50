// One tensor in NumPy's .npy format.
#pragma once

#include <string>

#include "duet/core/tensor.h"

namespace duet::io {

/// Reads a .npy file (versions 1 to 3, either byte order, C or Fortran order) of one of duet's dtypes.
/// ParseError, naming the file, when it is missing, damaged, of another dtype, or not exactly as long as it says.
Tensor load_npy(const std::string& path, std::source_location line = std::source_location::current());

/// Writes t as .npy version 1. The file is replaced whole or, when something fails (Error), left as it was.
void save_npy(const std::string& path, const Tensor& t, std::source_location line = std::source_location::current());

}  // namespace duet::io
