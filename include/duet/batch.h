// What vmap does to operations. Inside a vmapped function a tensor stands for one example of a batch that it hides.
// dispatch infers on examples, then asks the op's batching rule to compute on the whole batch, one level out. Tapes
// that are open around the function see batched operations alone, tapes opened inside it those on examples.
#pragma once

#include "duet/ops/record.h"

namespace duet {

/// A vmap at work.
struct BatchLevel {
  int32_t id;          // of all levels ever
  int64_t size;        // examples
  BatchLevel* parent;  // the level around it
  TapeImpl* tape;      // open around it
};

namespace batch {

int32_t new_level();
/// Enters a level for a scope; also once more, when a gradient rule needs its examples again.
class Enter {
 public:
  Enter(int32_t id, int64_t size);
  ~Enter();
  Enter(const Enter&) = delete;
  Enter& operator=(const Enter&) = delete;

 private:
  BatchLevel level_;
};
/// Steps out of the innermost level for a scope.
class Leave {
 public:
  Leave();
  ~Leave();
  Leave(const Leave&) = delete;
  Leave& operator=(const Leave&) = delete;

 private:
  BatchLevel* level_;
};

/// Whether t is an example at the innermost level.
bool hides(const Tensor& t);
/// The batch that t is an example of; t itself where it is none. For use outside of the level.
Tensor whole(const Tensor& t);
/// One example of f32[N,…] at the innermost level: f32[…].
Tensor example(const Tensor& whole);
/// The batch behind t, or t repeated to one; called inside of the level, for use outside.
Tensor whole_or_repeated(const Tensor& t);

/// Whether the block is an example of any level, and of one that is at work.
bool is_example(const Block& b);
bool is_active(const Block& b);
/// Throws the TraceError for the use of an example's elements, or of an example whose vmap is over.
[[noreturn]] void reject(std::string_view what, const Block& b);

/// What dispatch does inside a level.
Outputs dispatch_batch(const OpRecord& op, const Args& in, Attrs attrs, const Spec* specs);

}  // namespace batch
}  // namespace duet
