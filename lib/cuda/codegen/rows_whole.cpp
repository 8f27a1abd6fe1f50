// Segments whose stages go over whole rows, one after the other, each by a warp or a block.
#include "cuda/codegen/rows.h"

namespace duet::cuda {

using Kind = cpu::Place::Kind;

// The head of what each thread does: its row and its place there.
void Rows::begin_threads(bool place) {
  line(body_, "    each_thread([&](int t) {{");
  if (by_warp_) {
    line(body_, "      const i64 row = first + t / kWarp;");
    if (place) line(body_, "      const int lane = t % kWarp;");
  } else if (place) {
    line(body_, "      const int lane = t;");
  }
}

// A pass once a row: by every thread of it, then one stores.
void Rows::write_row_pass(const cpu::Pass& pass, const std::string& wanted_name) {
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
void Rows::write_column_of_warps(std::string& to, const cpu::ColumnReduction& c, Type t, const std::string& x) {
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

void Rows::write_row_elements(size_t number) {
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
    line(body_, "        for (int k = 0; k < {}; ++k) {{\n          const int e = w * 32 + k, j = e * kThreads + lane;",
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

void Rows::write_rows() {
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
    line(body_, "  each_thread([&](int t) {{\n    DUET_ROLLED\n    for (int j = t; j < {}; j += kThreads) {{", s_.row);
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

}  // namespace duet::cuda
