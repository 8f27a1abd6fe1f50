#include "graph/lower_segments.h"

#include <algorithm>

#include "duet/ops/index.h"
#include "duet/ops/pointwise.h"
#include "graph/bytes.h"
#include "graph/groups.h"
#include "graph/hooks.h"
#include "ops/convert.h"

namespace duet::graph {
namespace {

// A pass over a segment, among all of its kernel; 0 is none.
int pass_id(int segment, int stage, bool of_elements) {
  constexpr int kStages = 1 << 12;  // more than a segment has
  return 1 + (segment * kStages + stage) * 2 + (of_elements ? 1 : 0);
}
int64_t chunks_of(int64_t n, int64_t chunk) { return (n + chunk - 1) / chunk; }

}  // namespace

bool SegmentLowering::in_kernel(int v) const {
  const int p = g_.producer(v);
  return p >= 0 && g_.node(p).kernel == kernel_index_ && g_.node(p).space != Space::whole;
}

// Whether one thread does it, before or after all rows. Rows of a segment in chunks belong there too.
bool SegmentLowering::small(const Node& n) const {
  return n.space == Space::before || n.space == Space::after ||
         (n.space == Space::rows && launch_->segments[index(n.segment)].in_chunks);
}

// Which pass over a segment a node belongs to; 0 for small ones.
int SegmentLowering::pass_of(const Node& n) {
  if (small(n)) return 0;
  return pass_id(n.segment, made(n.outputs[0]).stage, n.space != Space::rows);
}

void SegmentLowering::run(const Kernel& kernel, Launch& launch) {
  kernel_ = &kernel;
  kernel_index_ = g_.node(kernel.nodes[0]).kernel;
  launch_ = &launch;
  needs_.clear();
  gathered_.clear();
  open_before_ = open_after_ = small_passes_ = 0;
  for (int i : kernel.nodes)
    for (int v : g_.node(i).outputs) made(v) = {};
  for (const Segment& s : kernel.segments) {
    cpu::Segment segment;
    segment.row = s.row > 0 ? s.row : s.numel;
    segment.rows = s.row > 0 ? s.numel / s.row : 1;
    launch.segments.push_back(std::move(segment));
  }
  find_stages();
  find_kept();
  give_places();
  for (int i : kernel.nodes)
    if (g_.node(i).space != Space::whole) add(g_.node(i));
  if (g_.device.is_cuda()) {  // the device's code is made of the programs as they are
    for (cpu::Segment& s : launch.segments) s.cut();
    return;
  }
  for (std::vector<cpu::SmallStep>* steps : {&launch.before, &launch.after})
    for (cpu::SmallStep& s : *steps) s.pass.finish();
  for (cpu::Segment& s : launch.segments) s.finish();
}

// A node's stage is the first one in which all that it reads is there. What rows are reduced to is there in the next.
void SegmentLowering::find_stages() {
  std::vector<int> stages(kernel_->segments.size(), 1);
  std::vector<char> chunked(kernel_->segments.size(), 0), feedback(kernel_->segments.size(), 0);
  for (int i : kernel_->nodes) {
    const Node& n = g_.node(i);
    if (n.space != Space::elements && n.space != Space::rows) continue;
    int stage = 0;
    for (int x : n.inputs) {
      const int r = root(x);
      if (!in_kernel(r)) continue;
      const Space from = result_space(g_, g_.node(g_.producer(r)));
      if (from == Space::elements || from == Space::rows) stage = std::max(stage, made(r).stage);
    }
    Reduction r;
    if (n.space == Space::elements) feedback[index(n.segment)] |= stage > 0;
    if (n.space == Space::elements && is_reduction(g_, n, r)) {
      if (r.of_rows)
        chunked[index(n.segment)] = 1;
      else
        feedback[index(n.segment)] = 1;  // columns go by rows
      stage += r.of_rows && !planted("early_sum") ? 1 : 0;
    }
    for (int v : n.outputs) made(v).stage = stage;
    stages[index(n.segment)] = std::max(stages[index(n.segment)], stage + 1);
  }
  for (size_t s = 0; s < stages.size(); ++s) {
    cpu::Segment& segment = launch_->segments[s];
    segment.in_chunks = chunked[s] && !feedback[s] && segment.row > cpu::kReduceChunk;
    segment.stages.resize(segment.in_chunks ? 1 : static_cast<size_t>(stages[s]));
  }
}

// Values that do not stay in the registers of the pass that makes them.
void SegmentLowering::find_kept() {
  for (int i : kernel_->nodes) {
    const Node& n = g_.node(i);
    for (int v : n.outputs)
      if (n.space != Space::whole)
        made(v).kept |= outside_[index(v)] != Outside::no || small(n) || n.op->kind == OpClass::reduction;
    for (int x : n.inputs) {
      const int r = root(x);
      if (!in_kernel(r)) continue;
      const Node& p = g_.node(g_.producer(r));
      const bool reduces = n.op->kind == OpClass::reduction;
      made(r).read_again |= pass_of(n) != pass_of(p);
      made(r).kept |= reduces || made(r).read_again;
      made(r).whole_rows |= reduces && n.space != Space::elements;
    }
  }
}

cpu::Place SegmentLowering::shared(int64_t size) {
  launch_->shared.push_back(launch_->workspace_bytes);
  if (!planted("shared_overlap")) launch_->workspace_bytes += aligned(size);
  return {cpu::Place::Kind::shared, static_cast<int>(launch_->shared.size() - 1), 0};
}

void SegmentLowering::give_places() {
  for (int i : kernel_->nodes) {
    const Node& n = g_.node(i);
    if (n.space == Space::whole) continue;
    const Space space = result_space(g_, n);
    for (int v : n.outputs) {
      Made& m = made(v);
      if (!m.kept) continue;
      if (outside_[index(v)] != Outside::no) {
        launch_->results.push_back(v);
        // A product's pass writes where the product is: in a cache.
        const bool past = launch_->kind == LaunchKind::fused && outside_[index(v)] == Outside::output &&
                          !m.read_again && numel(v) * bytes(v) >= cpu::kPastCaches;
        m.place = {cpu::Place::Kind::result, static_cast<int>(launch_->results.size() - 1), 0, past};
      } else if (space == Space::before || space == Space::after || m.whole_rows ||
                 (space == Space::rows && segment(n).in_chunks)) {
        m.place = shared(numel(v) * bytes(v));
      } else {
        // A value of rows from a reduction is written at the end of the stage before.
        const bool of_rows = space == Space::rows;
        const int first = m.stage - (n.op->kind == OpClass::reduction ? 1 : 0);
        needs_.push_back({v, n.segment, first, m.stage, bytes(v), of_rows});
      }
    }
  }
  for (Need& need : needs_)
    for (int reader : kernel_->nodes) {
      const Node& n = g_.node(reader);
      if (n.space == Space::whole) continue;
      for (int x : n.inputs)
        if (root(x) == need.value) {
          Reduction r;
          const bool reduced = n.space == Space::elements && is_reduction(g_, n, r) && r.of_rows;
          need.last = std::max(need.last, made(n.outputs[0]).stage - (reduced ? 1 : 0));
        }
    }
  std::stable_sort(needs_.begin(), needs_.end(), [](const Need& a, const Need& b) { return a.first < b.first; });
  for (size_t k = 0; k < needs_.size(); ++k) {
    const Need& need = needs_[k];
    std::vector<cpu::Local>& locals = launch_->segments[index(need.segment)].locals;
    // One that nobody reads any more, else a new one.
    std::vector<char> busy(locals.size(), 0);
    for (size_t e = 0; e < k; ++e)
      if (needs_[e].segment == need.segment && needs_[e].last >= need.first)
        busy[index(made(needs_[e].value).place.index)] = 1;
    size_t at = 0;
    while (at < locals.size() && (busy[at] || locals[at].bytes != need.bytes || locals[at].of_rows != need.of_rows))
      ++at;
    if (at == locals.size()) locals.push_back({need.bytes, need.of_rows});
    made(need.value).place = {cpu::Place::Kind::local, static_cast<int>(at), 0};
  }
}

// --- programs ---

void SegmentLowering::add(const Node& n) {
  if (n.op->kind == OpClass::reduction) return reduce(n);
  if (small(n)) return add_small(n);
  cpu::Stage& stage = segment(n).stages[index(made(n.outputs[0]).stage)];
  cpu::Pass& pass = n.space == Space::rows ? stage.rows : stage.elements;
  if (pass.empty()) pass.program.clear(0);
  n.op == &op<OneHot>() ? add_one_hot(pass, pass_of(n), n) : add_to(pass, pass_of(n), n);
}

// Whether the label of a row is the number of the column.
void SegmentLowering::add_one_hot(cpu::Pass& pass, int id, const Node& n) {
  const int labels = n.inputs[0], y = n.outputs[0];
  const Spec &x = g_.value(labels).spec, &made_spec = g_.value(y).spec;
  const int64_t classes = n.attrs[1];
  launch_->checks.push_back({OneHot::user(n.attrs), labels, classes, n.line});
  Shape rows = x.shape;
  rows.push_back(1);
  int64_t strides[kMaxRank] = {};
  std::copy_n(layouts_[index(labels)].strides, x.shape.rank(), strides);
  const cpu::Register label = external(pass, labels, cpu::make_source(x.dtype, rows, strides, made_spec.shape));
  // The numbers of the columns, in the labels' dtype; labels are checked to be among them.
  std::vector<char> columns;
  visit(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t c = 0; c < classes; ++c) {
      const T number = static_cast<T>(c);
      const char* from = reinterpret_cast<const char*>(&number);
      columns.insert(columns.end(), from, from + sizeof(T));
    }
  });
  launch_->constants.push_back(std::move(columns));
  int64_t step[] = {1};
  const cpu::Register column = external(pass, -static_cast<int>(launch_->constants.size()),
                                        cpu::make_source(x.dtype, Shape{classes}, step, made_spec.shape));
  Made& m = made(y);
  m.pass = id;
  m.in = m.kept ? pass.program.add_output(made_spec.dtype) : pass.program.add_temporary();
  if (m.kept) pass.out.push_back(m.place);
  const cpu::Register in[] = {label, column};
  const bool is_mask = made_spec.dtype == DType::boolean;
  const cpu::Register mask = is_mask ? m.in : pass.program.add_temporary();
  pass.program.add_op(op<Eq>(), x.dtype, in, &mask);
  if (!is_mask)
    pass.program.add_cast(cast_tile(DType::boolean, made_spec.dtype), DType::boolean, made_spec.dtype, mask, m.in);
}

