// Which results may be computed in the storage of an operand.
#include <algorithm>

#include "graph/execute.h"

namespace duet::graph {
namespace {

// One read or write of a launch, in the order in which they happen to a block.
struct Access {
  int phase = 0;      // 0 before the segments, 1 in them, 2 after them
  int segment = 0;    // of phase 1
  bool rows = false;  // of phase 1: a value of rows
  int pass = 0, step = 0;
  bool dense = false;  // in the order of the space

  bool operator<(const Access& o) const { return pass != o.pass ? pass < o.pass : step < o.step; }
};

// All accesses to places that `wanted` is true for.
class Accesses {
 public:
  std::vector<Access> reads, writes;

  template <class Read, class Write>
  Accesses(const Launch& l, const Read& is_read, const Write& is_written) {
    for (const cpu::SmallStep& s : l.before) small(s, 0, is_read, is_written);
    for (size_t k = 0; k < l.segments.size(); ++k) {
      now_.phase = 1;
      now_.segment = static_cast<int>(k);
      for (const cpu::Stage& stage : l.segments[k].stages) {
        pass(stage.rows, true, is_read, is_written);
        pass(stage.elements, false, is_read, is_written);
        ++now_.pass;
        for (const cpu::RowReduction& r : stage.reductions) {
          if (is_read(r.in)) add(reads, false, 0, true);
          if (is_written(r.out)) add(writes, true, 1, true);
        }
        for (const cpu::ColumnReduction& c : stage.columns)
          if (is_read(c.in)) add(reads, false, 0, true);
      }
    }
    for (const cpu::SmallStep& s : l.after) small(s, 2, is_read, is_written);
  }

 private:
  void add(std::vector<Access>& to, bool rows, int step, bool dense) {
    to.push_back(now_);
    to.back().rows = rows;
    to.back().step = step;
    to.back().dense = dense;
  }
  template <class Read, class Write>
  void pass(const cpu::Pass& p, bool rows, const Read& is_read, const Write& is_written) {
    ++now_.pass;
    for (size_t i = 0; i < p.program.steps.size(); ++i) {
      const cpu::Step& s = p.program.steps[i];
      for (int k = 0; k < s.inputs; ++k)
        if (s.in[k] < cpu::kTemporary && p.program.sources[static_cast<size_t>(s.in[k])].constant == nullptr &&
            is_read(p.in[static_cast<size_t>(s.in[k])]))
          add(reads, rows, static_cast<int>(i), p.program.sources[static_cast<size_t>(s.in[k])].dense);
      for (int k = 0; k < s.outputs; ++k)
        if (s.out[k] >= cpu::kOutput && is_written(p.out[static_cast<size_t>(s.out[k] - cpu::kOutput)]))
          add(writes, rows, static_cast<int>(i), true);
    }
  }
  template <class Read, class Write>
  void small(const cpu::SmallStep& s, int phase, const Read& is_read, const Write& is_written) {
    now_.phase = phase;
    if (s.kind == cpu::SmallStep::Kind::pass) return pass(s.pass, false, is_read, is_written);
    ++now_.pass;
    if (is_read(s.in)) add(reads, false, 0, false);
    if (is_written(s.out)) add(writes, false, 1, true);
  }
  Access now_;
};

}  // namespace

bool can_compute_in_place(const Launch& launch, const Graph& g, const std::vector<Layout>& layouts, int operand,
                          int result) {
  // Operands of a matmul or another kernel are read as a whole.
  auto layout = [&](int v) -> const Layout& { return layouts[static_cast<size_t>(v)]; };
  if (launch.kind == LaunchKind::kernel) return false;
  for (int v : launch.inputs)
    if (layout(v).root == operand) return false;
  const Spec &a = g.value(operand).spec, &b = g.value(result).spec;
  if (size_bytes(a.dtype) != size_bytes(b.dtype) || a.shape.numel() != b.shape.numel()) return false;
  bool shifted = false;
  const Accesses all(
      launch,
      [&](const cpu::Place& p) {
        if (p.kind != cpu::Place::Kind::source) return false;
        const int v = launch.sources[static_cast<size_t>(p.index)];
        if (v < 0) return false;
        shifted |= layout(v).root == operand && layout(v).offset != 0;
        return layout(v).root == operand;
      },
      [&](const cpu::Place& p) {
        return p.kind == cpu::Place::Kind::result && launch.results[static_cast<size_t>(p.index)] == result;
      });
  if (shifted || all.writes.empty()) return false;
  for (const Access& write : all.writes)
    for (const Access& read : all.reads) {
      if (read.phase < write.phase) continue;
      if (read.phase > write.phase || write < read) return false;
      // A block is read before it is written when both go through the space in its order.
      if (!read.dense || read.segment != write.segment || read.rows != write.rows) return false;
    }
  return true;
}

}  // namespace duet::graph
