// Machine code for all stages of a segment: a row goes through them while it is in the nearest cache, and what it is
// reduced to is summed up as its elements are made.
#pragma once

#include "cpu/jit/jit.h"
#include "cpu/place.h"

namespace duet::cpu {
struct Segment;
}

namespace duet::cpu::jit {

/// An operand or a result of a segment's code, as its rows go on.
struct RowStream {
  Place place;
  Source source;             // how its elements follow the rows, or the rows' elements
  int64_t unit = 1;          // of those, in a row
  int64_t step = 0;          // bytes from row to row
  int64_t rows_in_step = 0;  // rows between which that is so; 0: all
  bool chunks = false;       // a chunk's columns: a row of them for each chunk of rows
};

class RowKernel {
 public:
  /// Rows shorter than this are left to kernels that take many at once.
  static constexpr int64_t kLeastRow = 64;

  RowKernel() = default;
  /// Compiles; empty when the segment's passes have to run by themselves: `reason` then says why.
  RowKernel(const Segment& segment, std::string& reason);

  explicit operator bool() const { return codes_.any != nullptr; }
  /// Rows [begin, end); with columns, `begin` is the first of a chunk.
  void run(const Tables& tables, int64_t begin, int64_t end) const;
  size_t code_bytes() const { return codes_.bytes(); }

 private:
  Codes codes_;
  std::vector<RowStream> streams_;
  std::vector<int64_t> locals_;                        // where each begins in a thread's storage
  int64_t local_bytes_ = 0, row_ = 0, rows_ = 0;       // rows_: that can go by together
  std::vector<std::pair<size_t, ReduceKind>> chunks_;  // streams of columns
};

}  // namespace duet::cpu::jit
