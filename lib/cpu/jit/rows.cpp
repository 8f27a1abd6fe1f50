#include "cpu/jit/rows.h"

#include <algorithm>
#include <limits>

#include "cpu/jit/list.h"
#include "cpu/scratch.h"
#include "cpu/segments.h"

namespace duet::cpu::jit {
namespace {

// From the stages of a segment to a list each, and the streams they share.
class RowLists {
 public:
  explicit RowLists(const Segment& segment) : segment_(segment) {}

  std::vector<List> lists;
  std::vector<RowStream> loads, stores;

  bool run(std::string& reason) {
    for (const Stage& stage : segment_.stages)
      if (!add(stage, reason)) return false;
    for (List& list : lists) {
      list.sources = static_cast<int>(loads.size());
      list.outputs = static_cast<int>(stores.size());
      list.uniform = uniform_;
      list.of_row = of_row_;
      list.ahead.assign(loads.size(), 0);
      for (const RowStream& s : stores) list.past.push_back(s.place.past && s.unit != 1);
    }
    fetch_ahead();
    drop_unread();
    return true;
  }

 private:
  bool add(const Stage& stage, std::string& reason) {
    List& list = lists.emplace_back();
    Builder builder(list);
    made_.clear();
    if (!add(builder, stage.rows, 1, reason) || !add(builder, stage.elements, segment_.row, reason)) return false;
    for (const RowReduction& r : stage.reductions) {
      const int value = elements_at(builder, r.in, r.dtype, reason);
      if (value < 0) return false;
      const auto output = static_cast<uint32_t>(store(r.out, 4, 1));
      list.nodes.push_back({Op::reduce, value, -1, -1, reduction(output, r.kind)});
    }
    for (const ColumnReduction& c : stage.columns) {
      const int value = elements_at(builder, c.in, c.dtype, reason);
      if (value < 0) return false;
      RowStream s;
      s.place = c.chunks;
      s.source.dense = s.chunks = true;
      s.unit = segment_.row;
      loads.push_back(s);
      uniform_.push_back(0);
      const int sum = builder.add(Op::load, -1, -1, -1, static_cast<uint32_t>(loads.size() - 1));
      list.nodes.push_back({Op::column, value, sum, -1, reduction(0, c.kind)});
    }
    return true;
  }

  bool add(Builder& builder, const Pass& pass, int64_t unit, std::string& reason) {
    if (pass.empty()) return true;
    const TileProgram& program = pass.program;
    std::vector<Operand> operands(program.sources.size());
    for (size_t k = 0; k < operands.size(); ++k) {
      if (program.sources[k].constant != nullptr) continue;
      operands[k].value = made_before(pass.in[k], program.sources[k], unit);
      if (operands[k].value >= 0) continue;
      operands[k].source = load(pass.in[k], program.sources[k], unit);
      if (operands[k].source >= 0) continue;
      reason = "an operand that does not lie in the rows";
      return false;
    }
    std::vector<int> outputs(program.output_bytes.size()), made;
    for (size_t k = 0; k < outputs.size(); ++k) outputs[k] = store(pass.out[k], program.output_bytes[k], unit);
    if (!append(builder, program, operands, outputs, made, reason)) return false;
    for (size_t k = 0; k < outputs.size(); ++k) made_.push_back({pass.out[k], made[k], unit});
    return true;
  }

  // What this stage made of the rows, read by its elements: no need to look into memory.
  int made_before(const Place& place, const Source& source, int64_t unit) const {
    for (const Made& m : made_) {
      RowStream s;
      bool uniform = false;
      if (m.place == place && m.unit == 1 && unit != 1 && follows(source, unit, s, uniform) && uniform &&
          (s.step == source.bytes || segment_.rows == 1))
        return m.value;
    }
    return -1;
  }

  // The elements that a reduction reads.
  int elements_at(Builder& builder, const Place& place, DType dtype, std::string& reason) {
    if (dtype != DType::f32) {
      reason = "a reduction of " + std::string(name(dtype));
      return -1;
    }
    for (const Made& m : made_)
      if (m.place == place && m.unit != 1) return m.value;
    Source dense;
    dense.dense = true;
    return builder.add(Op::load, -1, -1, -1, static_cast<uint32_t>(load(place, dense, segment_.row)));
  }

