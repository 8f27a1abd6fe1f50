// Machine code for tile programs: values stay in registers from one step to the next. Same bits as the tile executor,
// which runs what the JIT leaves: programs of other types than f32 and masks, and everything where there is no xbyak,
// no x86-64 with AVX2, or no executable memory.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cpu/tiles.h"

namespace duet::cpu::jit {

/// Where a stream of elements begins, and how many bytes it goes on from row to row.
struct Stream {
  char* at;
  int64_t step;
};

/// The code of lists of instructions; shared by all programs that are the same lists.
class Code {
 public:
  /// Runs `rows` rows of `n` elements. One stream for each source, then one for each output, which the call moves on.
  using Fn = void (*)(Stream* streams, int64_t rows, int64_t n);

  Code(const void* code, size_t bytes, size_t entry, std::string key)
      : code_(code), bytes_(bytes), entry_(entry), key_(std::move(key)) {}
  ~Code();
  Code(const Code&) = delete;
  void operator()(Stream* streams, int64_t rows, int64_t n) const {
    reinterpret_cast<Fn>(reinterpret_cast<uintptr_t>(code_) + entry_)(streams, rows, n);
  }
  size_t bytes() const { return bytes_; }

 private:
  const void* code_;
  size_t bytes_, entry_;
  std::string key_;  // under which others find it
};

/// The code of something whose results may lie anywhere, and another one where there are results that are better
/// written past the caches: for those on a cache line's boundary that are in no operand's place.
struct Codes {
  std::shared_ptr<const Code> any, past;
  size_t bytes() const { return (any != nullptr ? any->bytes() : 0) + (past != nullptr ? past->bytes() : 0); }
};
/// Whether a result may be written past the caches, in rows of so many bytes.
bool may_go_past(const void* result, int64_t row_bytes);

/// A block of a matrix: elements first + i * row + j of it, i < rows and j < cols. One operand may lie apart, as such a
/// block alone.
struct Block {
  int64_t first, rows, cols, row;
  const void* apart = nullptr;  // where the matrix would begin, were the block in its place
  int64_t apart_row = 0;        // elements from row to row
};

/// A program's code, and how its operands lie.
class Kernel {
 public:
  Kernel() = default;
  /// Compiles; empty when the tile executor has to run the program: `reason` then says why. Outputs that are `past` are
  /// better written past the caches.
  Kernel(const TileProgram& program, std::span<const char> past, std::string& reason);

  explicit operator bool() const { return codes_.any != nullptr; }
  /// As run_tiles.
  void run(const TileProgram& program, const void* const* data, void* const* out, int64_t begin, int64_t n) const;
  /// All rows of a block in one call; false where they have to be run one by one.
  bool run_block(const TileProgram& program, const void* const* data, void* const* out, const Block& block) const;
  size_t code_bytes() const { return codes_.bytes(); }

 private:
  void run_rows(const TileProgram& program, const void* const* data, void* const* out, int64_t begin, int64_t n,
                char* gathered, int64_t gathered_from) const;

  Codes codes_;
  int64_t row_ = 0;             // elements between which no operand jumps; 0: all
  int64_t rows_in_step_ = 0;    // rows between which all operands move on evenly; 0: all
  std::vector<char> past_;      // by output
  std::vector<char> gathered_;  // by source: copied first, its elements lie otherwise
  bool gathers_ = false;
};

/// Where the operand's element is that belongs to a place of the space.
int64_t offset_of(const Source& source, int64_t place);

struct List;
/// Code that runs the lists one after the other for each row; made now, or the same as was made before. `reason` says
/// why there is none. Leaves the lists simplified.
Codes compile(std::span<List> lists, std::string& reason);
/// Why nothing can be compiled now; empty when it can.
std::string_view no_compiler();

/// Whether new programs are compiled: not when DUET_JIT=0.
bool enabled();
void set_enabled(bool on);
/// Kernels alive, for tests.
size_t codes();

}  // namespace duet::cpu::jit
