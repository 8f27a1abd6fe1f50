#include "cpu/segments.h"

#include <algorithm>
#include <cstring>

#include "cpu/scratch.h"
#include "cpu/threads.h"
#include "ops/recorded.h"
#include "planted.h"

namespace duet::cpu {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Below so much work, about 8 us, a second thread costs more than it saves.
constexpr int64_t kSharedWork = int64_t{1} << 20;
// To read or write an element takes the time of about two instructions on it.
constexpr size_t kMemoryCost = 2;

size_t cost_of(const Pass& pass) {
  size_t cost = kMemoryCost * (pass.in.size() + pass.out.size());
  for (const Step& s : pass.program.steps)
    cost += s.op != nullptr && is_float(s.dtype) ? recorded(*s.op, s.dtype == DType::f64).nodes.size() : 1;
  return cost;
}

// What a thread sees: the kernel's tables and its own blocks. A block's storage is addressed by positions in the whole
// space, so that programs do not know of blocks.
class View {
 public:
  explicit View(const Tables& tables, void* const* local = nullptr)
      : tables_{tables.sources, tables.results, tables.shared, local} {}
  char* at(const Place& p) const {
    const void* const* table = tables_[static_cast<size_t>(p.kind)];
    const void* first = table != nullptr ? table[p.index] : nullptr;  // a kernel of elements alone has no locals
    return static_cast<char*>(const_cast<void*>(first)) + p.offset;
  }

 private:
  const void* const* tables_[4];  // by Place::Kind
};

// Where a pass's operands and results begin, good until the thread's next pass.
struct Ends {
  const void** in;
  void** out;
  Ends(const Pass& pass, const View& view) {
    thread_local std::vector<const void*> places;
    const size_t inputs = pass.in.size(), outputs = pass.out.size();
    places.resize(inputs + outputs);
    in = places.data();
    out = const_cast<void**>(in + inputs);
    for (size_t k = 0; k < inputs; ++k)
      in[k] = pass.program.sources[k].constant != nullptr ? nullptr : view.at(pass.in[k]);
    for (size_t k = 0; k < outputs; ++k) out[k] = view.at(pass.out[k]);
  }
};

void run_pass(const Pass& pass, const View& view, int64_t begin, int64_t n) {
  if (pass.empty() || n == 0) return;
  const Ends ends(pass, view);
  if (pass.code) return pass.code.run(pass.program, ends.in, ends.out, begin, n);
  run_tiles(pass.program, ends.in, ends.out, begin, n);
}

template <class F>
void with_reductions(DType dtype, F f) {
  dtype == DType::f32 ? f(kernels().reduce_f32, 0.0f) : f(kernels().reduce_f64, 0.0);
}

// Rows [begin, end) of x, reduced to y[begin, end).
void reduce_rows(ReduceKind kind, DType dtype, const char* x, int64_t n, int64_t begin, int64_t end, char* y) {
  with_reductions(dtype, [&](const auto& k, auto zero) {
    using T = decltype(zero);
    Stream<T> stream;
    stream.data = reinterpret_cast<const T*>(x);
    k.row(kind, stream, n, begin, end, reinterpret_cast<T*>(y));
  });
}

class SegmentRun {
 public:
  SegmentRun(const Segment& s, const Tables& tables) : s_(s), tables_(tables) {}

  void run(int64_t begin, int64_t end) const {
    if (begin >= end) return;
    if (s_.only_elements) {
      const int64_t from = begin * kTile, to = std::min(s_.rows * s_.row, end * kTile);
      return run_pass(s_.stages[0].elements, View(tables_), from, to - from);
    }
    if (s_.code) return s_.code.run(tables_, begin * s_.unit_rows, std::min(s_.rows, end * s_.unit_rows));
    size_t bytes = 0;
    const int64_t elements = s_.in_chunks ? kReduceChunk : s_.block_rows * s_.row;
    for (const Local& l : s_.locals) bytes += local_bytes(l, elements);
    auto* at = static_cast<char*>(thread_scratch(static_cast<int64_t>(bytes)));
    thread_local std::vector<void*> local;
    local.resize(s_.locals.size());
    if (s_.in_chunks) return run_chunks(begin, end, at, elements, local);
    const int64_t last = std::min(s_.rows, end * s_.unit_rows);
    for (int64_t row = begin * s_.unit_rows; row < last; row += s_.block_rows)
      run_block(row, std::min(s_.block_rows, last - row), at, elements, local);
  }

 private:
  size_t local_bytes(const Local& l, int64_t elements) const {
    const int64_t n = l.of_rows ? s_.block_rows : elements;
    return static_cast<size_t>((n * l.bytes + 63) / 64 * 64);
  }
  // Storage of locals for a block whose first row and element these are.
  void address(char* at, int64_t elements, int64_t first_row, int64_t first_element, std::vector<void*>& local) const {
    for (size_t k = 0; k < s_.locals.size(); ++k) {
      const Local& l = s_.locals[k];
      local[k] = at - (l.of_rows ? first_row : first_element) * l.bytes;
      at += local_bytes(l, elements);
    }
  }

