// Whether passes kept their word: graphs in order, and the same bits on the inputs of a call.
#pragma once

#include "duet/graph/passes.h"
#include "duet/graph/trace.h"

namespace duet::graph {

/// The passes that run, in order: duet's and the program's own, without those left out. Throws as run_passes does.
std::vector<Pass> pipeline(const PassOptions& options);
/// Runs one of them; Error when it is the program's own and its graph is not in order.
Graph run_pass(const Pass& pass, Graph g, Report& report);

/// What a pass may not change of a graph.
struct Interface {
  struct Output {
    Spec spec;
    Line line;  // of the operation that made it
  };
  explicit Interface(const Graph& g);
  int slots, numbers;
  std::vector<Output> outputs;
};
/// The graph that a pass of the program's own returned, its values numbered by the nodes that make them; Error naming
/// the pass, the operation and the value when it cannot run.
Graph in_order(const Pass& pass, const Interface& before, Graph g);

/// A value as explain names it: %7, arg0.3, in2, number0, or "a constant".
std::string value_name(const Graph& g, int v);

/// Whether passes are compared by values: by the option, by DUET_CHECK_PASSES=1, and in builds that verify when the
/// program has passes of its own, which are then the ones that are compared.
bool passes_are_checked(const PassOptions& options);
/// Runs the graph before and after each pass on the values of the recorded call. Error at the first pass that changes
/// a bit, naming the operation, its line and the first element that differs.
void check_by_values(const Graph& recorded, const Trace& call, const PassOptions& options);

}  // namespace duet::graph
