// Recording: what dispatch does inside a compiled function. Recorded values have pending blocks; the trace holds
// exactly one reference to each, so a block with more is held by somebody outside and becomes an output when the
// segment ends.
#pragma once

#include "duet/graph/graph.h"
#include "duet/tree.h"

namespace duet::graph {

class PlanCache;
class Plan;

/// A C++ number as a trace keeps it.
struct TracedNumber {
  Number8 value;
  DType dtype;
  Operand::Kind kind;
  double float_value;  // as written
  Line line;
};

/// One recorded operation, beside the key.
struct Mark {
  const OpRecord* op;
  Line line;
  size_t first_word;
};

/// Which tensor of a call's arguments, or of its result, a block is.
struct LeafPosition {
  const Block* block;
  int argument, leaf;
};
/// The tensors of a call; asked for when a plan is made.
struct Positions {
  std::vector<LeafPosition> arguments;         // as they were given
  std::vector<LeafPosition> rebound, results;  // as they are now
  bool ended = false;                          // the function has returned: this is no split
};
/// Appends the positions of an argument's tensors.
template <class A>
void add_positions(const A& arg, int argument, std::vector<LeafPosition>& out) {
  if constexpr (tree::is_tree<A>()) {
    int leaf = 0;
    for_each_leaf(arg, [&](const Tensor& t) {
      if (t.defined()) out.push_back({&t.block(), argument, std::is_same_v<A, Tensor> ? -1 : leaf});
      ++leaf;
    });
  }
}

class Trace {
 public:
  Trace() = default;
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  Outputs record(const OpRecord& op, const Args& in, Attrs attrs, const Spec* specs);

  /// Runs what was recorded so far, so that pending values held outside exist; recording goes on in a new segment.
  void split(const char* why);
  /// Runs the last segment.
  void finish();
  /// An exception ended the function: values that do not exist yet never will.
  void abandon() noexcept;

  /// Begins a recording. Freezing records without running: a split is refused.
  void begin(PlanCache& cache, bool may_split = true);
  /// A handle that the caller keeps to undo a failed call: it does not count as an owner of its block.
  void discount(const Tensor& t) {
    if (t.defined()) discounted_.push_back(&t.block());
  }

  /// `positions(out)` fills in the call's tensors; it is asked only when a plan is made, and outlives the recording.
  template <class P>
  void name_slots(const P& positions) {
    positions_ = &positions;
    ask_positions_ = [](const void* p, Positions& out) { (*static_cast<const P*>(p))(out); };
  }
  Positions positions() const {
    Positions all;
    if (positions_ != nullptr) ask_positions_(positions_, all);
    return all;
  }

  /// Recomputed operations are a region of their own, which cse leaves apart; gives the one to come back to.
  uint32_t enter_region() { return std::exchange(region_, ++regions_); }
  void leave_region(uint32_t outer) { region_ = outer; }

  // What freeze and explain look at.
  const std::vector<uint64_t>& words() const { return words_; }
  const std::vector<Mark>& marks() const { return marks_; }
  const std::vector<Block*>& slots() const { return slots_; }
  const std::vector<TracedNumber>& numbers() const { return numbers_; }
  const std::vector<Block*>& pending() const { return pending_; }
  /// How many segments of this call ran before the one being recorded.
  int segment() const { return segment_; }
  /// The line of the operation that made a recorded value.
  Line line_of(int output) const;
  /// Pending outputs held outside the trace, in order; completes the key with them.
  std::vector<int> seal();
  /// The graph that the words mean.
  Graph decode(const std::vector<int>& outputs) const;

 private:
  int slot_of(Block* b, uint64_t id, std::vector<uint64_t>& spec_words);
  int find_slot(const Block* b) const;
  size_t place_of(const Block* b) const;
  void fill_table(size_t size);
  void run_segment(bool last);
  void drop() noexcept;

  PlanCache* cache_ = nullptr;
  std::vector<uint64_t> words_;  // the key: ops, attributes, operands, specs of slots, kinds of numbers, outputs
  std::vector<Mark> marks_;
  std::vector<Block*> pending_;  // by output number, one reference each
  std::vector<Block*> slots_;    // one reference each
  std::vector<uint64_t> ids_;    // of their values
  std::vector<TracedNumber> numbers_;
  std::vector<std::pair<Block*, int>> table_;  // slots by block, open addressing
  std::vector<const Block*> discounted_;
  const void* positions_ = nullptr;
  void (*ask_positions_)(const void*, Positions&) = nullptr;
  bool may_split_ = true;
  // What a run is given; kept for the next one.
  std::vector<Block*> results_;
  std::vector<int> kept_;
  std::vector<uint8_t> donated_;
  std::vector<Number8> values_;
  int segment_ = 0;
  Device device_ = {};  // of the segment's tensors
  uint32_t region_ = 0, regions_ = 0;
};

/// Records for a scope: dispatch finds the trace in the thread's state. Abandoned unless finished.
class Recording {
 public:
  explicit Recording(PlanCache& cache, bool may_split = true);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  Trace& trace() { return *trace_; }
  /// Runs the last segment and ends the recording.
  void finish();
  /// Ends the recording without running: the trace is looked at, then abandoned.
  void stop() { thread_state.trace = nullptr; }

 private:
  std::unique_ptr<Trace> trace_;
};

/// Throws the TraceError for a pending block that is not this thread's trace's: another thread records it, or its trace
/// died.
[[noreturn]] void reject_foreign(std::string_view what, const Block& b);

}  // namespace duet::graph
