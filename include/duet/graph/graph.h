// The graph: flat static single assignment. No node classes; passes are functions from Graph to Graph.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duet/ops/record.h"

namespace duet::graph {

/// Where a value comes from.
enum class Origin : uint8_t {
  slot,      // a tensor given to the plan at each run
  number,    // a C++ number given at each run; no pass reads it
  constant,  // a number of the program itself
  node,      // an output of a node
};

struct Value {
  Origin origin = Origin::node;
  Spec spec;
  int index = 0;   // of the slot or number; of the node
  int output = 0;  // which output of the node
  Operand::Kind number_kind = Operand::Kind::float_number;
  Number8 constant{};
  bool dense = true;  // slots: layout
  Strides strides = {};
  int argument = -1, leaf = -1;  // slots: which tensor of the call's arguments; leaf −1: the argument is a Tensor
};
/// A slot as messages name it: "arg0", "arg0.3" (its fourth tensor), or "in2" for what the arguments do not hold.
std::string slot_name(const Value& slot);

/// How a node takes part in the kernel it was fused into. A reduction is named by what it reads.
enum class Space : uint8_t {
  whole,     // an operation of its own, or the product that a kernel's elements follow
  elements,  // over the elements of a segment
  rows,      // once for each row of a segment
  before,    // small, and done before the segments
  after,     // small, and done when all rows are
};

struct Node {
  const OpRecord* op = nullptr;
  std::vector<int64_t> attrs;
  std::vector<int> inputs, outputs;  // values
  Line line;
  int region = 0;  // cse works within one
  // After fuse:
  int kernel = -1, segment = 0;
  Space space = Space::whole;
};

/// What a kernel runs over: elements, in rows where something is reduced or repeated along them.
struct Segment {
  int64_t numel = 0;
  int64_t row = 0;  // elements of a row, 0 when nothing depends on rows
};

/// Nodes that run as one kernel: an operation of its own, a product with elements, or segments of fused nodes.
struct Kernel {
  std::vector<int> nodes;
  std::vector<Segment> segments = {};
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;      // in an order in which they can run
  std::vector<int> outputs;     // values
  std::vector<Kernel> kernels;  // in the order in which they run; made by fuse, else one a node

  int slots = 0, numbers = 0;
  Device device = {};  // where all of its tensors lie
  const Value& value(int v) const { return values[static_cast<size_t>(v)]; }
  const Node& node(int n) const { return nodes[static_cast<size_t>(n)]; }
  /// The node that makes v, −1 if none does.
  int producer(int v) const { return value(v).origin == Origin::node ? value(v).index : -1; }
};

/// Whether the node only looks at its input another way; layouts decide whether a copy is needed (plan.h).
inline bool is_view(const Node& n) { return n.op->view != nullptr; }

/// How a value lies in the storage of its root, the value that owns storage.
struct Layout {
  int root = -1;
  int64_t offset = 0;  // elements from the root's first
  bool dense = true;
  Strides strides = {};
};
/// Layouts of all values. A view that its input's strides do not allow is its own root: it is copied.
std::vector<Layout> layouts(const Graph& g);

/// What one pass or decision did, for explain().
struct PassRecord {
  std::string name, purpose;
  int nodes_before = 0, nodes_after = 0;
  double time_us = 0;
};
struct FusionRecord {
  int producer = -1, consumer = -1;  // nodes of the graph
  bool fused = false;
  std::string reason;
  int64_t bytes = 0;    // not written and read, when fused
  bool beside = false;  // neither needs the other
};
struct ScheduleRecord {
  std::string order;                             // by which rule kernels run; empty without the pass
  int64_t peak_bytes = 0, trace_peak_bytes = 0;  // alive at once between kernels; estimated
};
struct Report {
  std::vector<PassRecord> passes;
  std::vector<FusionRecord> fusions;
  ScheduleRecord schedule;
};

}  // namespace duet::graph
