#include <algorithm>

#include "target.h"

using namespace duet;
using namespace duet::fuzz_files;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const File file(bytes, size);
  // A tensor without elements is some 50 bytes of header and a block of 192.
  const Budget budget(size, 6);
  auto read = read_or_refuse([&] { return io::load_safetensors(file.path()); });
  budget.check();
  if (!read) return 0;
  const std::string path = "/dev/shm/duet_fuzz_" + std::to_string(::getpid()) + ".safetensors";
  try {
    io::save_safetensors(path, *read);
  } catch (const Error& error) {
    // The one thing that is read and not written: as many names as fill the longest header, escaped.
    require(std::strstr(error.what(), "too many tensors") != nullptr, error.what());
    return 0;
  }
  io::NamedTensors again = io::load_safetensors(path);
  ::unlink(path.c_str());
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(read->begin(), read->end(), by_name);
  std::sort(again.begin(), again.end(), by_name);
  require(same(again, *read), "saved and loaded, they are other tensors");
  return 0;
}
