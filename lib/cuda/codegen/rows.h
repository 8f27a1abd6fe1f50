// A segment with rows as a function of its kernel. Short rows go by warps, longer ones by blocks; a thread has the same
// elements of a row in every stage, so what stays between stages needs no barrier: it lies in registers, or in the
// thread's own places of memory.
#pragma once

#include <functional>

#include "cuda/codegen/builder.h"

namespace duet::cuda {

constexpr int64_t kWarp = 32, kWarpRow = 1024;
constexpr int64_t kMostRegisters = 48;              // of elements, a thread
constexpr int64_t kMostShared = int64_t{32} << 10;  // bytes of elements, a block
constexpr int64_t kMostScratchBlocks = 1056;

class Rows {
 public:
  Rows(Builder& b, const cpu::Segment& s, int number);
  void write();

 private:
  // Places: where elements lie.
  struct Row {  // a value of rows that this segment made: "r3[t]"
    cpu::Place place;
    Variable value;
  };
  struct Stored {
    enum { registers, shared, scratch } in = registers;
    bool made = false;
    Type type = Type::f32, declared = Type::f32;  // what it holds now; what its registers were declared as
    int64_t bytes = 0, offset = 0;
  };
  static bool same(const cpu::Place& a, const cpu::Place& b) { return a.kind == b.kind && a.index == b.index; }
  static bool is_local(const cpu::Place& place) { return place.kind == cpu::Place::Kind::local; }
  const Row* row_value(const cpu::Place& place) const;
  Type type_of_place(const cpu::Place& place, Type wanted) const;
  bool is_read_after(size_t stage, const cpu::Place& place) const;
  int64_t column_bytes() const;
  std::string stored(const cpu::Place& place, Type type);
  std::string load_stored(const cpu::Place& place);

  // One element of a stage.
  using Column = std::function<void(std::string& to, size_t k, const std::string& x)>;
  std::string element(const cpu::Pass& pass, int source, Type type);
  std::string reduced(const cpu::Stage& stage, const Element& f, const cpu::Place& in, Type type);
  std::string element_lines(size_t number, const std::string& indent, const std::string& slot, const Column& column);
  void declare_sums(const cpu::Stage& stage);

  // A thread has a column of a chunk of rows; a block has a chunk of a row.
  void write_columns();
  void write_chunks();

  // Stages over whole rows: rows_whole.cpp.
  void begin_threads(bool place);
  void end_threads() { line(body_, "    }});"); }
  std::string lead() const { return by_warp_ ? "t % kWarp == 0" : "t == 0"; }
  void write_row_pass(const cpu::Pass& pass, const std::string& wanted_name);
  void write_column_of_warps(std::string& to, const cpu::ColumnReduction& c, Type t, const std::string& x);
  void write_row_elements(size_t number);
  void write_rows();

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

}  // namespace duet::cuda
