// Fused kernels: tile programs over the elements and over the rows of one or several spaces, with the reductions
// between them. A block of rows goes through all stages while it is in the nearest caches.
#pragma once

#include "cpu/jit/rows.h"

namespace duet::cpu {

/// A tile program and where its operands are, by the program's sources and outputs.
struct Pass {
  TileProgram program;
  std::vector<Place> in, out;
  jit::Kernel code;     // of the program; the tile executor runs it where there is none,
  std::string no_code;  // for this reason
  /// When the program is whole: lets temporaries share storage, and compiles it.
  void finish();
  bool empty() const { return program.steps.empty(); }
};

/// out[r] = the reduction of the elements of row r.
struct RowReduction {
  ReduceKind kind;
  DType dtype;
  Place in, out;
};
/// The reduction over rows, as far as one chunk of kColumnChunk rows goes: chunks[c * row + i].
struct ColumnReduction {
  ReduceKind kind;
  DType dtype;
  Place in, chunks;
};

/// What a block of rows goes through: a pass over its rows, one over its elements, and what they are reduced to.
struct Stage {
  Pass rows, elements;
  std::vector<RowReduction> reductions;
  std::vector<ColumnReduction> columns;
};

/// Storage for the rows of a block, or for their elements.
struct Local {
  int bytes = 4;  // of one element
  bool of_rows = false;
};

/// A space of rows and what is computed over it. Without reductions it is only elements, cut anywhere.
struct Segment {
  int64_t rows = 1, row = 0;
  /// Rows too long for a block: each is reduced in chunks of kReduceChunk, whose results are out[r * chunks + c]. One
  /// stage, no pass over rows.
  bool in_chunks = false;
  std::vector<Stage> stages;
  std::vector<Local> locals;

  jit::RowKernel code;  // of all stages; without it the passes run by themselves
  /// When all passes are whole: compiles the segment, or its passes.
  void finish();

  /// How a run is cut, which follows from the above: cut() fills it.
  bool only_elements = true;
  int64_t work = 0;   // in instructions on one element, memory counted in
  int64_t units = 0;  // that threads share: tiles, chunks of rows, or runs of unit_rows
  int64_t unit_rows = 1, block_rows = 1;
  void cut();
};

/// What one thread does before all segments or after them.
struct SmallStep {
  enum class Kind : uint8_t {
    pass,     // over its whole space
    rows,     // out[r] = the reduction of `n` elements in[r*n…], r < count
    columns,  // out[i] = the chunks in[c*n + i], c < count, joined; overwrites them
  } kind = Kind::pass;
  Pass pass;
  ReduceKind reduce = ReduceKind::sum;
  DType dtype = DType::f32;
  Place in, out;
  int64_t count = 0, n = 0;
};

/// Elements [begin, begin + n) of a pass, on this thread.
void run_pass(const Pass& pass, const Tables& tables, int64_t begin, int64_t n);
/// Over a block of a matrix in one call; false where its rows have to be run one by one.
bool run_block(const Pass& pass, const Tables& tables, const jit::Block& block);
void run_step(const SmallStep& step, const Tables& tables);
/// On several threads where that pays.
void run_segments(std::span<const Segment> segments, const Tables& tables);

/// Results of so many bytes are not in a cache any more when the program reads them, as far as one can know.
inline constexpr int64_t kPastCaches = int64_t{32} << 20;
/// Elements of a block of rows, about.
inline constexpr int64_t kBlockElements = 2048;

}  // namespace duet::cpu
