// Which results may be computed in the storage of an operand.
#include <algorithm>

#include "graph/execute.h"
#include "planted.h"

namespace duet::graph {
namespace {

class Finder {
 public:
  explicit Finder(Launch& l) : l_(l) {
    l.reads.assign(l.sources.size(), {});
    l.writes.assign(l.results.size(), {});
    for (const cpu::SmallStep& s : l.before) small(s, 0);
    for (size_t k = 0; k < l.segments.size(); ++k) {
      now_.phase = 1;
      now_.segment = static_cast<int>(k);
      for (const cpu::Stage& stage : l.segments[k].stages) {
        pass(stage.rows, true);
        pass(stage.elements, false);
        ++now_.pass;
        for (const cpu::RowReduction& r : stage.reductions) {
          read(r.in, 0, false, true);
          write(r.out, 1, true);
        }
        for (const cpu::ColumnReduction& c : stage.columns) read(c.in, 0, false, true);
      }
    }
    for (const cpu::SmallStep& s : l.after) small(s, 2);
  }

 private:
  Access now(int step, bool rows, bool dense) const {
    Access access = now_;
    access.step = step;
    access.rows = rows;
    access.dense = dense;
    return access;
  }
  void read(const cpu::Place& place, int step, bool rows, bool dense) {
    if (place.kind == cpu::Place::Kind::source)
      l_.reads[static_cast<size_t>(place.index)].push_back(now(step, rows, dense));
  }
  void write(const cpu::Place& place, int step, bool rows) {
    if (place.kind == cpu::Place::Kind::result)
      l_.writes[static_cast<size_t>(place.index)].push_back(now(step, rows, true));
  }
  void pass(const cpu::Pass& p, bool rows) {
    ++now_.pass;
    for (size_t i = 0; i < p.program.steps.size(); ++i) {
      const cpu::Step& s = p.program.steps[i];
      for (int k = 0; k < s.inputs; ++k) {
        if (s.in[k] >= cpu::kTemporary) continue;
        const auto from = static_cast<size_t>(s.in[k]);
        const cpu::Source& source = p.program.sources[from];
        if (source.constant == nullptr) read(p.in[from], static_cast<int>(i), rows, source.dense);
      }
      for (int k = 0; k < s.outputs; ++k)
        if (s.out[k] >= cpu::kOutput)
          write(p.out[static_cast<size_t>(s.out[k] - cpu::kOutput)], static_cast<int>(i), rows);
    }
  }
  void small(const cpu::SmallStep& s, int phase) {
    now_.phase = phase;
    if (s.kind == cpu::SmallStep::Kind::pass) return pass(s.pass, false);
    ++now_.pass;
    read(s.in, 0, false, false);
    write(s.out, 1, false);
  }

  Launch& l_;
  Access now_;
};

bool is_later(const Access& a, const Access& b) { return a.pass != b.pass ? a.pass > b.pass : a.step > b.step; }

// A block is read before it is written when both go through the space in its order.
bool is_safe(const Access& read, const Access& write) {
  if (read.phase != write.phase) return read.phase < write.phase;
  return !is_later(read, write) && (read.dense || planted("in_place")) && read.segment == write.segment &&
         read.rows == write.rows;
}

}  // namespace

void find_accesses(Launch& launch, const std::vector<Layout>& layouts) {
  Finder find(launch);
  for (size_t k = 0; k < launch.sources.size(); ++k)
    if (launch.sources[k] >= 0)
      launch.roots.emplace_back(layouts[static_cast<size_t>(launch.sources[k])].root, static_cast<int>(k));
  for (size_t k = 0; k < launch.results.size(); ++k) launch.places.emplace_back(launch.results[k], static_cast<int>(k));
  std::sort(launch.roots.begin(), launch.roots.end());
  std::sort(launch.places.begin(), launch.places.end());
}

bool can_compute_in_place(const Launch& launch, const Graph& g, const std::vector<Layout>& layouts, int operand,
                          int result) {
  auto layout = [&](int v) -> const Layout& { return layouts[static_cast<size_t>(v)]; };
  const Spec &a = g.value(operand).spec, &b = g.value(result).spec;
  if (size_bytes(a.dtype) != size_bytes(b.dtype) || a.shape.numel() != b.shape.numel()) return false;
  auto first_of = [](const std::vector<std::pair<int, int>>& in, int value) {
    return std::lower_bound(in.begin(), in.end(), std::pair(value, -1));
  };
  const auto written = first_of(launch.places, result);
  if (written == launch.places.end() || written->first != result) return false;
  // Operands of a matmul are read as a whole.
  for (int v : launch.inputs)
    if (layout(v).root == operand) return false;
  const std::vector<Access>& writes = launch.writes[static_cast<size_t>(written->second)];
  for (auto at = first_of(launch.roots, operand); at != launch.roots.end() && at->first == operand; ++at) {
    const auto k = static_cast<size_t>(at->second);
    if (layout(launch.sources[k]).offset != 0) return false;
    for (const Access& read : launch.reads[k])
      for (const Access& write : writes)
        if (!is_safe(read, write)) return false;
  }
  return true;
}

}  // namespace duet::graph
