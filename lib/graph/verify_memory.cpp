#include "graph/verify_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace duet::graph {

#ifdef DUET_VERIFY
const bool kVerify = true;
#else
const bool kVerify = false;
#endif

namespace {

constexpr int64_t kAlignment = 64;
constexpr uint32_t kSignallingNan = 0x7fa00000;

size_t at(int i) { return static_cast<size_t>(i); }

// When a value is written and read, in launches.
struct Life {
  int written = -1, read = -1;
};

// Lives of all values that launches write, and what is wrong with the order of reads and writes.
struct Lives {
  std::vector<Life> of;
  std::string fault;

  Lives(const Graph& g, const Executable& e) : of(g.values.size()) {
    for (int k = 0; k < static_cast<int>(e.launches.size()); ++k) {
      const Launch& l = e.launches[at(k)];
      for (int v : l.outputs) write(v, k, e);
      for (int v : l.results) write(v, k, e);
      for (int v : l.inputs) read(v, k, g, e);
      for (int v : l.sources) read(v, k, g, e);
    }
  }

 private:
  void write(int v, int k, const Executable& e) {
    if (e.layouts[at(v)].root != v) return note(fmt::format("launch {} writes value {}, a view", k, v));
    if (of[at(v)].written >= 0) return note(fmt::format("value {} is written twice", v));
    of[at(v)] = {k, k};
  }
  void read(int v, int k, const Graph& g, const Executable& e) {
    if (v < 0) return;
    const int root = e.layouts[at(v)].root;
    if (g.value(root).origin != Origin::node) return;
    if (of[at(root)].written < 0) return note(fmt::format("launch {} reads value {} before it is written", k, root));
    of[at(root)].read = k;
  }
  void note(std::string what) {
    if (fault.empty()) fault = std::move(what);
  }
};

int64_t bytes_of(const Graph& g, int v) {
  const Spec& s = g.value(v).spec;
  return s.shape.numel() * static_cast<int64_t>(size_bytes(s.dtype));
}

// Whether a launch writes `result` when all threads are through its rows, and nothing reads `operand` from then on.
bool made_last(const Launch& l, const Executable& e, int operand, int result) {
  auto is_result = [&](const cpu::Place& p) {
    return p.kind == cpu::Place::Kind::result && l.results[at(p.index)] == result;
  };
  auto is_operand = [&](const cpu::Place& p) {
    const int v = p.kind == cpu::Place::Kind::source ? l.sources[at(p.index)] : -1;
    return v >= 0 && e.layouts[at(v)].root == operand;
  };
  auto reads = [&](const cpu::Pass& p) {
    for (size_t k = 0; k < p.in.size(); ++k)
      if (p.program.sources[k].constant == nullptr && is_operand(p.in[k])) return true;
    return false;
  };
  auto writes = [&](const cpu::Pass& p) { return std::any_of(p.out.begin(), p.out.end(), is_result); };
  for (const cpu::Segment& s : l.segments)
    for (const cpu::Stage& stage : s.stages) {
      if (writes(stage.rows) || writes(stage.elements)) return false;
      for (const cpu::RowReduction& r : stage.reductions)
        if (is_result(r.out)) return false;
      for (const cpu::ColumnReduction& c : stage.columns)
        if (is_result(c.chunks)) return false;
    }
  for (const cpu::SmallStep& s : l.before)
    if (s.kind == cpu::SmallStep::Kind::pass ? writes(s.pass) : is_result(s.out)) return false;
  for (const cpu::SmallStep& s : l.after)
    if (s.kind == cpu::SmallStep::Kind::pass ? reads(s.pass) : is_operand(s.in)) return false;
  return true;
}

// Why launch k may not compute `result` in the storage of `operand`; empty if it may.
std::string sharing_fault(const Graph& g, const Executable& e, int k, int operand, int result) {
  const Launch& l = e.launches[at(k)];
  auto root = [&](int v) { return e.layouts[at(v)].root; };
  for (int v : l.inputs)
    if (root(v) == operand) return "it is read as a whole";
  if (!can_compute_in_place(l, g, e.layouts, operand, result)) return "it is read after that is written";
  if (made_last(l, e, operand, result)) return "";
  // The same once more from the graph: what needs the result comes after it, and finds the operand overwritten.
  std::vector<char> later(g.values.size(), 0);
  std::vector<int> nodes(l.nodes);
  std::sort(nodes.begin(), nodes.end());
  for (int i : nodes) {
    const Node& n = g.node(i);
    const bool makes = g.producer(result) == i;
    bool needs = false;
    for (int x : n.inputs) needs |= later[at(root(x))] != 0;
    for (int x : n.inputs) {
      if (root(x) != operand) continue;
      if (needs) return "what needs the result reads it";
      const Layout& layout = e.layouts[at(x)];
      if (makes && (!layout.dense || layout.offset != 0 || bytes_of(g, x) != bytes_of(g, result)))
        return "it is read in another order";
    }
    for (int y : n.outputs) later[at(y)] = needs || (makes && y == result);
  }
  return "";
}

// Goes through the launches with the buffers that are alive, by their place.
class Sweep {
 public:
  Sweep(const Graph& g, const Executable& e, const MemoryPlan& plan) : g_(g), e_(e), buffers_(plan.buffers) {
    born_.resize(e.launches.size());
    dying_.resize(e.launches.size());
    for (int b = 0; b < static_cast<int>(buffers_.size()); ++b) {
      if (buffers_[at(b)].bytes == 0) continue;
      born_[at(buffers_[at(b)].first)].push_back(b);
      dying_[at(buffers_[at(b)].last)].push_back(b);
    }
  }

