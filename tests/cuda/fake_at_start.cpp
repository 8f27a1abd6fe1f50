// A program compiled with main=program_main that is linked with this file finds the fake device.
#include "cuda/fake_driver.h"

int program_main(int argc, char** argv);

int main(int argc, char** argv) {
  duet::cuda::fake::install({.blas = true});
  return program_main(argc, argv);
}
