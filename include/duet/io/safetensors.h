// Named tensors in the safetensors format (https://github.com/huggingface/safetensors).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "duet/core/tensor.h"

namespace duet::io {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Reads every tensor of a .safetensors file, in the order of its header.
/// ParseError, naming the file, when it is missing, damaged, has holes or overlaps, or holds a dtype duet has not.
NamedTensors load_safetensors(const std::string& path, std::source_location line = std::source_location::current());

/// Writes named tensors. Error when a name is used twice. The file is replaced whole or, when something fails, left
/// as it was.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      std::source_location line = std::source_location::current());

}  // namespace duet::io
