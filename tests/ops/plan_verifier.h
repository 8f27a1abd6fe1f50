// A second opinion on memory plans, sharing no code with the planner: lifetimes are worked out again from the launches.
#pragma once

#include <fmt/format.h>

#include <map>

#include "graph/execute.h"

namespace duet::testing {

/// Empty if no two values of the plan that are alive at the same launch share a byte of the arena, but for a result
/// that is computed in place of an operand that dies there; else what is wrong.
inline std::string verify_memory(const graph::Plan& plan) {
  const graph::Executable& e = plan.executable();
  const graph::Graph& g = plan.graph();
  struct Life {
    int written = -1, read = -1;
    int64_t begin = 0, end = 0;
  };
  std::map<int, Life> lives;  // by root value; those in the arena
  auto root = [&](int v) { return e.layouts[static_cast<size_t>(v)].root; };
  auto in_arena = [&](int v) { return e.arena_offset[static_cast<size_t>(v)] >= 0; };
  for (int k = 0; k < static_cast<int>(e.launches.size()); ++k) {
    const graph::Launch& l = e.launches[static_cast<size_t>(k)];
    std::vector<int> writes(l.results);
    if (l.kind != graph::LaunchKind::tiles) writes.insert(writes.end(), l.outputs.begin(), l.outputs.end());
    std::vector<int> reads(l.inputs);
    reads.insert(reads.end(), l.sources.begin(), l.sources.end());
    for (int v : writes) {
      if (root(v) != v) return fmt::format("launch {} writes value {}, a view", k, v);
      if (!in_arena(v)) continue;
      Life& life = lives[v];
      if (life.written >= 0) return fmt::format("value {} is written twice", v);
      const Spec& s = g.value(v).spec;
      life.written = life.read = k;
      life.begin = e.arena_offset[static_cast<size_t>(v)];
      life.end = life.begin + s.shape.numel() * static_cast<int64_t>(size_bytes(s.dtype));
      if (life.begin % 64 != 0) return fmt::format("value {} lies at {}: not a multiple of 64", v, life.begin);
      if (life.end > e.arena_bytes)
        return fmt::format("value {} ends at {}, the arena at {}", v, life.end, e.arena_bytes);
    }
    for (int v : reads) {
      if (v < 0 || !in_arena(root(v))) continue;
      auto at = lives.find(root(v));
      if (at == lives.end()) return fmt::format("launch {} reads value {} before it is written", k, v);
      at->second.read = k;
    }
  }
  for (int o : g.outputs)
    if (in_arena(root(o))) return fmt::format("output {} lies in the arena", o);
  // At each launch, the live bytes; a result in place of a dying operand counts once.
  // (A matmul's product may be replaced by a result of its own epilogue.)
  auto in_place = [&](const Life& dying, const Life& born) {
    const bool product = e.launches[static_cast<size_t>(born.written)].kind == graph::LaunchKind::matmul;
    return dying.read == born.written && (dying.written < born.written || product) && dying.begin == born.begin &&
           dying.end == born.end;
  };
  int64_t bound = 0;
  for (int k = 0; k < static_cast<int>(e.launches.size()); ++k) {
    std::vector<std::pair<int, const Life*>> live;
    for (const auto& [v, life] : lives)
      if (life.written <= k && k <= life.read && life.begin < life.end) live.emplace_back(v, &life);
    int64_t bytes = 0;
    for (size_t i = 0; i < live.size(); ++i) {
      const Life& a = *live[i].second;
      bool counted = false;
      for (size_t j = 0; j < live.size(); ++j) {
        const Life& b = *live[j].second;
        if (i == j || a.end <= b.begin || b.end <= a.begin) continue;
        const bool allowed = (in_place(a, b) && graph::can_compute_in_place(e.launches[static_cast<size_t>(k)], g,
                                                                            e.layouts, live[i].first, live[j].first)) ||
                             (in_place(b, a) && graph::can_compute_in_place(e.launches[static_cast<size_t>(k)], g,
                                                                            e.layouts, live[j].first, live[i].first));
        if (!allowed)
          return fmt::format("values {} and {} are both live at launch {} and overlap: {}..{} and {}..{}",
                             live[i].first, live[j].first, k, a.begin, a.end, b.begin, b.end);
        counted |= j < i;
      }
      if (!counted) bytes += (a.end - a.begin + 63) / 64 * 64;
    }
    bound = std::max(bound, bytes);
  }
  if (e.arena_bytes < bound) return fmt::format("the arena has {} bytes, {} are live at once", e.arena_bytes, bound);
  if (plan.memory().lower_bound_bytes > e.arena_bytes) return "the arena is smaller than the plan's own bound";
  return "";
}

}  // namespace duet::testing
