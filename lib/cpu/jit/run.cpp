// How code is called: with the streams of a run of rows that move on evenly.
#include <algorithm>

#include "cpu/jit/jit.h"
#include "cpu/scratch.h"

namespace duet::cpu::jit {

int64_t offset_of(const cpu::Source& s, int64_t place) {
  int64_t offset = 0;
  for (int a = s.axes - 1; a > 0; --a) {
    offset += place % s.extent[a] * s.stride[a];
    place /= s.extent[a];
  }
  return offset + place * s.stride[0];
}

void Kernel::run(const TileProgram& program, const void* const* data, void* const* out, int64_t begin,
                 int64_t n) const {
  if (!gathers_) return run_rows(program, data, out, begin, n, nullptr, 0);
  char* const slots = tile_scratch(program.sources.size() * static_cast<size_t>(kTile) * 4);
  for (const int64_t end = begin + n; begin < end; begin += kTile) {
    const int64_t here = std::min(kTile, end - begin);
    for (size_t k = 0; k < program.sources.size(); ++k)
      if (gathered_[k]) gather(program.sources[k], data[k], begin, here, slots + k * static_cast<size_t>(kTile) * 4);
    run_rows(program, data, out, begin, here, slots, begin);
  }
}

void Kernel::run_rows(const TileProgram& program, const void* const* data, void* const* out, int64_t begin, int64_t n,
                      char* gathered, int64_t gathered_from) const {
  const size_t sources = program.sources.size(), outputs = program.output_bytes.size();
  thread_local std::vector<Stream> streams;
  streams.resize(sources + outputs);
  for (const int64_t end = begin + n; begin < end;) {
    // The rest of a row, or as many whole rows as there are.
    int64_t rows = 1, row = end - begin;
    if (row_ != 0) {
      const int64_t in_row = begin == 0 ? 0 : begin % row_;
      if (in_row != 0 || row < row_) {
        row = std::min(row, row_ - in_row);
      } else {
        rows = row / row_;
        row = row_;
        if (rows_in_step_ != 0) rows = std::min(rows, rows_in_step_ - begin / row_ % rows_in_step_);
      }
    }
    for (size_t k = 0; k < sources; ++k) {
      const Source& s = program.sources[k];
      Stream& stream = streams[k];
      const int64_t bytes = s.bytes;
      if (gathered_[k]) {
        stream = {gathered + k * static_cast<size_t>(kTile) * 4 + (begin - gathered_from) * bytes, row * bytes};
        continue;
      }
      auto* base = static_cast<char*>(const_cast<void*>(data[k]));
      if (s.single || s.constant != nullptr)
        stream = {base, 0};
      else if (s.dense)
        stream = {base + begin * bytes, row * bytes};
      else
        stream = {base + offset_of(s, begin) * bytes, (s.axes > 1 ? s.stride[s.axes - 2] : 0) * bytes};
    }
    bool past = codes_.past != nullptr;
    for (size_t k = 0; k < outputs; ++k) {
      const int64_t bytes = program.output_bytes[k];
      streams[sources + k] = {static_cast<char*>(out[k]) + begin * bytes, row * bytes};
      if (!past || !past_[k]) continue;
      past = may_go_past(streams[sources + k].at, rows == 1 ? 0 : row * bytes);
      for (size_t s = 0; s < sources; ++s) past &= data[s] != out[k];
    }
    (past ? *codes_.past : *codes_.any)(streams.data(), rows, row);
    begin += rows * row;
  }
}

bool Kernel::run_block(const TileProgram& program, const void* const* data, void* const* out, const Block& b) const {
  if (gathers_ || (row_ != 0 && row_ != b.row)) return false;
  if (rows_in_step_ != 0 && b.first / b.row % rows_in_step_ + b.rows > rows_in_step_) return false;
  const size_t sources = program.sources.size(), outputs = program.output_bytes.size();
  thread_local std::vector<Stream> streams;
  streams.resize(sources + outputs);
  for (size_t k = 0; k < sources; ++k) {
    const Source& s = program.sources[k];
    const int64_t bytes = s.bytes;
    auto* base = static_cast<char*>(const_cast<void*>(data[k]));
    if (s.single || s.constant != nullptr)
      streams[k] = {base, 0};
    else if (s.dense)
      streams[k] = {base + b.first * bytes, (data[k] == b.apart ? b.apart_row : b.row) * bytes};
    else
      streams[k] = {base + offset_of(s, b.first) * bytes, (s.axes > 1 ? s.stride[s.axes - 2] : 0) * bytes};
  }
  bool past = codes_.past != nullptr;
  for (size_t k = 0; k < outputs; ++k) {
    const int64_t bytes = program.output_bytes[k];
    streams[sources + k] = {static_cast<char*>(out[k]) + b.first * bytes, b.row * bytes};
    if (!past || !past_[k]) continue;
    past = may_go_past(streams[sources + k].at, b.row * bytes);
    for (size_t s = 0; s < sources; ++s) past &= data[s] != out[k];
  }
  (past ? *codes_.past : *codes_.any)(streams.data(), b.rows, b.cols);
  return true;
}

}  // namespace duet::cpu::jit
