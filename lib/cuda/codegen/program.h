// A plan's fused kernels as CUDA C++: one program, in the language of kernels/fused.h, and how each kernel of it is
// launched. Makes no decisions of its own about fusion or memory: it prints the launches that the CPU would run.
#pragma once

#include "graph/execute.h"

namespace duet::cuda {

/// One of a kernel's parameters, 8 bytes each.
struct Parameter {
  enum class Kind : uint8_t {
    source,   // the launch's: an address, or a number itself
    result,   // the launch's
    shared,   // the launch's
    scratch,  // memory of this kernel
    wide,     // whether all addresses in `packed` allow 16 bytes at a time
  };
  Kind kind;
  int index = 0;
  bool operator==(const Parameter&) const = default;
};

struct GeneratedKernel {
  std::string name;
  size_t number = 0;   // among the program's kernels
  int64_t blocks = 1;  // of 128 threads
  std::vector<Parameter> parameters;
  std::vector<int> packed;  // parameters that are read or written 16 bytes at a time
  int64_t scratch_bytes = 0;
};

/// What a launch becomes: kernels before its own operation, and behind it; fused launches have all of them behind.
struct GeneratedLaunch {
  std::vector<GeneratedKernel> before, behind;
};

struct Program {
  std::string source;  // without kernels/fused.h; empty when the plan has no fused kernels
  std::vector<GeneratedLaunch> launches;
};

Program generate(const graph::Graph& g, const graph::Executable& e);

/// kernels/fused.h, which stands before every program.
std::string_view prelude();

}  // namespace duet::cuda
