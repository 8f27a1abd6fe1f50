// Nodes in groups that become kernels: which groups can be one, and an order in which they can run.
#pragma once

#include "cpu/reduce.h"
#include "duet/graph/graph.h"

namespace duet::graph {

/// A reduction that a kernel can hold: of rows of elements to one value each, or over the rows of all.
struct Reduction {
  cpu::ReduceKind kind = cpu::ReduceKind::sum;
  bool of_rows = true;
  Segment segment;  // of what it reads
};
/// False for another operation, and for a reduction that runs by itself: of integers, over a middle axis, of nothing.
bool is_reduction(const Graph& g, const Node& n, Reduction& out);

/// The space of what a node makes: a reduction's is the next one after what it reads.
Space result_space(const Graph& g, const Node& n);

/// Whether v is its root, element for element in the same order.
bool is_whole(const Graph& g, const Layout& layout, int v);
/// Whether v, looked at from a space of rows, has one element for each row, in order.
bool follows_rows(const Graph& g, const Layout& layout, int v, const Shape& space, const Segment& segment);

/// How two groups become one; the first one of the two runs earlier.
enum class Join : uint8_t {
  same,          // over the same elements
  second_rows,   // the second once for each row of the first
  first_rows,    // the first once for each row of the second
  second_after,  // the second when the first is done, which makes it small
  first_before,  // the first before the second, which makes it small
  beside,        // segments of their own
};

class Groups {
 public:
  /// The kernels of the graph, or one for each node that computes.
  explicit Groups(Graph& g);

  /// −1 for a node that is in none: a view.
  int group_of(int node) const { return group_of_[static_cast<size_t>(node)]; }
  /// Groups in an order in which they can run.
  std::vector<int> in_order() const;
  const std::vector<int>& nodes(int group) const { return groups_[static_cast<size_t>(group)].nodes; }
  bool is_first(int a, int b) const { return label(a) < label(b); }
  /// Nodes that read the value or look at it through views.
  const std::vector<int>& readers(int value) const { return readers_[static_cast<size_t>(value)]; }
  const Layout& layout(int value) const { return layouts_[static_cast<size_t>(value)]; }

  // Arrays, which have one address in the program: reasons are told apart by it.
  /// The least of reasons: the groups do not run over the same number of elements or rows.
  static constexpr char kOtherSize[] = "the kernels have other numbers of elements";
  /// Elements that one thread may do for all, before a kernel's segments or after them.
  static constexpr int64_t kSmall = 4096;
  static constexpr char kAlone[] = "one of them is a kernel of its own";
  /// Why the groups cannot be joined in this way; null if they can.
  const char* refusal(int first, int second, Join how) const;
  /// Makes them one, called `second`, that runs where the second did. refusal() must have been null.
  void join(int first, int second, Join how);
  /// Whether the group is fused nodes without reductions, and how many elements it runs over.
  bool is_pointwise(int group, int64_t& numel) const;
  bool is_fused(int group) const { return !groups_[static_cast<size_t>(group)].opaque; }
  bool is_product(int group) const { return groups_[static_cast<size_t>(group)].product; }

  /// Writes the kernels into the graph.
  void write() const;

 private:
  struct Group {
    std::vector<int> nodes;
    std::vector<Segment> segments;
    bool opaque = false, product = false;
    bool feedback = false;  // elements read values of rows
    bool columns = false;   // reductions over rows
    bool reduces = false;   // rows
    bool labels = false;    // compares labels with the numbers of columns
    int64_t label = 0;      // grows along the order
    int previous = -1, next = -1;
  };
  struct Joined;

  Group& at(int group) { return groups_[static_cast<size_t>(group)]; }
  const Group& at(int group) const { return groups_[static_cast<size_t>(group)]; }
  int64_t label(int group) const { return at(group).label; }
  /// The kernel of one node, in the space where it could be fused.
  Kernel alone(int node);
  Group make(const Kernel& kernel) const;
  const char* joined(int first, int second, Join how, Joined& out) const;
  const char* edge_refusal(const Joined& j, int value, int consumer) const;
  bool behind(int first, int second, std::vector<int>& between) const;
  void move_behind(int group, int place);

  Graph& g_;
  std::vector<Layout> layouts_;
  std::vector<Group> groups_;
  std::vector<int> group_of_;              // by node
  std::vector<std::vector<int>> readers_;  // by root value
  std::vector<int> next_throw_;            // by node that can find a bad index: the next one in program order
  int head_ = -1, tail_ = -1;
  mutable std::vector<int> seen_;  // by group: the search that met it last
  mutable int search_ = 0;
};

}  // namespace duet::graph
