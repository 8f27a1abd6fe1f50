// How many bytes values take, as plans count them.
#pragma once

#include "duet/graph/graph.h"

namespace duet::graph {

inline int64_t value_bytes(const Graph& g, int v) {
  const Spec& s = g.value(v).spec;
  return s.shape.numel() * static_cast<int64_t>(size_bytes(s.dtype));
}

/// Rounded up to where the next buffer may begin.
inline int64_t aligned(int64_t bytes) {
  constexpr int64_t kAlignment = 64;
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace duet::graph
