// Where in the user's program an operation was called, and the thread's own state.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace duet {

namespace graph {
class Trace;
}
class TapeImpl;
struct BatchLevel;

/// A place in the user's code. `grad_of`: the operation is the gradient of the one called there.
struct Line {
  const char* file = nullptr;
  uint32_t line = 0;
  bool grad_of = false;

  constexpr Line() = default;
  constexpr Line(const std::source_location& l) : file(l.line() != 0 ? l.file_name() : nullptr), line(l.line()) {}
};

std::string to_string(const Line& line);  // "mlp.cpp:8", "grad of mlp.cpp:8", "" when unknown

/// Everything duet keeps for a thread, in one place: what dispatch looks at on every call.
struct ThreadState {
  Line line;                         // of the running operation; file is null outside of one
  graph::Trace* trace = nullptr;     // set while a compiled function records
  TapeImpl* tape = nullptr;          // innermost open tape; each knows its parent
  BatchLevel* batch = nullptr;       // innermost vmap; each knows the one around it
  std::string_view op;               // the operation that makes its results, for reports of memory
  int8_t device = -2;                // the default device of a DeviceScope; -2: the process's
  uint8_t autocast = 0;              // the DType of an Autocast; f32, which is 0: none
  uint64_t next_id = 0, end_id = 0;  // value ids: unique among threads, contiguous within one
  uint64_t dispatches = 0;           // operations dispatched, for tests and tables
  uint64_t launches = 0;             // kernels run
  uint64_t bytes = 0;                // bytes those kernels read and wrote, modelled from shapes
};
extern constinit thread_local ThreadState thread_state;

/// The value ids of n new values, consecutive.
uint64_t fresh_ids(int n);

/// Names the user's line for the operations inside a composite; the outermost scope wins.
class LineScope {
 public:
  explicit LineScope(const Line& line) : outermost_(thread_state.line.file == nullptr) {
    if (outermost_) thread_state.line = line;
  }
  ~LineScope() {
    if (outermost_) thread_state.line = Line();
  }
  LineScope(const LineScope&) = delete;
  LineScope& operator=(const LineScope&) = delete;

 private:
  bool outermost_;
};

/// Replaces the line, whatever it was: backward operations carry the line of the operation they differentiate.
class LineOverride {
 public:
  explicit LineOverride(const Line& line) : saved_(thread_state.line) { thread_state.line = line; }
  ~LineOverride() { thread_state.line = saved_; }
  LineOverride(const LineOverride&) = delete;
  LineOverride& operator=(const LineOverride&) = delete;

 private:
  Line saved_;
};

}  // namespace duet
