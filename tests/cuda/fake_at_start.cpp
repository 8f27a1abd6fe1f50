// A program linked with this file and -Wl,--wrap=main finds the fake device.
#include "cuda/fake_driver.h"

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names, of --wrap
extern "C" int __real_main(int argc, char** argv);

extern "C" int __wrap_main(int argc, char** argv) {
  duet::cuda::fake::install({.blas = true});
  return __real_main(argc, argv);
}
// NOLINTEND(bugprone-reserved-identifier)
