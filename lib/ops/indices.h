// What operations with indices in their data check before they write.
#pragma once

#include <vector>

#include "duet/ops/record.h"

namespace duet {

/// The indices as i64 in [0, extent), all checked; IndexError for one out of range, which negative ones count from the
/// end where they are allowed.
std::vector<int64_t> checked_indices(std::string_view op, const Strided& index, int64_t extent, bool negative_allowed,
                                     std::string_view what);

/// IndexError unless all labels are in [0, classes).
void check_labels(std::string_view op, const Strided& labels, int64_t classes);

/// DTypeError unless operand i is of integers.
void check_index_dtype(std::string_view op, const Args& in, int i);

}  // namespace duet
