#include "data/idx_format.h"
#include "target.h"

using namespace duet;
using namespace duet::fuzz_files;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  // The first byte chooses between images and labels.
  const int rank = (*bytes & 1) != 0 ? 3 : 1;
  const std::vector<uint8_t> file(bytes + 1, bytes + size);
  const auto read = read_or_refuse([&] { return data::parse_idx("load_idx: x", file, rank); });
  if (!read) return 0;
  size_t elements = 1;
  for (int64_t extent : read->dims) elements *= static_cast<size_t>(extent);
  require(read->dims.size() == static_cast<size_t>(rank) && read->elements().size() == elements, "not as announced");
  return 0;
}
