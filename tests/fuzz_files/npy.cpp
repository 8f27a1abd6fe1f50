#include "target.h"

using namespace duet;
using namespace duet::fuzz_files;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const File file(bytes, size);
  const Budget budget(size, 2);
  const auto read = read_or_refuse([&] { return io::load_npy(file.path()); });
  budget.check();
  if (!read) return 0;
  const std::string path = "/dev/shm/duet_fuzz_" + std::to_string(::getpid()) + ".npy";
  io::save_npy(path, *read);
  require(same(io::load_npy(path), *read), "saved and loaded, it is another tensor");
  ::unlink(path.c_str());
  return 0;
}
