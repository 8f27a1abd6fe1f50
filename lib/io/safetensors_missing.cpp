// Stands in for safetensors.cpp where duet is built without nlohmann-json.
#include "io/formats.h"

namespace duet::io {

NamedTensors load_safetensors(const std::string& path, std::source_location line) {
  LineScope scope(line);
  fail<ParseError>("load: {}: duet was built without nlohmann-json, which .safetensors files need; build duet with it",
                   path);
}

void save_safetensors(const std::string& path, const NamedTensors&, std::source_location line) {
  LineScope scope(line);
  fail<Error>(
      "save: {}: duet was built without nlohmann-json, which .safetensors files need; build duet with it, or use .npz",
      path);
}

SealedFile read_sealed(const char* action, const std::string& path) {
  fail<ParseError>("{}: {}: duet was built without nlohmann-json, which .safetensors files need; build duet with it",
                   action, path);
}

void write_sealed(const char* action, const std::string& path, const SealedFile&) {
  fail<Error>("{}: {}: duet was built without nlohmann-json, which .safetensors files need; build duet with it", action,
              path);
}

}  // namespace duet::io