  std::string run() {
    for (int k = 0; k < static_cast<int>(born_.size()); ++k) {
      for (int b : born_[at(k)])
        if (std::string what = begin(b, k); !what.empty()) return what;
      bound_ = std::max(bound_, live_);
      for (int b : dying_[at(k)]) end(b);
    }
    return "";
  }
  int64_t bound() const { return bound_; }

 private:
  std::string begin(int b, int k) {
    const Buffer& buffer = buffers_[at(b)];
    if (buffer.shares >= 0) return replace(b, k);
    const auto next = alive_.lower_bound(buffer.offset);
    if (next != alive_.end() && next->first < buffer.offset + buffer.bytes) return overlap(b, next->second, k);
    if (next != alive_.begin())
      if (const int other = std::prev(next)->second; end_of(other) > buffer.offset) return overlap(b, other, k);
    alive_[buffer.offset] = b;
    live_ += buffer.bytes;
    return "";
  }
  std::string replace(int b, int k) {
    const Buffer &buffer = buffers_[at(b)], &other = buffers_[at(buffer.shares)];
    const auto place = alive_.find(buffer.offset);
    std::string why;
    if (place == alive_.end() || place->second != buffer.shares || other.bytes != buffer.bytes)
      why = "it lies elsewhere";
    else if (other.last != k)
      why = "it is read later";
    else
      why = sharing_fault(g_, e_, k, other.value, buffer.value);
    if (!why.empty())
      return fmt::format("launch {} computes value {} in place of value {}: {}", k, buffer.value, other.value, why);
    place->second = b;
    return "";
  }
  void end(int b) {
    const auto place = alive_.find(buffers_[at(b)].offset);
    if (place == alive_.end() || place->second != b) return;  // another one has taken its place
    live_ -= buffers_[at(b)].bytes;
    alive_.erase(place);
  }
  int64_t end_of(int b) const { return buffers_[at(b)].offset + buffers_[at(b)].bytes; }
  std::string overlap(int b, int other, int k) const {
    return fmt::format("values {} and {} are both live at launch {} and overlap: {}..{} and {}..{}",
                       buffers_[at(other)].value, buffers_[at(b)].value, k, buffers_[at(other)].offset, end_of(other),
                       buffers_[at(b)].offset, end_of(b));
  }

  const Graph& g_;
  const Executable& e_;
  const std::vector<Buffer>& buffers_;
  std::vector<std::vector<int>> born_, dying_;  // by launch
  std::map<int64_t, int> alive_;                // by offset
  int64_t live_ = 0, bound_ = 0;
};

// Each buffer for itself.
std::string buffer_fault(const Graph& g, const Executable& e, const Buffer& b, const Life& life) {
  if (b.first < 0 || b.last < b.first || b.last >= static_cast<int>(e.launches.size()))
    return fmt::format("the buffer of value {} lives from launch {} to {} of {}", b.value, b.first, b.last,
                       e.launches.size());
  if (b.offset % kAlignment != 0 || b.bytes % kAlignment != 0)
    return fmt::format("value {} has {} bytes at {}: not multiples of {}", b.value, b.bytes, b.offset, kAlignment);
  if (b.offset < 0 || b.offset + b.bytes > e.arena_bytes)
    return fmt::format("value {} ends at {}, the arena at {}", b.value, b.offset + b.bytes, e.arena_bytes);
  if (b.value < 0) return "";  // what a kernel needs while it runs
  if (life.written < b.first || life.read > b.last)
    return fmt::format("value {} is written at launch {} and read until {}, its buffer lives from {} to {}", b.value,
                       life.written, life.read, b.first, b.last);
  if (bytes_of(g, b.value) > b.bytes)
    return fmt::format("value {} has {} bytes, its buffer {}", b.value, bytes_of(g, b.value), b.bytes);
  if (e.arena_offset[at(b.value)] != b.offset)
    return fmt::format("value {} lies at {}, its buffer at {}", b.value, e.arena_offset[at(b.value)], b.offset);
  return "";
}

}  // namespace

