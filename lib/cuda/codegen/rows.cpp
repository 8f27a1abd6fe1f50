// Segments with rows. Short rows go by warps, longer ones by blocks; a thread has the same elements of a row in every
// stage, so what stays between stages needs no barrier: it lies in registers, or in the thread's own places of memory.
#include "cpu/reduce.h"
#include "cuda/codegen/builder.h"
#include "duet/core/error.h"

namespace duet::cuda {
namespace {

using Kind = cpu::Place::Kind;

constexpr int64_t kWarp = 32, kWarpRow = 1024;
constexpr int64_t kMostRegisters = 48;              // of elements, a thread
constexpr int64_t kMostShared = int64_t{32} << 10;  // bytes of elements, a block
constexpr int64_t kMostScratchBlocks = 1056;

bool same(const cpu::Place& a, const cpu::Place& b) { return a.kind == b.kind && a.index == b.index; }
std::string_view word(cpu::ReduceKind kind) {
  constexpr std::string_view kWords[] = {"kSum", "kMax", "kMin", "kProd"};
  return kWords[static_cast<int>(kind)];
}

class Rows {
 public:
  Rows(Builder& b, const cpu::Segment& s, int number)
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

  void write() {
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

 private:
  // What the columns of a chunk of rows need, until all of these rows are done.
  int64_t column_bytes() const {
    int64_t bytes = 0;
    for (const cpu::Stage& stage : s_.stages)
      for (const auto& c : stage.columns) bytes += cpu::kColumnChunk * s_.row * size_bytes(type_of(c.dtype));
    return bytes;
  }

  // --- places ---

  struct Row {  // a value of rows that this segment made: "r3[t]"
    cpu::Place place;
    Variable value;
  };
  const Row* row_value(const cpu::Place& place) const {
    for (size_t i = rows_.size(); i-- > 0;)
      if (same(rows_[i].place, place)) return &rows_[i];
    return nullptr;
  }
  bool is_local(const cpu::Place& place) const { return place.kind == Kind::local; }
  Type type_of_place(const cpu::Place& place, Type wanted) const {
    if (const Row* row = row_value(place)) return row->value.type;
    if (is_local(place)) return stored_[static_cast<size_t>(place.index)].type;
    return b_.scope().type_of_place(place, wanted);
  }

  // Whether a later stage reads a local.
  bool is_read_after(size_t stage, const cpu::Place& place) const {
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
  std::string stored(const cpu::Place& place, Type type) {
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
  std::string load_stored(const cpu::Place& place) {
    const Stored& l = stored_[static_cast<size_t>(place.index)];
    const Variable x{stored(place, l.type), l.in == Stored::registers ? l.declared : l.type};
    return as(x, l.type);
  }

  // Element (row, j) = i of an operand of a pass over elements.
  std::string element(const cpu::Pass& pass, int source, Type type) {
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
  std::string reduced(const cpu::Stage& stage, const Element& f, const cpu::Place& in, Type type) {
    for (size_t k = stage.elements.out.size(); k-- > 0;)
      if (same(stage.elements.out[k], in)) return as({fmt::format("y{}", k), f.output_types[k]}, type);
    if (is_local(in)) return load_stored(in);
    return b_.pointer(in, type) + "[i]";
  }

  // --- one element of a stage ---

  // `sum(k)` names the accumulator of reduction k, `column(k, x)` is what happens to column k's element x.
  template <class Column>
  std::string element_lines(size_t number, const std::string& indent, const std::string& slot, Column column) {
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
        line(to, "{}{} = {};", indent, home,
             as({fmt::format("y{}", k), t}, l.in == Stored::registers ? l.declared : t));
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

  // --- rows of columns alone: a thread has a column of a chunk of rows ---

  void write_columns() {
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

  // --- rows that are reduced in chunks: a block has a chunk of a row ---

  void write_chunks() {
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

  // --- stages over whole rows ---

  void declare_sums(const cpu::Stage& stage) {
    for (size_t k = 0; k < stage.reductions.size(); ++k)
      line(storage_, "  PerThread<Lanes<{}>> a{};", name(type_of(stage.reductions[k].dtype)), first_sum_ + k);
  }

  // The head of what each thread does: its row and its place there.
  void begin_threads(bool place) {
    line(body_, "    each_thread([&](int t) {{");
    if (by_warp_) {
      line(body_, "      const i64 row = first + t / kWarp;");
      if (place) line(body_, "      const int lane = t % kWarp;");
    } else if (place) {
      line(body_, "      const int lane = t;");
    }
  }
  void end_threads() { line(body_, "    }});"); }
  std::string lead() const { return by_warp_ ? "t % kWarp == 0" : "t == 0"; }

  // A pass once a row: by every thread of it, then one stores.
  void write_row_pass(const cpu::Pass& pass, const std::string& wanted_name) {
    if (pass.empty()) return;
    const Element f = b_.functions().element(
        pass, [&](const cpu::Place& p, Type wanted) { return type_of_place(p, wanted); }, wanted_name);
    std::string call, stores;
    for (size_t k = 0; k < f.sources.size(); ++k) {
      const cpu::Place& place = pass.in[static_cast<size_t>(f.sources[k])];
      if (k > 0) call += ", ";
      if (const Row* row = row_value(place))
        call += row->value.text;
      else
        call += element_text(b_.read(pass, f.sources[k], f.source_types[k]), "row");
    }
    for (size_t k = 0; k < f.output_types.size(); ++k) {
      const cpu::Place& out = pass.out[k];
      const Type t = f.output_types[k];
      const int number = row_values_++;
      line(storage_, "  PerThread<{}> r{};", name(t), number);
      rows_.push_back({out, {fmt::format("r{}[t]", number), t}});
      call += fmt::format("{}r{}[t]", call.empty() ? "" : ", ", number);
      if (is_local(out)) continue;
      if (out.kind != Kind::result) b_.scope().set_type(out, t);
      line(stores, "      {}[row] = r{}[t];", b_.pointer(out, t), number);
    }
    begin_threads(false);
    if (rows_left_over_) line(body_, "      if (row >= {}) return;", s_.rows);
    line(body_, "      {}({});", f.function, call);
    end_threads();
    if (stores.empty()) return;
    // All have read before one writes: the result may lie where an operand does.
    line(body_, "    {}();", by_warp_ ? "warp_barrier" : "barrier");
    begin_threads(false);
    if (rows_left_over_) line(body_, "      if (row >= {}) return;", s_.rows);
    line(body_, "      if ({}) {{", lead());
    body_ += stores;
    line(body_, "      }}");
    end_threads();
  }

  // Warps work on rows of a chunk at once: their elements wait for each other, and are joined in the rows' order.
  template <class Column>
  void write_column_of_warps(std::string& to, const Column& c, Type t, const std::string& x) {
    const std::string waiting = fmt::format("at<{}>(shared, {})", name(t), kThreads * 8 + shared_bytes_);
    shared_bytes_ += cpu::kColumnChunk * s_.row * size_bytes(t);
    line(to, "          {}[row % kColumnChunk * {} + j] = {};", waiting, s_.row, x);
    line(column_ends_, "        {} c{} = {}[j];", name(t), column_count_, waiting);
    line(column_ends_,
         "        DUET_ROLLED\n        for (int k = 1; k < rows; ++k) c{} = combine<{}>(c{}, {}[k * {} + j]);",
         column_count_, word(c.kind), column_count_, waiting, s_.row);
    line(column_ends_, "        {}[chunk * {} + j] = c{};", b_.pointer(c.chunks, t), s_.row, column_count_);
    ++column_count_;
  }

  void write_row_elements(size_t number) {
    const cpu::Stage& stage = s_.stages[number];
    if (stage.elements.empty() && stage.reductions.empty() && stage.columns.empty()) return;
    declare_sums(stage);
    const int64_t chunks = ceil_div(s_.row, cpu::kReduceChunk);
    const int64_t lanes = std::min<int64_t>(each_, 4);  // of the row order's 128, that a thread has
    const int64_t outer = by_warp_ ? each_ / lanes : std::min<int64_t>(each_, cpu::kReduceChunk / kThreads);
    const std::string inner =
        element_lines(number, "          ", "w", [&](std::string& to, size_t k, const std::string& x) {
          const auto& c = stage.columns[k];
          const Type t = type_of(c.dtype);
          b_.scope().set_type(c.chunks, t);
          if (by_warp_) return write_column_of_warps(to, c, t, x);
          const std::string at = fmt::format("{}[row / kColumnChunk * {} + j]", b_.pointer(c.chunks, t), s_.row);
          line(to, "          {} = row % kColumnChunk == 0 ? {} : combine<{}>({}, {});", at, x, word(c.kind), at, x);
        });
    begin_threads(true);
    for (size_t k = 0; k < stage.reductions.size(); ++k)
      line(body_, "      clear<{}>(a{}[t]);", word(stage.reductions[k].kind), first_sum_ + k);
    if (rows_left_over_) line(body_, "      if (row >= {}) return;", s_.rows);
    const bool unrolled = registers_ > 0 || outer <= 4;
    if (by_warp_) {
      line(body_, "      {}\n      for (int k = 0; k < {}; ++k)\n        DUET_UNROLL",
           unrolled ? "DUET_UNROLL" : "DUET_ROLLED", outer);
      line(body_, "        for (int w = 0; w < {}; ++w) {{\n          const int e = k * 4 + w, j = e * kWarp + lane;",
           lanes);
    } else {
      line(body_, "      DUET_UNROLL\n      for (int w = 0; w < {}; ++w)\n        {}", chunks,
           unrolled ? "DUET_UNROLL" : "DUET_ROLLED");
      line(body_,
           "        for (int k = 0; k < {}; ++k) {{\n          const int e = w * 32 + k, j = e * kThreads + lane;",
           outer);
    }
    if (outer * (by_warp_ ? lanes * kWarp : chunks * kThreads) != s_.row)
      line(body_, "          if (j >= {}) break;", s_.row);
    line(body_, "          [[maybe_unused]] const i64 i = row * {} + j;", s_.row);
    body_ += inner;
    line(body_, "        }}");
    end_threads();
    for (size_t k = 0; k < stage.reductions.size(); ++k) {
      const auto& r = stage.reductions[k];
      const Type t = type_of(r.dtype);
      const size_t sum = first_sum_ + k;
      if (by_warp_)
        line(body_, "    reduce_warps<{}>(a{});", word(r.kind), sum);
      else
        line(body_, "    reduce_block<{}, {}>(a{}, at<{}>(shared));", word(r.kind), chunks, sum, name(t));
      rows_.push_back({r.out, {fmt::format("a{}[t].v[0]", sum), t}});
      if (is_local(r.out)) continue;
      if (r.out.kind != Kind::result) b_.scope().set_type(r.out, t);
      begin_threads(false);
      line(body_, "      if ({}{}) {}[row] = a{}[t].v[0];", rows_left_over_ ? fmt::format("row < {} && ", s_.rows) : "",
           lead(), b_.pointer(r.out, t), sum);
      end_threads();
    }
    first_sum_ += stage.reductions.size();
  }

  void write_rows() {
    const int64_t count = by_warp_ ? kThreads / kWarp : 1;
    const int64_t chunks = ceil_div(s_.rows, cpu::kColumnChunk);
    if (by_warp_ && columns_) {
      line(body_, "  DUET_ROLLED\n  for (i64 chunk = mine; chunk < {}; chunk += count) {{", chunks);
      line(body_,
           "  const i64 begin = chunk * kColumnChunk, end = begin + kColumnChunk < {} ? begin + kColumnChunk : {};",
           s_.rows, s_.rows);
      line(body_, "  DUET_ROLLED\n  for (i64 first = begin; first < end; first += {}) {{", count);
      blocks_ = chunks;
    } else if (by_warp_) {
      line(body_, "  DUET_ROLLED\n  for (i64 first = mine * {}; first < {}; first += count * {}) {{", count, s_.rows,
           count);
      blocks_ = ceil_div(s_.rows, count);
    } else if (columns_) {
      // The rows of a chunk of the column order, one after the other.
      line(body_, "  DUET_ROLLED\n  for (i64 chunk = mine; chunk < {}; chunk += count)", chunks);
      line(body_,
           "  DUET_ROLLED\n  for (i64 row = chunk * kColumnChunk; row < (chunk + 1) * kColumnChunk && row < {}; ++row) "
           "{{",
           s_.rows);
      blocks_ = chunks;
    } else {
      line(body_, "  DUET_ROLLED\n  for (i64 row = mine; row < {}; row += count) {{", s_.rows);
      blocks_ = s_.rows;
    }
    for (size_t k = 0; k < s_.stages.size(); ++k) {
      write_row_pass(s_.stages[k].rows, fmt::format("{}_rows{}", function_, k));
      write_row_elements(k);
    }
    line(body_, "  }}");
    if (by_warp_ && columns_) {
      line(body_, "  barrier();\n  const int rows = static_cast<int>(end - begin);");
      line(body_, "  each_thread([&](int t) {{\n    DUET_ROLLED\n    for (int j = t; j < {}; j += kThreads) {{",
           s_.row);
      body_ += column_ends_;
      line(body_, "    }}\n  }});\n  barrier();\n  }}");
    }
    blocks_ = std::min<int64_t>(blocks_, scratch_used_ ? kMostScratchBlocks : 1 << 16);
    if (scratch_used_) {
      b_.scratch(blocks_ * scratch_bytes_);
      const std::string each = fmt::format("{}", scratch_bytes_);
      for (size_t at = body_.find("@SCRATCH@"); at != body_.npos; at = body_.find("@SCRATCH@"))
        body_.replace(at, 9, each);
    }
  }

  struct Stored {
    enum { registers, shared, scratch } in = registers;
    bool made = false;
    Type type = Type::f32, declared = Type::f32;  // what it holds now; what its registers were declared as
    int64_t bytes = 0, offset = 0;
  };

  Builder& b_;
  const cpu::Segment& s_;
  std::string function_, storage_, body_, column_ends_;
  std::vector<Stored> stored_;
  std::vector<Row> rows_;
  bool columns_ = false, reduces_ = false, only_columns_ = false, by_warp_ = false, rows_left_over_ = false,
       scratch_used_ = false;
  int64_t each_ = 0;  // elements of a row that a thread has, at most
  int64_t registers_ = 0, shared_bytes_ = 0, scratch_bytes_ = 0, blocks_ = 1;
  size_t first_sum_ = 0;
  int row_values_ = 0, column_count_ = 0;
};

}  // namespace

void add_rows(Builder& b, const cpu::Segment& segment, int number) { Rows(b, segment, number).write(); }

}  // namespace duet::cuda
