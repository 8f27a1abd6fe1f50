#include "graph/groups.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "cpu/tiles.h"
#include "duet/ops/index.h"
#include "duet/ops/reduce.h"
#include "ops/reduce_stages.h"
#include "planted.h"

namespace duet::graph {
namespace {

constexpr size_t kMaxNodes = 256;                // of a segment: keeps its working set in the L1 cache
constexpr size_t kMaxSegments = 4096;            // of a kernel
constexpr int64_t kMaxRow = int64_t{16} * 1024;  // elements of a row that is kept until its reductions are known
constexpr int kMaxSearched = 128;                // groups between two that are to be joined
constexpr int64_t kGap = int64_t{1} << 32, kRoom = 1024;  // between labels: at first, and at least after a move

// Whether the dtype of labels has a number for each class.
bool counts(DType dtype, int64_t classes) {
  bool fits = false;
  visit(dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
      fits = std::cmp_less_equal(classes - 1, std::numeric_limits<T>::max());
  });
  return fits;
}

constexpr size_t index(Space s) { return static_cast<size_t>(s); }

}  // namespace

bool is_reduction(const Graph& g, const Node& n, Reduction& out) {
  if (n.op->kind != OpClass::reduction) return false;
  const Spec& x = g.value(n.inputs[0]).spec;
  if (!is_float(x.dtype) || x.shape.numel() == 0) return false;
  const Stages stages(x.shape, static_cast<unsigned>(n.attrs[0]));
  out.of_rows = stages.reduced == 0;
  out.segment = {x.shape.numel(), out.of_rows ? stages.row : stages.inner};
  if (out.of_rows ? !stages.has_row : !stages.columns_alone() || stages.outer != 1) return false;
  out.kind = n.op == &op<Sum>()   ? cpu::ReduceKind::sum
             : n.op == &op<Max>() ? cpu::ReduceKind::max
             : n.op == &op<Min>() ? cpu::ReduceKind::min
                                  : cpu::ReduceKind::prod;
  return true;
}

Space result_space(const Graph& g, const Node& n) {
  if (n.op->kind != OpClass::reduction || n.space == Space::whole) return n.space;
  Reduction r;
  is_reduction(g, n, r);
  return n.space == Space::elements && r.of_rows ? Space::rows : Space::after;
}

bool is_whole(const Graph& g, const Layout& layout, int v) {
  return layout.dense && layout.offset == 0 && g.value(layout.root).spec.shape.numel() == g.value(v).spec.shape.numel();
}

bool follows_rows(const Graph& g, const Layout& layout, int v, const Shape& space, const Segment& segment) {
  const int64_t rows = segment.numel / segment.row;
  if (layout.offset != 0 || g.value(layout.root).spec.shape.numel() != rows) return false;
  const Spec& x = g.value(v).spec;
  const cpu::Source s = cpu::make_source(x.dtype, x.shape, layout.strides, space);
  if (rows == 1) return s.single;
  if (segment.row == 1) return s.dense;
  return s.axes == 2 && s.extent[0] == rows && s.stride[0] == 1 && s.stride[1] == 0;
}

// --- groups in their order ---

Groups::Groups(Graph& g)
    : g_(g),
      layouts_(layouts(g)),
      group_of_(g.nodes.size(), -1),
      readers_(g.values.size()),
      next_throw_(g.nodes.size(), -1) {
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    if (is_view(g.nodes[i]) && layout(g.nodes[i].outputs[0]).root != g.nodes[i].outputs[0]) continue;
    for (int x : g.nodes[i].inputs) {
      std::vector<int>& readers = readers_[static_cast<size_t>(layout(x).root)];
      if (readers.empty() || readers.back() != static_cast<int>(i)) readers.push_back(static_cast<int>(i));
    }
    if (g.kernels.empty()) groups_.push_back(make(alone(static_cast<int>(i))));
  }
  int later = -1;
  for (size_t i = g.nodes.size(); i-- > 0;) {
    if (!g.nodes[i].op->may_throw) continue;
    next_throw_[i] = later;
    later = static_cast<int>(i);
  }
  // A kernel of one operation may still become a part of a fused one.
  for (const Kernel& kernel : g.kernels)
    groups_.push_back(make(kernel.segments.empty() && kernel.nodes.size() == 1 ? alone(kernel.nodes[0]) : kernel));
  for (size_t k = 0; k < groups_.size(); ++k) {
    for (int n : groups_[k].nodes) group_of_[static_cast<size_t>(n)] = static_cast<int>(k);
    groups_[k].label = static_cast<int64_t>(k + 1) * kGap;
    groups_[k].previous = static_cast<int>(k) - 1;
    groups_[k].next = k + 1 < groups_.size() ? static_cast<int>(k) + 1 : -1;
  }
  head_ = groups_.empty() ? -1 : 0;
  tail_ = static_cast<int>(groups_.size()) - 1;
  seen_.assign(groups_.size(), 0);
}