// A source that is none of the kernel's own values: a value, or a constant of the launch.
cpu::Register SegmentLowering::external(cpu::Pass& pass, int value, const cpu::Source& view) {
  pass.in.push_back(source(value));
  return pass.program.add_source(view);
}

cpu::Place SegmentLowering::source(int value) {
  std::vector<int>& sources = launch_->sources;
  auto found = std::find(sources.begin(), sources.end(), value);
  if (found == sources.end()) found = sources.insert(sources.end(), value);
  return {cpu::Place::Kind::source, static_cast<int>(found - sources.begin()), 0};
}

void SegmentLowering::add_small(const Node& n) {
  const bool before = n.space == Space::before || (n.space == Space::rows && made(n.outputs[0]).stage == 0);
  std::vector<cpu::SmallStep>& steps = before ? launch_->before : launch_->after;
  int& open = before ? open_before_ : open_after_;
  const int64_t elements = numel(n.outputs[0]);
  bool fits = !steps.empty() && steps.back().kind == cpu::SmallStep::Kind::pass &&
              steps.back().pass.program.numel == elements && open != 0;
  for (int x : n.inputs) {  // what the pass makes is read in its own order or not at all
    const int r = root(x);
    if (fits && in_kernel(r) && made(r).pass == open)
      fits = is_whole(g_, layouts_[index(x)], x) && numel(x) == elements;
  }
  if (!fits) {
    steps.emplace_back();
    steps.back().pass.program.clear(elements);
    open = -++small_passes_;
  }
  add_to(steps.back().pass, open, n);
}

