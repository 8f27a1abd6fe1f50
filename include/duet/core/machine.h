// The machine and build that a program runs on, and how much of the machine it uses.
#pragma once

#include <string>

namespace duet {

/// What a table of measurements must say of where it was made.
struct Machine {
  std::string cpu;       // "Intel(R) Xeon(R) Processor"
  std::string isa;       // of the kernels in use: "v4"
  int threads = 0;       // that kernels may use
  std::string compiler;  // of the library: "g++ 12.2.0"
  std::string build;     // "Release"
};
Machine machine();
std::string to_string(const Machine& m);

/// How many threads kernels may use, the caller included; 0 restores the default: DUET_THREADS, else every processor.
void set_threads(int count);
int threads();

}  // namespace duet
