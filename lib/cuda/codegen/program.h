// A plan's fused kernels as CUDA C++: one program, in the language of kernels/fused.h, and how each kernel of it is
// launched. Makes no decisions of its own about fusion or memory: it prints the launches that the CPU would run.
#pragma once

#include <span>

#include "graph/execute.h"

namespace duet::cuda {

/// Products up to this are duet's: they are a few tiles of one chain each, and a library would do nothing better.
inline constexpr int64_t kNarrowColumns = 128, kNarrowDepth = 256;

/// One of a kernel's parameters, 8 bytes each.
struct Parameter {
  enum class Kind : uint8_t {
    source,   // the launch's: an address, or a number itself
    result,   // the launch's
    shared,   // the launch's
    scratch,  // memory of this kernel
    operand,  // the launch's product's: where a factor begins
    product,  // the launch's
    wide,     // whether all addresses in `packed` allow 16 bytes at a time
  };
  Kind kind;
  int index = 0;
  bool operator==(const Parameter&) const = default;
};

struct GeneratedKernel {
  std::string name;
  size_t number = 0;  // among the program's kernels
  int64_t blocks = 1;
  int threads = 128;  // of a block
  int which = -1;     // of the products that the kernel has: its first parameter
  size_t words = 0;   // of all parameters, at least
  std::vector<Parameter> parameters;
  std::vector<int> packed;  // parameters that are read or written 16 bytes at a time
  int64_t scratch_bytes = 0;
};

/// What a launch becomes: kernels before its own operation, and behind it; fused launches have all of them behind.
struct GeneratedLaunch {
  std::vector<GeneratedKernel> before, behind;
  bool has_product = false;  // the kernel behind computes the operation too
  std::string epilogue;      // of a product: where its epilogue runs, and why
};

struct Program {
  std::string source;  // without kernels/; empty when the plan has no fused kernels
  std::vector<GeneratedLaunch> launches;
};

/// Whether a launch is a product that its epilogue's kernel computes too; why, for products with an epilogue.
bool has_own_epilogue(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l, std::string& why);
/// Whether a product that only its epilogue reads is nowhere as a whole.
bool product_passes_by(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l);

Program generate(const graph::Graph& g, const graph::Executable& e);

/// Headers of kernels/ that programs include, by name.
struct Header {
  const char *name, *text;
};
std::span<const Header> headers();

}  // namespace duet::cuda