void SegmentLowering::add_to(cpu::Pass& pass, int id, const Node& n) {
  cpu::Register in[cpu::kMaxTileInputs], out[cpu::kMaxTileOutputs];
  const Shape& space = g_.value(n.outputs[0]).spec.shape;
  DType dtype = g_.value(n.outputs[0]).spec.dtype;
  bool typed = false;
  for (size_t i = 0; i < n.inputs.size(); ++i) {
    in[i] = operand(pass, id, n.inputs[i], space);
    if (!typed && !((n.op->bool_in >> i) & 1u)) dtype = g_.value(n.inputs[i]).spec.dtype, typed = true;
  }
  for (size_t k = 0; k < n.outputs.size(); ++k) {
    Made& m = made(n.outputs[k]);
    out[k] = m.kept ? pass.program.add_output(g_.value(n.outputs[k]).spec.dtype) : pass.program.add_temporary();
    if (m.kept) pass.out.push_back(m.place);
    m.pass = id;
    m.in = out[k];
  }
  if (n.op->kind == OpClass::cast) {
    const DType to = g_.value(n.outputs[0]).spec.dtype;
    pass.program.add_cast(cast_tile(dtype, to), dtype, to, in[0], out[0]);
  } else
    pass.program.add_op(*n.op, dtype, in, out);
  plant_in_program(pass.program, n, dtype);
  pass.in.resize(pass.program.sources.size());  // constants of a user's formula
}

