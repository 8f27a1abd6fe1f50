// A kernel under construction: its parameters, and how its code names operands.
#pragma once

#include <algorithm>

#include "cpu/reduce.h"
#include "cuda/codegen/functions.h"
#include "cuda/codegen/program.h"

namespace duet::cuda {

constexpr int64_t kThreads = 128;  // of a block
/// So many blocks a device works on at once, 16 on each of 132 multiprocessors: more only take turns.
constexpr int64_t kBlocksOfDevice = 2112;
/// Up to so many elements are one a thread: that leaves a device threads to spare, and is a fifth of the code.
constexpr int64_t kMostApart = 512 * 1024;
/// Positions and offsets below this fit 32 bits.
constexpr int64_t kMostNarrow = int64_t{1} << 30;
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// As kernels/fused.h calls it.
inline std::string_view word(cpu::ReduceKind kind) {
  constexpr std::string_view kWords[] = {"kSum", "kMax", "kMin", "kProd"};
  return kWords[static_cast<int>(kind)];
}

/// What the kernels of one launch share.
struct LaunchScope {
  const graph::Graph& g;
  const graph::Executable& e;
  const graph::Launch& launch;
  const std::vector<std::string>& names;  // of the graph's values
  Functions& functions;
  std::string kernel_name;                                      // of its first kernel
  std::map<std::pair<cpu::Place::Kind, int>, Type> types = {};  // of shared places: what was written there

  Type type_of_place(const cpu::Place& place, Type wanted) const;
  void set_type(const cpu::Place& place, Type type);
};

/// An operand of a pass as code reads it.
struct Read {
  Type type = Type::f32;
  std::string number;   // the same for all elements: this expression
  std::string pointer;  // else elements behind this pointer
  bool counts = false;  // else an element is its own offset: labels are compared with the numbers of columns
  const cpu::Source* source = nullptr;
};

/// A call in a kernel, which says @AT@ for its block among its own and @COUNT@ for how many there are.
struct Call {
  std::string text;
  int64_t blocks = 1;
};

class Builder {
 public:
  Builder(LaunchScope& scope, std::string name) : scope_(scope) { made_.name = std::move(name); }

  LaunchScope& scope() { return scope_; }
  Functions& functions() { return scope_.functions; }
  const std::string& name() const { return made_.name; }

  /// "at<float>(p.r0)"; a parameter of the kernel from now on. `packs`: it is accessed 16 bytes at a time where all
  /// such addresses allow that.
  std::string pointer(const cpu::Place& place, Type type, bool packs = false);
  std::string scratch(int64_t bytes);
  /// The launch's own operation's: where factor k begins, and its result.
  std::string operand(int k);
  std::string product();
  /// Whether they do.
  std::string wide();
  /// Source k of a pass.
  Read read(const cpu::Pass& pass, int k, Type type, bool packs = false);
  size_t parameters() const { return made_.parameters.size(); }

  /// A segment's share of the blocks.
  void add_segment(const Call& call);
  /// What the one block of the kernel does next.
  void add_step(const std::string& statement);
  /// All that a kernel with blocks of its own does.
  void set_body(const std::string& body, int64_t blocks, int64_t threads);
  void add_function(const std::string& text) { functions_text_ += text; }
  void use_shared(int64_t bytes) { shared_bytes_ = std::max(shared_bytes_, bytes); }

  /// The kernel; or, where it is one of several products of `entry`, a function, number `which` of them.
  std::string text(std::string_view comment) const;
  std::string text_within(const std::string& entry, int which);
  const GeneratedKernel& kernel() const { return made_; }

 private:
  int parameter(Parameter::Kind kind, int index, const std::string& member, bool packs = false);

  LaunchScope& scope_;
  GeneratedKernel made_;
  std::string members_, functions_text_, body_;
  int64_t shared_bytes_ = 0, blocks_ = 0;
};

/// Where an operand's element lies, from the first: axes [first, end) of the source, at this position among them.
std::string offset_text(const cpu::Source& s, int first, int end, const std::string& position);
/// An element as an expression; `position` is in the space of the pass.
std::string element_text(const Read& x, const std::string& position);
/// "u32" where positions and offsets fit it, else "i64".
const char* index_type(const cpu::Pass& pass, int64_t numel);

/// A pass without rows: an element a thread or, where it `packs`, several.
Call call_elements(Builder& b, const cpu::Pass& pass, int64_t numel, bool packs);
/// A product with its epilogue, a block a tile; `keeps`: others read the product itself.
void add_product(Builder& b, bool keeps);
/// Names the code of its tiles, which products share.
std::string product_code(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l, bool keeps);
/// A segment with rows.
void add_rows(Builder& b, const cpu::Segment& segment, int number);
/// A call with its placeholders filled in.
std::string filled(const Call& call, const std::string& at, int64_t count);
/// Kernels for what one thread of the CPU does before or after all segments.
void add_steps(LaunchScope& scope, const std::vector<cpu::SmallStep>& steps, const std::string& suffix,
               std::string& text, std::vector<GeneratedKernel>& kernels);

}  // namespace duet::cuda
