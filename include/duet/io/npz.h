// Named tensors in NumPy's .npz format: a zip archive of .npy files.
#pragma once

#include <string>

#include "duet/io/safetensors.h"

namespace duet::io {

/// Reads every array of a .npz file, as numpy.savez and numpy.savez_compressed write it, in the order of its directory.
/// ParseError, naming the file and the member, when it is missing, damaged, encrypted, has holes, overlaps or paths, or
/// holds what load_npy refuses. Compressed members need zlib.
NamedTensors load_npz(const std::string& path, std::source_location line = std::source_location::current());

/// Writes named tensors byte for byte as numpy.savez does: uncompressed and without the time. Error when a name is used
/// twice, is not UTF-8 or has a slash. The file is replaced whole or, when something fails, left as it was.
void save_npz(const std::string& path, const NamedTensors& tensors,
              std::source_location line = std::source_location::current());

}  // namespace duet::io
