#include "target.h"

using namespace duet;
using namespace duet::fuzz_files;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const File file(bytes, size);
  // A deflated member may be 1032 times its packed bytes, Fortran order needs it twice.
  const Budget budget(size, 2 * 1032);
  const auto read = read_or_refuse([&] { return io::load_npz(file.path()); });
  budget.check();
  if (!read) return 0;
  const std::string path = "/dev/shm/duet_fuzz_" + std::to_string(::getpid()) + ".npz";
  io::save_npz(path, *read);
  require(same(io::load_npz(path), *read), "saved and loaded, they are other tensors");
  ::unlink(path.c_str());
  return 0;
}
