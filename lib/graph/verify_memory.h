// A second opinion on memory plans, sharing no code with what made them: what lives when is worked out again from the
// launches. Builds with DUET_VERIFY ask for it at every plan and every run.
#pragma once

#include "graph/execute.h"

namespace duet::graph {

/// Whether this build verifies plans and poisons arenas.
extern const bool kVerify;

/// What is wrong with a plan; empty if nothing is. Every value that a launch writes has a place. Its buffer lives from
/// the launch that writes it to the last one that reads it, is aligned and lies within the arena; buffers that live
/// together share no byte but where one is computed in place of another, which its launch allows; the arena is as large
/// as it must be for that and the bound is what is live at once.
std::string memory_fault(const Graph& g, const Executable& e, const MemoryPlan& plan);

/// An internal error that says what memory_fault says.
void verify_memory(const Graph& g, const Executable& e, const MemoryPlan& plan);

/// Fills what no value owns with signalling NaNs, so that who reads it is found out: the whole arena when a run begins,
/// then what no later launch reads. Without arguments it does nothing.
class Poison {
 public:
  Poison() = default;
  Poison(const Graph& g, const Executable& e, void* arena);
  void after(size_t launch) const;

 private:
  struct Range {
    int64_t begin, end;
  };
  uint32_t* arena_ = nullptr;
  std::vector<std::vector<Range>> dead_;  // by launch
};

}  // namespace duet::graph
