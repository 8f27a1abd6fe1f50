// What a batching rule sees.
#pragma once

#include "duet/batch.h"
#include "duet/grad.h"

namespace duet {

/// One operation inside of a vmap: operands and results as they are for one example. Rules run one level out.
struct BatchCall {
  const OpRecord& op;
  const Args& in;
  Attrs attrs;
  const Spec* specs;  // of the results
  int32_t level;
  int64_t size;  // examples

  /// Whether operand i differs from example to example.
  bool is_batch(int i) const;
  /// Operand i with the batch as its first axis; as it is when every example has the same.
  Tensor whole(int i) const { return batch::whole(*in[i].tensor); }
  /// The same, repeated to a batch when every example has the same.
  Tensor leading(int i) const;
  /// whole(i), with axes of extent 1 after the batch so that `rank` axes follow it.
  Tensor aligned(int i, int rank) const;
  Shape with_batch(const Shape& example) const;
  /// Throws the Error for an operation without a rule.
  [[noreturn]] void fail_without_rule() const;
};

}  // namespace duet
