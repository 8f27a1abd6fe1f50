// A compiler of generated programs for tests: C++ for the host, by the compiler that made the tests.
#pragma once

#include <string>
#include <vector>

#include "cuda/compiler.h"

namespace duet::cuda::fake {

using HostGenerated = void (*)(const void* call, long long block, long long blocks);

/// Its images name a program.
const Compiler& host_compiler();
/// Compiles programs ahead, many in one file: that is far cheaper than one after the other.
void compile_for_host(const std::vector<std::string>& sources);

/// The program that an image names, empty for any other image.
std::string host_program(const char* image);
HostGenerated host_kernel(const std::string& program, const std::string& kernel);

}  // namespace duet::cuda::fake
