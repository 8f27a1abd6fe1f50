// Work split over threads.
#pragma once

#include <algorithm>

#include "cpu/threads.h"

namespace duet {

/// How many threads `total` units are worth that take the time of moving or adding `work` elements.
inline int64_t part_count(int64_t total, int64_t work) {
  constexpr int64_t kParallelElements = int64_t{64} * 1024;
  return work < kParallelElements ? 1 : std::min<int64_t>(cpu::threads(), total);
}

/// body(begin, end) for parts of [0, total), on several threads where that pays.
template <class F>
void in_parts(int64_t total, int64_t work, F&& body) {
  const int64_t parts = part_count(total, work);
  if (parts <= 1) return body(int64_t{0}, total);
  cpu::parallel_for(parts, [&](int64_t p) { body(total * p / parts, total * (p + 1) / parts); });
}

}  // namespace duet
