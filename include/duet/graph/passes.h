// The passes: free functions from Graph to Graph, in a list that is data. One pass, one file in lib/graph/passes.
#pragma once

#include <string_view>

#include "duet/graph/graph.h"

namespace duet::graph {

Graph fold(Graph g, Report& report);
Graph simplify(Graph g, Report& report);
Graph cse(Graph g, Report& report);
Graph dce(Graph g, Report& report);
Graph fuse(Graph g, Report& report);
Graph combine(Graph g, Report& report);
Graph schedule(Graph g, Report& report);

struct Pass {
  std::string_view name, purpose;
  Graph (*run)(Graph g, Report& report);
};
/// The list, in the order in which they run.
std::span<const Pass> passes();

/// What a function's passes are. CONTRIBUTING.md says how to write one, examples/10_write_a_pass.cpp does.
struct PassOptions {
  std::vector<std::string> without = {};  // passes to leave out: {"fuse"}
  std::vector<Pass> with = {};            // the program's own, run after cse; their names are literals
  bool check_passes = false;              // run what each pass changed, compare bits; so does DUET_CHECK_PASSES=1
};

/// Runs the passes but for those left out, also by DUET_PASSES=-name,…; Error for an unknown name, and for a pass of
/// the program's own whose graph is not in order.
Graph run_passes(Graph g, Report& report, const PassOptions& options);
/// Error for a name that no pass has, and for passes whose names are taken.
void check_pass_names(const PassOptions& options);
/// Whether a pass of this name is left out. plan_memory is one of the names.
bool left_out(std::string_view name, const std::vector<std::string>& without);

/// Throws an internal error unless the graph is in order: definitions before uses, kernels that can run in turn.
void verify(const Graph& g);

/// A buffer of the arena.
struct Buffer {
  int value;        // whose storage it is; −1: what a kernel needs while it runs
  int first, last;  // kernels between which it is live
  int64_t bytes;    // rounded up to the alignment
  int64_t offset = 0;
  int shares = -1;  // computed in place of this buffer
};
struct MemoryPlan {
  std::vector<Buffer> buffers;
  int64_t naive_bytes = 0;  // every buffer with storage of its own
  int64_t lower_bound_bytes = 0;
  int64_t arena_bytes = 0;
  bool proven_optimal = false;  // no arena can be smaller, be it that it is the bound or that all others were tried
};

/// Places buffers (value, first, last, bytes, shares are given) in one arena. `reuse` false: side by side.
MemoryPlan plan_memory(std::vector<Buffer> buffers, bool reuse);

}  // namespace duet::graph