std::string memory_fault(const Graph& g, const Executable& e, const MemoryPlan& plan) {
  const Lives lives(g, e);
  if (!lives.fault.empty()) return lives.fault;

  // Every value that is written has one place: an output's storage or the arena.
  std::vector<int> places(g.values.size(), 0);
  for (int o : g.outputs) places[at(e.layouts[at(o)].root)] = 1;
  for (auto [product, home] : e.product_in) ++places[at(product)];
  for (const Launch& l : e.launches) {
    if (!l.passes_by) continue;
    const int product = l.outputs[0];
    if (e.arena_offset[at(product)] >= 0 || places[at(product)] != 0 ||
        lives.of[at(product)].read != lives.of[at(product)].written)
      return fmt::format("value {} passes by and lies somewhere, or is read by another launch", product);
    ++places[at(product)];
  }
  for (const Buffer& b : plan.buffers)
    if (b.value >= 0) ++places[at(b.value)];
  int64_t end = 0;
  for (const Buffer& b : plan.buffers) {
    if (std::string what = buffer_fault(g, e, b, b.value < 0 ? Life{} : lives.of[at(b.value)]); !what.empty())
      return what;
    end = std::max(end, b.offset + b.bytes);
  }
  for (size_t v = 0; v < places.size(); ++v)
    if (lives.of[v].written >= 0 && places[v] != 1) return fmt::format("value {} has {} places", v, places[v]);

  Sweep sweep(g, e, plan);
  if (std::string what = sweep.run(); !what.empty()) return what;
  if (plan.arena_bytes != end || e.arena_bytes != end)
    return fmt::format("the arena has {} bytes, its buffers end at {}", e.arena_bytes, end);
  if (plan.lower_bound_bytes != sweep.bound())
    return fmt::format("the bound is said to be {} bytes, {} are live at once", plan.lower_bound_bytes, sweep.bound());
  return "";
}

void verify_memory(const Graph& g, const Executable& e, const MemoryPlan& plan) {
  const std::string what = memory_fault(g, e, plan);
  if (what.empty()) return;
  thread_state.line = Line();  // it is nobody's mistake but duet's
  throw Error(fmt::format("duet internal error: memory plan: {}; please report it", what));
}

Poison::Poison(const Graph& g, const Executable& e, void* arena)
    : arena_(static_cast<uint32_t*>(arena)), dead_(e.launches.size()) {
  std::fill_n(arena_, e.arena_bytes / 4, kSignallingNan);
  const Lives lives(g, e);
  auto range = [&](size_t v) {
    const int64_t begin = e.arena_offset[v];
    return Range{begin, begin + (bytes_of(g, static_cast<int>(v)) + kAlignment - 1) / kAlignment * kAlignment};
  };
  std::vector<std::vector<size_t>> born(e.launches.size());
  for (size_t v = 0; v < lives.of.size(); ++v)
    if (lives.of[v].written >= 0 && e.arena_offset[v] >= 0) born[at(lives.of[v].written)].push_back(v);
  for (size_t v = 0; v < lives.of.size(); ++v) {
    const Life& life = lives.of[v];
    if (life.written < 0 || e.arena_offset[v] < 0) continue;
    const Range mine = range(v);
    // What is computed in its place at its last launch lives on.
    const auto& heirs = born[at(life.read)];
    const bool inherited = std::any_of(heirs.begin(), heirs.end(), [&](size_t u) {
      return u != v && lives.of[u].read > life.read && range(u).begin < mine.end && mine.begin < range(u).end;
    });
    if (!inherited && mine.begin < mine.end) dead_[at(life.read)].push_back(mine);
  }
}

void Poison::after(size_t launch) const {
  if (arena_ == nullptr) return;
  for (const Range& r : dead_[launch]) std::fill_n(arena_ + r.begin / 4, (r.end - r.begin) / 4, kSignallingNan);
}

}  // namespace duet::graph
