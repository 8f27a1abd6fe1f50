// What operations with indices in their data check before they write.
#pragma once

#include "cpu/scratch.h"
#include "duet/ops/record.h"

namespace duet {

/// Indices as i64 in [0, extent), all checked; negative ones count from the end where they are allowed.
class CheckedIndices {
 public:
  /// IndexError for one out of range, which the message calls `what`.
  CheckedIndices(std::string_view op, const Strided& index, int64_t extent, bool negative_allowed,
                 std::string_view what);
  size_t size() const { return size_; }
  const int64_t* data() const { return static_cast<const int64_t*>(room_.data()); }
  const int64_t* begin() const { return data(); }
  const int64_t* end() const { return data() + size_; }

 private:
  size_t size_;
  cpu::Temporary room_;
};

/// DTypeError unless operand i is of integers.
void check_index_dtype(std::string_view op, const Args& in, int i);

}  // namespace duet
