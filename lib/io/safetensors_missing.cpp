// Stands in for safetensors.cpp where duet is built without nlohmann-json.
#include "duet/io/safetensors.h"

namespace duet::io {

NamedTensors load_safetensors(const std::string& path, std::source_location line) {
  LineScope scope(line);
  fail<ParseError>("load: {}: duet was built without nlohmann-json, which .safetensors files need; build duet with it",
                   path);
}

void save_safetensors(const std::string& path, const NamedTensors&, std::source_location line) {
  LineScope scope(line);
  fail<Error>(
      "save: {}: duet was built without nlohmann-json, which .safetensors files need; build duet with it, or use .npy",
      path);
}

}  // namespace duet::io
