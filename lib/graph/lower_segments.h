// From the nodes of a fused kernel to its programs: which pass each node runs in, and where each value lives.
#pragma once

#include "graph/execute.h"

namespace duet::graph {

/// Where a value is used that a kernel makes.
enum class Outside : uint8_t { no, output, read };

class SegmentLowering {
 public:
  /// `outside` marks the values that leave the kernel that makes them.
  SegmentLowering(const Graph& g, const std::vector<Layout>& layouts, const std::vector<Outside>& outside)
      : g_(g), layouts_(layouts), outside_(outside), values_(g.values.size()) {}

  /// Fills the launch's tables, `before`, `segments` and `after`.
  void run(const Kernel& kernel, Launch& launch);

 private:
  // A value that the kernel makes.
  struct Made {
    int stage = 0;            // of its segment: elements from that pass on, rows from that pass on
    int pass = 0;             // which made it; 0: none
    cpu::Register in = -1;    // there
    bool kept = false;        // read by another pass, or outside: it has a place
    bool read_again = false;  // by another pass
    bool whole_rows = false;  // a value of rows that is kept for all of them
    cpu::Place place;
  };
  // A place for a block's elements or rows, from stage to stage.
  struct Need {
    int value, segment, first, last, bytes;
    bool of_rows;
  };

  static size_t index(int i) { return static_cast<size_t>(i); }
  int root(int v) const { return layouts_[index(v)].root; }
  Made& made(int v) { return values_[index(v)]; }
  int64_t numel(int v) const { return g_.value(v).spec.shape.numel(); }
  int bytes(int v) const { return static_cast<int>(size_bytes(g_.value(v).spec.dtype)); }
  bool in_kernel(int v) const;
  cpu::Segment& segment(const Node& n) { return launch_->segments[index(n.segment)]; }
  bool small(const Node& n) const;
  int pass_of(const Node& n);

  void find_stages();
  void find_kept();
  void give_places();
  cpu::Place shared(int64_t size);

  void add(const Node& n);
  void add_to(cpu::Pass& pass, int id, const Node& n);
  void add_small(const Node& n);
  void add_one_hot(cpu::Pass& pass, int id, const Node& n);
  cpu::Register external(cpu::Pass& pass, int value, const cpu::Source& view);
  /// The entry of a value in the launch's table of sources.
  cpu::Place source(int value);
  void reduce(const Node& n);
  cpu::Register operand(cpu::Pass& pass, int id, int v, const Shape& space);
  cpu::Place elements_of(const Node& n);

  const Graph& g_;
  const std::vector<Layout>& layouts_;
  const std::vector<Outside>& outside_;
  std::vector<Made> values_;
  const Kernel* kernel_ = nullptr;
  int kernel_index_ = -1;
  Launch* launch_ = nullptr;
  std::vector<Need> needs_;
  struct Gathered {
    int value, segment;
    cpu::Place place;
  };
  std::vector<Gathered> gathered_;                           // operands of reductions
  int open_before_ = 0, open_after_ = 0, small_passes_ = 0;  // passes that small nodes are added to, 0 for none
};

}  // namespace duet::graph