Kernel Groups::alone(int node) {
  Node& n = g_.nodes[static_cast<size_t>(node)];
  const int64_t numel = g_.value(n.outputs[0]).spec.shape.numel();
  Kernel kernel{{node}, {}};
  Reduction r;
  if (n.op->kind == OpClass::pointwise || n.op->kind == OpClass::cast)
    kernel.segments = {{numel, 0}};
  else if (is_reduction(g_, n, r))
    kernel.segments = {r.segment};
  else if (n.op == &op<OneHot>() && numel > 0 && counts(g_.value(n.inputs[0]).spec.dtype, n.attrs[1]))
    kernel.segments = {{numel, n.attrs[1]}};
  n.segment = 0;
  n.space = kernel.segments.empty() ? Space::whole : Space::elements;
  return kernel;
}

Groups::Group Groups::make(const Kernel& kernel) const {
  Group group;
  group.nodes = kernel.nodes;
  group.segments = kernel.segments;
  group.opaque = kernel.segments.empty();
  for (int i : kernel.nodes) {
    const Node& n = g_.node(i);
    if (n.op->kind == OpClass::matmul) {
      group.product = true;
      group.opaque = false;
      group.segments = {{g_.value(n.outputs[0]).spec.shape.numel(), 0}};
    }
    group.labels |= n.op == &op<OneHot>();
    Reduction r;
    if (n.space == Space::whole || !is_reduction(g_, n, r)) continue;
    group.reduces |= r.of_rows;
    group.columns |= !r.of_rows;
  }
  return group;
}

std::vector<int> Groups::in_order() const {
  std::vector<int> order;
  for (int k = head_; k >= 0; k = at(k).next) order.push_back(k);
  return order;
}

bool Groups::is_pointwise(int group, int64_t& numel) const {
  const Group& x = at(group);
  if (x.opaque || x.product || x.reduces || x.columns || x.segments.size() != 1 || x.segments[0].row != 0) return false;
  numel = x.segments[0].numel;
  for (int n : x.nodes)
    if (g_.node(n).space != Space::elements) return false;
  return true;
}

// Takes a group out of the order and puts it behind another one.
void Groups::move_behind(int group, int place) {
  Group& x = at(group);
  (x.previous >= 0 ? at(x.previous).next : head_) = x.next;
  (x.next >= 0 ? at(x.next).previous : tail_) = x.previous;
  x.previous = place;
  x.next = at(place).next;
  (x.next >= 0 ? at(x.next).previous : tail_) = group;
  at(place).next = group;
  // Labels are spread over as many of the next groups as it takes to find room.
  int64_t count = 1;
  int end = x.next;
  for (; end >= 0 && label(end) - label(place) < (count + 1) * kRoom; end = at(end).next) ++count;
  const int64_t step = end >= 0 ? (label(end) - label(place)) / (count + 1) : kGap;
  for (int k = group; k != end; k = at(k).next) at(k).label = label(at(k).previous) + step;
}

// Whether a path leads from the first group to the second one through others. `between` are the groups before the
// second that need the first: they have to run behind the two.
bool Groups::behind(int first, int second, std::vector<int>& between) const {
  between.clear();
  ++search_;
  auto meet = [&](int group, int node) {
    const int k = group_of(node);
    if (k == second && group != first) return true;
    if (k == group || k == second || seen_[static_cast<size_t>(k)] == search_ || label(k) > label(second)) return false;
    seen_[static_cast<size_t>(k)] = search_;
    between.push_back(k);
    return false;
  };
  auto visit = [&](int group) {
    for (int n : at(group).nodes) {
      // The first of two bad indices is reported, in every mode.
      if (const int later = next_throw_[static_cast<size_t>(n)]; later >= 0 && meet(group, later)) return true;
      for (int v : g_.node(n).outputs)
        for (int reader : readers(v))
          if (meet(group, reader)) return true;
    }
    return false;
  };
  if (visit(first)) return true;
  for (size_t i = 0; i < between.size(); ++i)
    if (between.size() > kMaxSearched || visit(between[i])) return true;
  return false;
}

// --- joining ---

