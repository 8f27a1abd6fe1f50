#include "cuda/codegen/rows.h"

#include "duet/core/error.h"

namespace duet::cuda {

using Kind = cpu::Place::Kind;

Rows::Rows(Builder& b, const cpu::Segment& s, int number)
    : b_(b), s_(s), function_(fmt::format("{}_segment{}", b.name(), number)), stored_(s.locals.size()) {
  for (const cpu::Stage& stage : s.stages) {
    columns_ |= !stage.columns.empty();
    reduces_ |= !stage.reductions.empty() || !stage.rows.empty();
  }
  only_columns_ = columns_ && !reduces_ && s.stages.size() == 1;
  by_warp_ = !only_columns_ && !s.in_chunks && s.row <= kWarpRow && column_bytes() <= kMostShared / 2;
  each_ = ceil_div(std::min(s.row, s.in_chunks ? cpu::kReduceChunk : s.row), by_warp_ ? kWarp : kThreads);
  if (by_warp_ && each_ > 4) each_ = ceil_div(each_, 4) * 4;
  rows_left_over_ = by_warp_ && s.rows % (kThreads / kWarp) != 0;
}

void Rows::write() {
  if (s_.rows * s_.row == 0) return;
  if (only_columns_)
    write_columns();
  else if (s_.in_chunks)
    write_chunks();
  else
    write_rows();
  b_.add_function(
      fmt::format(
          "DUET_FUSED_FN void {}(const {}_parameters& p, i64 mine, i64 count, [[maybe_unused]] double* shared) {{\n",
          function_, b_.name()) +
      storage_ + body_ + "}\n");
  b_.use_shared(kThreads * 8 + shared_bytes_);
  b_.add_segment({fmt::format("{}(p, @AT@, @COUNT@, shared)", function_), blocks_});
}

// What the columns of a chunk of rows need, until all of these rows are done.
int64_t Rows::column_bytes() const {
  int64_t bytes = 0;
  for (const cpu::Stage& stage : s_.stages)
    for (const auto& c : stage.columns) bytes += cpu::kColumnChunk * s_.row * size_bytes(type_of(c.dtype));
  return bytes;
}

const Rows::Row* Rows::row_value(const cpu::Place& place) const {
  for (size_t i = rows_.size(); i-- > 0;)
    if (same(rows_[i].place, place)) return &rows_[i];
  return nullptr;
}

Type Rows::type_of_place(const cpu::Place& place, Type wanted) const {
  if (const Row* row = row_value(place)) return row->value.type;
  if (is_local(place)) return stored_[static_cast<size_t>(place.index)].type;
  return b_.scope().type_of_place(place, wanted);
}

// Whether a later stage reads a local.
bool Rows::is_read_after(size_t stage, const cpu::Place& place) const {
  for (size_t k = stage + 1; k < s_.stages.size(); ++k) {
    const cpu::Stage& later = s_.stages[k];
    for (const cpu::Pass* pass : {&later.rows, &later.elements})
      for (const cpu::Place& in : pass->in)
        if (same(in, place)) return true;
    for (const auto& r : later.reductions)
      if (same(r.in, place)) return true;
    for (const auto& c : later.columns)
      if (same(c.in, place)) return true;
  }
  return false;
}

// Where a thread's element lies that stays for later stages: "l0[t].v[e]".
std::string Rows::stored(const cpu::Place& place, Type type) {
  Stored& l = stored_[static_cast<size_t>(place.index)];
  l.type = type;
  const int64_t bytes = size_bytes(type), count = by_warp_ ? kThreads / kWarp : 1;
  const std::string slot = by_warp_ ? fmt::format("(t / kWarp) * {} + j", s_.row) : "j";
  if (!l.made) {
    l.made = true;
    l.bytes = bytes;
    if (registers_ + each_ <= kMostRegisters) {
      l.in = Stored::registers;
      registers_ += each_;
      line(storage_, "  PerThread<Registers<{}, {}>> l{};", name(type), each_, place.index);
      l.declared = type;
    } else if (shared_bytes_ + s_.row * count * bytes <= kMostShared) {
      l.in = Stored::shared;
      l.offset = kThreads * 8 + shared_bytes_;
      shared_bytes_ += ceil_div(s_.row * count * bytes, 8) * 8;
    } else {
      l.in = Stored::scratch;
      l.offset = scratch_bytes_;
      scratch_bytes_ += ceil_div(s_.row * count * bytes, 16) * 16;
    }
  }
  DUET_INTERNAL_CHECK(l.bytes == bytes);
  if (l.in == Stored::registers) return fmt::format("l{}[t].v[e]", place.index);
  if (l.in == Stored::shared) return fmt::format("at<{}>(shared, {})[{}]", name(type), l.offset, slot);
  scratch_used_ = true;
  return fmt::format("at<{}>({}, mine * @SCRATCH@ + {})[{}]", name(type), b_.scratch(0), l.offset, slot);
}

std::string Rows::load_stored(const cpu::Place& place) {
  const Stored& l = stored_[static_cast<size_t>(place.index)];
  const Variable x{stored(place, l.type), l.in == Stored::registers ? l.declared : l.type};
  return as(x, l.type);
}

// Element (row, j) = i of an operand of a pass over elements.
std::string Rows::element(const cpu::Pass& pass, int source, Type type) {
  const cpu::Place& place = pass.in[static_cast<size_t>(source)];
  if (const Row* row = row_value(place)) return row->value.text;
  if (is_local(place)) return load_stored(place);
  const Read x = b_.read(pass, source, type);
  if (!x.number.empty()) return x.number;
  const cpu::Source& s = *x.source;
  int split = s.axes;  // axes from here on are a row
  int64_t inner = 1;
  while (split > 0 && inner < s_.row) inner *= s.extent[--split];
  if (s.dense || inner != s_.row) return element_text(x, "i");
  const std::string outer = offset_text(s, 0, split, "row"), in_row = offset_text(s, split, s.axes, "j");
  const std::string at = outer == "0" ? in_row : in_row == "0" ? outer : outer + " + " + in_row;
  if (x.counts) return fmt::format("static_cast<{}>({})", name(x.type), at);
  return fmt::format("{}[{}]", x.pointer, at);
}

// What a reduction reads of element i: made just now, or before.
std::string Rows::reduced(const cpu::Stage& stage, const Element& f, const cpu::Place& in, Type type) {
  for (size_t k = stage.elements.out.size(); k-- > 0;)
    if (same(stage.elements.out[k], in)) return as({fmt::format("y{}", k), f.output_types[k]}, type);
  if (is_local(in)) return load_stored(in);
  return b_.pointer(in, type) + "[i]";
}

// `sum(k)` names the accumulator of reduction k, `column(k, x)` is what happens to column k's element x.
std::string Rows::element_lines(size_t number, const std::string& indent, const std::string& slot,
                                const Column& column) {
  const cpu::Stage& stage = s_.stages[number];
  std::string to;
  const Element f = b_.functions().element(
      stage.elements, [&](const cpu::Place& p, Type wanted) { return type_of_place(p, wanted); },
      fmt::format("{}_stage{}", function_, number));
  std::string call;
  for (size_t k = 0; k < f.sources.size(); ++k)
    call += (k > 0 ? ", " : "") + element(stage.elements, f.sources[k], f.source_types[k]);
  for (size_t k = 0; k < f.output_types.size(); ++k) {
    line(to, "{}{} y{};", indent, name(f.output_types[k]), k);
    call += fmt::format("{}y{}", call.empty() ? "" : ", ", k);
  }
  if (!f.function.empty()) line(to, "{}{}({});", indent, f.function, call);
  for (size_t k = 0; k < f.output_types.size(); ++k) {
    const cpu::Place& out = stage.elements.out[k];
    const Type t = f.output_types[k];
    if (!is_local(out)) {
      if (out.kind != Kind::result) b_.scope().set_type(out, t);
      line(to, "{}{}[i] = y{};", indent, b_.pointer(out, t), k);
    } else if (is_read_after(number, out)) {
      const std::string home = stored(out, t);
      const Stored& l = stored_[static_cast<size_t>(out.index)];
      line(to, "{}{} = {};", indent, home, as({fmt::format("y{}", k), t}, l.in == Stored::registers ? l.declared : t));
    } else {
      stored_[static_cast<size_t>(out.index)].type = t;
    }
  }
  for (size_t k = 0; k < stage.reductions.size(); ++k) {
    const auto& r = stage.reductions[k];
    line(to, "{}a{}[t].v[{}] = combine<{}>(a{}[t].v[{}], {});", indent, first_sum_ + k, slot, word(r.kind),
         first_sum_ + k, slot, reduced(stage, f, r.in, type_of(r.dtype)));
  }
  for (size_t k = 0; k < stage.columns.size(); ++k)
    column(to, k, reduced(stage, f, stage.columns[k].in, type_of(stage.columns[k].dtype)));
  return to;
}

void Rows::declare_sums(const cpu::Stage& stage) {
  for (size_t k = 0; k < stage.reductions.size(); ++k)
    line(storage_, "  PerThread<Lanes<{}>> a{};", name(type_of(stage.reductions[k].dtype)), first_sum_ + k);
}

void Rows::write_columns() {
  const int64_t tiles = ceil_div(s_.row, kThreads), chunks = ceil_div(s_.rows, cpu::kColumnChunk);
  const auto& columns = s_.stages[0].columns;
  std::string sums, ends;
  for (size_t k = 0; k < columns.size(); ++k) {
    const Type t = type_of(columns[k].dtype);
    line(sums, "      {} c{} = identity<{}, {}>();", name(t), k, word(columns[k].kind), name(t));
    b_.scope().set_type(columns[k].chunks, t);
    line(ends, "      {}[chunk * {} + j] = c{};", b_.pointer(columns[k].chunks, t), s_.row, k);
  }
  const std::string inner = element_lines(0, "        ", "0", [&](std::string& to, size_t k, const std::string& x) {
    line(to, "        c{} = combine<{}>(c{}, {});", k, word(columns[k].kind), k, x);
  });
  line(body_, "  DUET_ROLLED\n  for (i64 unit = mine; unit < {}; unit += count) {{", tiles * chunks);
  line(body_, "    const i64 chunk = unit / {};", tiles);
  line(body_, "    each_thread([&](int t) {{\n      const i64 j = unit % {} * kThreads + t;", tiles);
  line(body_, "      if (j >= {}) return;", s_.row);
  body_ += sums;
  line(body_, "      const i64 end = (chunk + 1) * kColumnChunk < {} ? (chunk + 1) * kColumnChunk : {};", s_.rows,
       s_.rows);
  line(body_, "      for (i64 row = chunk * kColumnChunk; row < end; ++row) {{");
  line(body_, "        [[maybe_unused]] const i64 i = row * {} + j;", s_.row);
  body_ += inner;
  line(body_, "      }}");
  body_ += ends;
  line(body_, "    }});\n  }}");
  blocks_ = std::min<int64_t>(tiles * chunks, 1 << 16);
}

void Rows::write_chunks() {
  const cpu::Stage& stage = s_.stages[0];
  const int64_t chunks = ceil_div(s_.row, cpu::kReduceChunk);
  declare_sums(stage);
  line(body_, "  DUET_ROLLED\n  for (i64 unit = mine; unit < {}; unit += count) {{", s_.rows * chunks);
  line(body_, "    [[maybe_unused]] const i64 row = unit / {};", chunks);
  line(body_, "    const i64 begin = unit % {} * {};", chunks, cpu::kReduceChunk);
  line(body_, "    const i64 end = begin + {} < {} ? begin + {} : {};", cpu::kReduceChunk, s_.row, cpu::kReduceChunk,
       s_.row);
  line(body_, "    each_thread([&](int t) {{");
  for (size_t k = 0; k < stage.reductions.size(); ++k)
    line(body_, "      clear<{}>(a{}[t]);", word(stage.reductions[k].kind), k);
  line(body_, "      for (i64 j = begin + t; j < end; j += kThreads) {{");
  line(body_, "        [[maybe_unused]] const i64 i = row * {} + j;", s_.row);
  body_ += element_lines(0, "        ", "0", [](std::string&, size_t, const std::string&) {});
  line(body_, "      }}\n    }});");
  for (size_t k = 0; k < stage.reductions.size(); ++k) {
    const auto& r = stage.reductions[k];
    const Type t = type_of(r.dtype);
    if (r.out.kind == Kind::shared) b_.scope().set_type(r.out, t);
    line(body_, "    reduce_block<{}, 1>(a{}, at<{}>(shared));", word(r.kind), k, name(t));
    line(body_, "    each_thread([&](int t) {{\n      if (t == 0) {}[unit] = a{}[t].v[0];\n    }});",
         b_.pointer(r.out, t), k);
  }
  line(body_, "  }}");
  blocks_ = std::min<int64_t>(s_.rows * chunks, 1 << 16);
}

void add_rows(Builder& b, const cpu::Segment& segment, int number) { Rows(b, segment, number).write(); }

}  // namespace duet::cuda
