// The passes: free functions from Graph to Graph, in a list that is data. One pass, one file in lib/graph/passes.
#pragma once

#include <string_view>

#include "duet/graph/graph.h"

namespace duet::graph {

Graph simplify(Graph g, Report& report);
Graph cse(Graph g, Report& report);
Graph dce(Graph g, Report& report);
Graph fuse(Graph g, Report& report);
Graph schedule(Graph g, Report& report);

struct Pass {
  std::string_view name, purpose;
  Graph (*run)(Graph g, Report& report);
};
/// The list, in the order in which they run.
std::span<const Pass> passes();

/// Runs all passes but those named, and those that DUET_PASSES=-name,… leaves out; Error for an unknown name.
Graph run_passes(Graph g, Report& report, const std::vector<std::string>& without);
/// Error for a name that no pass has.
void check_pass_names(const std::vector<std::string>& names);
/// Whether a pass of this name is left out. plan_memory is one of the names.
bool left_out(std::string_view name, const std::vector<std::string>& without);

/// Throws an internal error unless the graph is in order: definitions before uses, kernels that can run in turn.
void verify(const Graph& g);

/// A buffer of the arena.
struct Buffer {
  int value;        // whose storage it is
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