// What the group of two would be.
struct Groups::Joined {
  int first = -1, second = -1;
  Space first_space[5], second_space[5];  // what spaces become
  int second_segment = 0;                 // added to the segments of the second's nodes
  std::vector<Segment> segments;

  Joined() {
    for (size_t s = 0; s < 5; ++s) first_space[s] = second_space[s] = static_cast<Space>(s);
  }
};

// Fills `out`; gives the reason when the sizes do not fit, null when they do.
const char* Groups::joined(int first, int second, Join how, Joined& out) const {
  const Group &a = at(first), &b = at(second);
  out.first = first;
  out.second = second;
  auto move = [](Space* spaces, Space to) { spaces[index(Space::elements)] = to; };
  const Segment sa = a.segments[0], sb = b.segments[0];
  const bool single = a.segments.size() == 1 && b.segments.size() == 1;
  int64_t numel = 0;
  switch (how) {
    case Join::same:
      if (!single || sa.numel != sb.numel) return kOtherSize;
      if (sa.row != 0 && sb.row != 0 && sa.row != sb.row) return "their rows have other lengths";
      if ((a.product && sb.row != 0) || (b.product && sa.row != 0)) return "a product takes in elements only";
      out.segments = {{sa.numel, std::max(sa.row, sb.row)}};
      return nullptr;
    case Join::second_rows:
      if (!single || sa.row == 0 || sb.numel != sa.numel / sa.row || b.product || b.labels || b.feedback || b.columns ||
          (sb.row != 0 && sb.row != sb.numel))
        return kOtherSize;
      out.second_space[index(Space::rows)] = Space::after;
      move(out.second_space, Space::rows);
      out.segments = {sa};
      return nullptr;
    case Join::first_rows:
      if (!single || !is_pointwise(first, numel) || b.product || numel == 0 || sb.numel == 0 || sb.numel % numel != 0 ||
          (numel == 1 && sb.row == 0) || (sb.row != 0 && sb.numel / sb.row != numel))
        return kOtherSize;
      move(out.first_space, Space::rows);
      out.segments = {{sb.numel, sb.numel / numel}};
      return nullptr;
    case Join::second_after:
      // One row, when it is reduced.
      if (a.product || b.segments.size() != 1 || b.product || b.labels || b.columns || sb.numel > kSmall ||
          (sb.row != 0 && sb.row != sb.numel) || (single && sb.numel >= sa.numel && sa.numel > 1))
        return kOtherSize;
      move(out.second_space, Space::after);
      out.second_space[index(Space::rows)] = Space::after;
      out.segments = a.segments;
      return nullptr;
    case Join::first_before:
      if (!is_pointwise(first, numel) || numel > kSmall) return kOtherSize;
      move(out.first_space, Space::before);
      out.segments = b.segments;
      return nullptr;
    case Join::beside:
      out.segments = a.segments;
      out.segments.insert(out.segments.end(), b.segments.begin(), b.segments.end());
      out.second_segment = static_cast<int>(a.segments.size());
      return nullptr;
  }
  return kOtherSize;
}

// Why node `consumer` of the second group cannot read the value where the first one makes it; null if it can.
const char* Groups::edge_refusal(const Joined& j, int value, int consumer) const {
  static constexpr const char* kOrder = "it is read in another order";
  const Node& c = g_.node(consumer);
  Node p = g_.node(g_.producer(layout(value).root));
  p.space = j.first_space[index(p.space)];
  const Space from = result_space(g_, p), to = j.second_space[index(c.space)];
  const int segment = c.segment + j.second_segment;
  const bool reduces = c.op->kind == OpClass::reduction;
  const bool whole = is_whole(g_, layout(value), value);
  if (to == Space::whole) return "a product reads its operands as a whole";
  if (c.op == &op<OneHot>()) return "labels are checked before the kernel";
  if (from == Space::after && to != Space::after) return "it is known only when the kernel is done";
  if (from == Space::before) return to != Space::elements && reduces ? kOrder : nullptr;
  if (to == Space::before) return "it is not done before the kernel";
  if (from == Space::after) return reduces && !whole ? kOrder : nullptr;
  if (to == Space::after) return "it is read when the kernel is done";
  if (p.segment != segment) return kOtherSize;
  if (from == to || from == Space::whole) return whole ? nullptr : kOrder;
  if (from == Space::elements) return kOrder;
  // A value of each row, read by elements.
  if (reduces || j.segments[static_cast<size_t>(segment)].row == 0) return kOrder;
  return follows_rows(g_, layout(value), value, g_.value(c.outputs[0]).spec.shape,
                      j.segments[static_cast<size_t>(segment)])
             ? nullptr
             : kOrder;
}