  // How a source goes on from row to row; false when it does not do so evenly.
  bool follows(const Source& s, int64_t unit, RowStream& out, bool& uniform) const {
    uniform = s.single || unit == 1;
    if (s.single) return true;
    if (s.dense) {
      out.step = unit * s.bytes;
      return true;
    }
    const int last = s.axes - 1;
    const int64_t extent = s.extent[last], stride = s.stride[last];
    if (extent % unit != 0 || (unit != 1 && stride != 0 && stride != 1)) return false;
    uniform |= stride == 0;
    if (extent == unit && unit != 1) {
      out.step = s.axes > 1 ? s.stride[last - 1] * s.bytes : 0;
      out.rows_in_step = s.axes > 2 ? s.extent[last - 1] : 0;
    } else {
      out.step = stride * unit * s.bytes;
      out.rows_in_step = s.axes > 1 ? extent / unit : 0;
    }
    return true;
  }

  int load(const Place& place, const Source& source, int64_t unit) {
    RowStream s;
    bool uniform = false;
    if (!follows(source, unit, s, uniform)) return -1;
    s.place = place;
    s.source = source;
    s.unit = unit;
    if (place.kind == Place::Kind::local) {  // a row's own storage
      const Local& local = segment_.locals[static_cast<size_t>(place.index)];
      const int64_t step = local.of_rows ? source.bytes : segment_.row * source.bytes;
      if (place.offset != 0 || uniform != local.of_rows || (s.step != step && segment_.rows != 1)) return -1;
      s.step = s.rows_in_step = 0;
    }
    for (size_t k = 0; k < loads.size(); ++k) {
      const RowStream& t = loads[k];
      if (t.place != place || t.unit != unit || t.source.bytes != source.bytes) continue;
      if (t.source.dense && source.dense) return static_cast<int>(k);
      if (t.source.dense == source.dense && t.source.axes == source.axes &&
          std::equal(t.source.extent, t.source.extent + source.axes, source.extent) &&
          std::equal(t.source.stride, t.source.stride + source.axes, source.stride))
        return static_cast<int>(k);
    }
    loads.push_back(s);
    uniform_.push_back(uniform);
    return static_cast<int>(loads.size() - 1);
  }

  int store(const Place& place, int bytes, int64_t unit) {
    RowStream s;
    s.place = place;
    s.source.bytes = static_cast<uint8_t>(bytes);
    s.source.dense = true;
    s.unit = unit;
    s.step = place.kind == Place::Kind::local ? 0 : unit * bytes;
    stores.push_back(s);
    of_row_.push_back(unit == 1);
    return static_cast<int>(stores.size() - 1);
  }

  // The next row comes while a stage computes that has this one in the nearest cache, and so does what a later stage
  // writes, unless it goes past the caches. Each stage gets its share.
  void fetch_ahead() {
    for (List& list : lists) list.claim.assign(stores.size(), 0);
    if (segment_.row > kReduceChunk) return;  // two rows would not stay in the nearest caches
    std::vector<int> fetches(lists.size(), 0);
    auto least = [&](size_t first, size_t end) {
      const auto begin = fetches.begin();
      const auto at =
          std::min_element(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(end));
      ++*at;
      return static_cast<size_t>(at - begin);
    };
    for (size_t k = 1; k < lists.size(); ++k)
      for (const Instruction& x : lists[k].nodes)
        if (x.op == Op::store && !of_row_[x.imm] && stores[x.imm].step != 0) lists[least(0, k)].claim[x.imm] = 1;
    std::vector<char> here(loads.size(), 0);
    for (size_t k = 0; k + 1 < lists.size(); ++k)
      for (const Instruction& x : lists[k].nodes) {
        if (x.op != Op::load || uniform_[x.imm] || here[x.imm] || loads[x.imm].step == 0) continue;
        here[x.imm] = 1;
        lists[least(k + 1, lists.size())].ahead[x.imm] = 1;
      }
  }

  // Elements that are only reduced need no storage.
  void drop_unread() {
    std::vector<char> read(segment_.locals.size(), 0);  // by what comes later, before it is written anew
    auto each_local = [&](List& list, const std::vector<RowStream>& streams, bool stores, auto f) {
      for (Instruction& x : list.nodes) {
        if (stores ? !is_store(x.op) || is_reduction(x.op) : !is_load(x.op)) continue;
        if (const Place& p = streams[x.imm].place; p.kind == Place::Kind::local)
          f(x, read[static_cast<size_t>(p.index)]);
      }
    };
    for (size_t k = lists.size(); k-- > 0;) {
      List& list = lists[k];
      each_local(list, this->stores, true, [](Instruction& x, char needed) {
        if (!needed) x = {Op::constant};
      });
      each_local(list, this->stores, true, [](Instruction&, char& needed) { needed = 0; });
      each_local(list, loads, false, [](Instruction&, char& needed) { needed = 1; });
    }
  }