  void run_block(int64_t first, int64_t rows, char* at, int64_t elements, std::vector<void*>& local) const {
    address(at, elements, first, first * s_.row, local);
    const View view(tables_, local.data());
    for (const Stage& stage : s_.stages) {
      run_pass(stage.rows, view, first, rows);
      run_pass(stage.elements, view, first * s_.row, rows * s_.row);
      for (const RowReduction& r : stage.reductions)
        reduce_rows(r.kind, r.dtype, view.at(r.in), s_.row, first, first + rows, view.at(r.out));
      for (const ColumnReduction& c : stage.columns)
        with_reductions(c.dtype, [&](const auto& k, auto zero) {
          using T = decltype(zero);
          k.col_chain(c.kind, reinterpret_cast<const T*>(view.at(c.in)) + first * s_.row, rows, s_.row,
                      first % kColumnChunk == 0,
                      reinterpret_cast<T*>(view.at(c.chunks)) + first / kColumnChunk * s_.row);
        });
    }
  }

  void run_chunks(int64_t begin, int64_t end, char* at, int64_t elements, std::vector<void*>& local) const {
    const Stage& stage = s_.stages[0];
    const int64_t chunks = ceil_div(s_.row, kReduceChunk);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t row = unit / chunks, in_row = unit % chunks * kReduceChunk;
      const int64_t first = row * s_.row + in_row, n = std::min(kReduceChunk, s_.row - in_row);
      address(at, elements, row, first, local);
      const View view(tables_, local.data());
      run_pass(stage.elements, view, first, n);
      for (const RowReduction& r : stage.reductions) {
        const auto size = static_cast<int64_t>(size_bytes(r.dtype));
        reduce_rows(r.kind, r.dtype, view.at(r.in) + first * size, n, 0, 1, view.at(r.out) + unit * size);
      }
    }
  }

  const Segment& s_;
  const Tables& tables_;
};

}  // namespace

void Pass::finish() {
  if (empty()) return;
  std::vector<char> past;
  for (const Place& p : out) past.push_back(p.past);
  code = jit::Kernel(program, past, no_code);
  program.pack_temporaries();
}

void Segment::finish() {
  cut();
  std::string reason;
  code = jit::RowKernel(*this, reason);
  for (Stage& stage : stages)
    for (Pass* pass : {&stage.rows, &stage.elements})
      if (!code)
        pass->finish();
      else
        pass->program.pack_temporaries();
}

void Segment::cut() {
  size_t cost = 0;
  bool columns = false;
  only_elements = stages.size() == 1;
  for (const Stage& stage : stages) {
    if (!stage.elements.empty()) cost += cost_of(stage.elements);
    cost += kMemoryCost * (stage.reductions.size() + stage.columns.size());
    columns |= !stage.columns.empty();
    only_elements &= stage.rows.empty() && stage.reductions.empty() && stage.columns.empty();
  }
  work = rows * row * static_cast<int64_t>(std::max<size_t>(cost, 1));
  if (in_chunks) {
    units = rows * ceil_div(row, kReduceChunk);
  } else if (only_elements) {
    units = ceil_div(rows * row, kTile);
  } else {
    block_rows = std::clamp<int64_t>(kBlockElements / std::max<int64_t>(row, 1), 1, std::max<int64_t>(rows, 1));
    // A chunk of the column order belongs to one thread, and is cut in equal blocks.
    if (columns)
      while (kColumnChunk % block_rows != 0) --block_rows;
    unit_rows = columns ? kColumnChunk : block_rows;
    units = ceil_div(rows, unit_rows);
  }
}

void run_pass(const Pass& pass, const Tables& tables, int64_t begin, int64_t n) {
  run_pass(pass, View(tables), begin, n);
}

bool run_block(const Pass& pass, const Tables& tables, const jit::Block& block) {
  if (!pass.code) return false;
  const Ends ends(pass, View(tables));
  return pass.code.run_block(pass.program, ends.in, ends.out, block);
}

void run_step(const SmallStep& step, const Tables& tables) {
  const View view(tables);
  switch (step.kind) {
    case SmallStep::Kind::pass:
      return run_pass(step.pass, view, 0, step.pass.program.numel);
    case SmallStep::Kind::rows:
      return reduce_rows(step.reduce, step.dtype, view.at(step.in), step.n, 0, step.count, view.at(step.out));
    case SmallStep::Kind::columns:
      with_reductions(step.dtype, [&](const auto& k, auto zero) {
        using T = decltype(zero);
        T* chunks = reinterpret_cast<T*>(view.at(step.in));
        k.col_join(step.reduce, chunks, step.count - (planted("column_join") && step.count > 1), step.n);
        std::memcpy(view.at(step.out), chunks, static_cast<size_t>(step.n) * sizeof(T));
      });
  }
}

void run_segments(std::span<const Segment> segments, const Tables& tables) {
  int64_t work = 0;
  for (const Segment& s : segments) work += s.work;
  const int parts = work < kSharedWork ? 1 : threads();
  if (parts == 1) {
    for (const Segment& s : segments) SegmentRun(s, tables).run(0, s.units);
    return;
  }
  // Each part takes its share of the work of all segments put one after the other.
  parallel_for(parts, [&](int64_t part) {
    double before = 0;
    const double from = static_cast<double>(work) * static_cast<double>(part) / parts;
    const double to = static_cast<double>(work) * static_cast<double>(part + 1) / parts;
    for (const Segment& s : segments) {
      if (s.work == 0) continue;
      auto unit = [&](double at) {
        const double share = std::clamp((at - before) / static_cast<double>(s.work), 0.0, 1.0);
        return static_cast<int64_t>(share * static_cast<double>(s.units));
      };
      SegmentRun(s, tables).run(unit(from), part + 1 == parts ? s.units : unit(to));
      before += static_cast<double>(s.work);
    }
  });
}

}  // namespace duet::cpu