cpu::Register SegmentLowering::operand(cpu::Pass& pass, int id, int v, const Shape& space) {
  const int r = root(v);
  const bool inside = in_kernel(r);
  if (inside && made(r).pass == id && is_whole(g_, layouts_[index(v)], v) && numel(v) == space.numel())
    return made(r).in;
  const Spec& spec = g_.value(v).spec;
  cpu::Source s = cpu::make_source(spec.dtype, spec.shape, layouts_[index(v)].strides, space);
  if (planted("broadcast_stride") && s.axes > 1) s.stride[0] = 0;
  cpu::Place place;
  if (inside) {
    place = made(r).place;
    place.offset = layouts_[index(v)].offset * bytes(v);
  } else {
    place = source(v);
  }
  for (size_t k = 0; k < pass.in.size(); ++k) {  // the same value seen the same way
    const cpu::Source& t = pass.program.sources[k];
    if (t.constant == nullptr && pass.in[k] == place && t.axes == s.axes &&
        std::equal(t.extent, t.extent + t.axes, s.extent) && std::equal(t.stride, t.stride + t.axes, s.stride))
      return static_cast<cpu::Register>(k);
  }
  pass.in.push_back(place);
  return pass.program.add_source(s);
}

// Where the elements lie that a reduction reads, in order: gathered first where they lie otherwise.
cpu::Place SegmentLowering::elements_of(const Node& n) {
  const int v = n.inputs[0], r = root(v);
  const Spec& spec = g_.value(v).spec;
  if (in_kernel(r) && is_whole(g_, layouts_[index(v)], v) && result_space(g_, g_.node(g_.producer(r))) != Space::before)
    return made(r).place;
  for (const Gathered& x : gathered_)
    if (x.value == v && x.segment == n.segment) return x.place;
  cpu::Place place;
  if (!in_kernel(r) && layouts_[index(v)].dense) {
    place = source(v);
  } else {
    cpu::Segment& s = segment(n);
    cpu::Pass& pass = s.stages[0].elements;
    if (pass.empty()) pass.program.clear(0);
    s.locals.push_back({bytes(v), false});
    place = {cpu::Place::Kind::local, static_cast<int>(s.locals.size() - 1), 0};
    const cpu::Register from = operand(pass, pass_id(n.segment, 0, true), v, spec.shape);
    const cpu::Register to = pass.program.add_output(spec.dtype);
    pass.out.push_back(place);
    pass.program.add_move(spec.dtype, from, to);
  }
  gathered_.push_back({v, n.segment, place});
  return place;
}

void SegmentLowering::reduce(const Node& n) {
  Reduction r;
  is_reduction(g_, n, r);
  const int y = n.outputs[0];
  const DType dtype = g_.value(y).spec.dtype;
  cpu::SmallStep last;
  last.reduce = r.kind;
  last.dtype = dtype;
  last.out = made(y).place;
  if (n.space != Space::elements) {  // all values of rows, or small ones, to one
    last.kind = cpu::SmallStep::Kind::rows;
    last.in = made(root(n.inputs[0])).place;
    last.count = 1;
    last.n = numel(n.inputs[0]);
  } else {
    cpu::Segment& s = segment(n);
    const cpu::Place in = elements_of(n);
    if (!r.of_rows) {
      last.kind = cpu::SmallStep::Kind::columns;
      last.count = chunks_of(s.rows, cpu::kColumnChunk);
      last.n = s.row;
      last.in = shared(last.count * s.row * bytes(y));
      s.stages[index(made(y).stage)].columns.push_back({r.kind, dtype, in, last.in});
    } else if (s.in_chunks) {
      last.kind = cpu::SmallStep::Kind::rows;
      last.count = s.rows;
      last.n = chunks_of(s.row, cpu::kReduceChunk);
      last.in = shared(last.count * last.n * bytes(y));
      s.stages[0].reductions.push_back({r.kind, dtype, in, last.in});
    } else {
      s.stages[index(made(y).stage - 1)].reductions.push_back({r.kind, dtype, in, made(y).place});
      return;
    }
  }
  open_after_ = 0;
  launch_->after.push_back(std::move(last));
}

}  // namespace duet::graph