  struct Made {
    Place place;
    int value;
    int64_t unit;
  };
  const Segment& segment_;
  std::vector<char> uniform_, of_row_;
  std::vector<Made> made_;  // in this stage
};

float identity(ReduceKind kind) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return kind == ReduceKind::sum    ? -0.0f
         : kind == ReduceKind::prod ? 1.0f
         : kind == ReduceKind::max  ? -kInfinity
                                    : kInfinity;
}

}  // namespace

RowKernel::RowKernel(const Segment& segment, std::string& reason) : row_(segment.row) {
  reason = no_compiler();
  if (!reason.empty()) return;
  bool reduces = false;
  for (const Stage& stage : segment.stages) reduces |= !stage.reductions.empty();
  if (segment.only_elements || segment.in_chunks || row_ < kLeastRow || (reduces && row_ > kReduceChunk)) {
    reason = "rows of another length";
    return;
  }
  RowLists lists(segment);
  if (!lists.run(reason)) return;
  for (const Local& l : segment.locals) {
    locals_.push_back(local_bytes_);
    local_bytes_ += ((l.of_rows ? 1 : row_) * l.bytes + 63) / 64 * 64;
  }
  streams_ = std::move(lists.loads);
  streams_.insert(streams_.end(), lists.stores.begin(), lists.stores.end());
  rows_ = std::numeric_limits<int64_t>::max();
  for (const Stage& stage : segment.stages)
    for (const ColumnReduction& c : stage.columns) {
      rows_ = kColumnChunk;
      for (size_t k = 0; k < streams_.size(); ++k)
        if (streams_[k].chunks && streams_[k].place == c.chunks) chunks_.emplace_back(k, c.kind);
    }
  codes_ = compile(lists.lists, reason);
}

void RowKernel::run(const Tables& tables, int64_t begin, int64_t end) const {
  thread_local std::vector<jit::Stream> streams;
  streams.resize(streams_.size());
  auto* local = static_cast<char*>(thread_scratch(local_bytes_));
  auto first = [&](const RowStream& s, int64_t row) {
    const Place& p = s.place;
    char* base = nullptr;
    switch (p.kind) {
      case Place::Kind::source:
        base = static_cast<char*>(const_cast<void*>(tables.sources[p.index]));
        break;
      case Place::Kind::result:
        base = static_cast<char*>(tables.results[p.index]);
        break;
      case Place::Kind::shared:
        base = static_cast<char*>(tables.shared[p.index]);
        break;
      case Place::Kind::local:
        return local + locals_[static_cast<size_t>(p.index)];
    }
    if (s.chunks) return base + row / kColumnChunk * row_ * s.source.bytes;
    if (s.source.dense) return base + p.offset + row * s.step;
    return base + p.offset + (s.source.single ? 0 : offset_of(s.source, row * s.unit) * s.source.bytes);
  };
  while (begin < end) {
    int64_t rows = std::min(end - begin, rows_ - begin % rows_);
    for (size_t k = 0; k < streams_.size(); ++k) {
      const RowStream& s = streams_[k];
      if (s.rows_in_step != 0) rows = std::min(rows, s.rows_in_step - begin % s.rows_in_step);
      streams[k] = {first(s, begin), s.step};
    }
    if (begin % kColumnChunk == 0)
      for (const auto& [k, kind] : chunks_) std::fill_n(reinterpret_cast<float*>(streams[k].at), row_, identity(kind));
    bool past = codes_.past != nullptr;
    for (size_t k = 0; past && k < streams_.size(); ++k)
      if (streams_[k].place.past && streams_[k].unit != 1) {
        past = may_go_past(streams[k].at, row_ * streams_[k].source.bytes);
        for (size_t j = 0; j < k; ++j)
          past &= streams_[j].place.kind != Place::Kind::source || streams[j].at != streams[k].at;
      }
    (past ? *codes_.past : *codes_.any)(streams.data(), rows, row_);
    begin += rows;
  }
}

}  // namespace duet::cpu::jit