const char* Groups::refusal(int first, int second, Join how) const {
  const Group &a = at(first), &b = at(second);
  if (a.opaque || b.opaque) return kAlone;
  if ((a.product && (b.product || b.reduces || b.columns)) || (b.product && (a.reduces || a.columns)))
    return "a product takes in elements only";
  if (how == Join::beside && (a.product || b.product)) return kAlone;
  if (how == Join::beside && a.segments.size() + b.segments.size() > kMaxSegments)
    return "the kernel would have more than 4,096 segments";
  Joined j;
  if (const char* why = joined(first, second, how, j)) return why;
  if (how != Join::beside && a.nodes.size() + b.nodes.size() > kMaxNodes && j.segments.size() == 1)
    return "the kernel would have more than 256 operations";
  bool feedback = a.feedback || b.feedback;
  for (int i : b.nodes) {
    const Node& c = g_.node(i);
    const Space to = j.second_space[index(c.space)];
    for (int x : c.inputs) {
      const int p = g_.producer(layout(x).root);
      if (p < 0 || group_of(p) != first) {
        // What a row value is reduced to is known when all rows are, so they have to be at hand then.
        if (c.op->kind == OpClass::reduction && to != Space::elements && (p < 0 || group_of(p) != second))
          return "it is read when the kernel is done";
        continue;
      }
      if (const char* why = edge_refusal(j, x, i)) return why;
      Node made = g_.node(p);
      made.space = j.first_space[index(made.space)];
      feedback |= result_space(g_, made) == Space::rows && to == Space::elements;
    }
  }
  if ((feedback || a.columns || b.columns) && how != Join::beside)
    for (const Segment& s : j.segments)
      if (s.row > kMaxRow) return "its rows do not fit into the cache";
  std::vector<int> between;
  if (behind(first, second, between) && !planted("fuse_path")) return "a path leaves the kernel and comes back";
  return nullptr;
}

void Groups::join(int first, int second, Join how) {
  Joined j;
  joined(first, second, how, j);
  std::vector<int> between;
  behind(first, second, between);
  Group &a = at(first), &b = at(second);
  auto becomes = [&](int i, const Space* spaces, int segment) {
    Node& n = g_.nodes[static_cast<size_t>(i)];
    n.space = spaces[index(n.space)];
    n.segment += segment;
  };
  for (int i : b.nodes) becomes(i, j.second_space, j.second_segment);
  for (int i : a.nodes) {
    becomes(i, j.first_space, 0);
    group_of_[static_cast<size_t>(i)] = second;
  }
  if (how != Join::beside)
    for (int i : b.nodes)
      for (int x : g_.node(i).inputs) {
        const int p = g_.producer(layout(x).root);
        b.feedback |= p >= 0 && group_of(p) == second && g_.node(i).space == Space::elements &&
                      result_space(g_, g_.node(p)) == Space::rows;
      }
  if (a.nodes.size() > b.nodes.size()) std::swap(a.nodes, b.nodes);
  b.nodes.insert(b.nodes.end(), a.nodes.begin(), a.nodes.end());
  b.segments = std::move(j.segments);
  b.product |= a.product;
  b.feedback |= a.feedback;
  b.columns |= a.columns;
  b.reduces |= a.reduces;
  b.labels |= a.labels;
  a.nodes.clear();
  (a.previous >= 0 ? at(a.previous).next : head_) = a.next;
  (a.next >= 0 ? at(a.next).previous : tail_) = a.previous;
  // In their order, one behind the other.
  std::sort(between.begin(), between.end(), [&](int x, int y) { return label(x) < label(y); });
  int place = second;
  for (int k : between) {
    move_behind(k, place);
    place = k;
  }
}

void Groups::write() const {
  g_.kernels.clear();
  for (int k : in_order()) {
    Kernel kernel{at(k).nodes, at(k).segments};
    std::sort(kernel.nodes.begin(), kernel.nodes.end());
    Node& first = g_.nodes[static_cast<size_t>(kernel.nodes[0])];
    // Alone, an operation with a kernel of its own uses that.
    if (kernel.nodes.size() == 1 && first.op->kind != OpClass::pointwise) {
      first.space = Space::whole;
      kernel.segments.clear();
    }
    for (int n : kernel.nodes) g_.nodes[static_cast<size_t>(n)].kernel = static_cast<int>(g_.kernels.size());
    g_.kernels.push_back(std::move(kernel));
  }
}

}  // namespace duet::graph
