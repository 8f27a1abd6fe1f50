// A plan: the kernels of one traced function in order, where every value lives, and nothing left to decide at run time.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "duet/graph/passes.h"
#include "duet/graph/trace.h"

namespace duet::cuda {
class PlanOnDevice;
}

namespace duet::graph {

struct Executable;  // lib/graph/execute.h: kernels ready to run
class Packs;        // lib/graph/packs.h: weights as products read them

/// What a plan costs and saves.
struct PlanCost {
  int kernels = 0;
  int64_t bytes = 0;  // read and written by kernels, from shapes
};

class Plan {
 public:
  /// Runs the passes and lowers.
  Plan(Graph graph, const PassOptions& options, std::vector<uint64_t> key);
  /// The slots and the names of the operations as they were recorded, to tell plans apart.
  const std::vector<Value>& slots() const { return slots_; }
  const std::vector<std::pair<std::string_view, Line>>& recorded() const { return recorded_; }
  /// The launches, as data.
  const Executable& executable() const { return *executable_; }
  const cuda::PlanOnDevice* on_device() const { return on_device_.get(); }
  ~Plan();

  /// What a run is given: slots and outputs as blocks, numbers as values. A slot may be donated to an output when
  /// nobody but the caller of run holds it.
  struct Run {
    std::span<Block* const> slots;
    std::span<const uint8_t> donated;  // 1: the slot's storage may be overwritten
    std::span<const Number8> numbers;
    std::span<Block*> outputs;           // pending blocks get their storage; null ones are made, one reference each
    std::span<const uint64_t> ids = {};  // of the slots' values, 0 where nobody knows
  };
  void run(const Run& run) const;

  const Graph& graph() const { return graph_; }
  const Report& report() const { return report_; }
  const MemoryPlan& memory() const { return memory_; }
  const std::vector<uint64_t>& key() const { return key_; }
  Spec output_spec(int k) const { return output_specs_[static_cast<size_t>(k)]; }
  PlanCost cost() const { return cost_; }
  double compile_us() const { return compile_us_; }
  /// Time of the first run, 0 before it.
  double first_run_us() const { return first_run_us_.load(std::memory_order_relaxed); }
  size_t size_bytes() const;
  const Packs& packs() const { return *packs_; }

 private:
  void execute(const Run& run) const;
  struct Workspace;
  std::unique_ptr<Workspace> take_workspace() const;
  void give_back(std::unique_ptr<Workspace> w) const noexcept;

  Graph graph_;
  Report report_;
  MemoryPlan memory_;
  PlanCost cost_;
  std::vector<uint64_t> key_;
  double compile_us_ = 0;
  mutable std::atomic<double> first_run_us_ = 0;
  std::vector<Value> slots_;
  std::vector<Spec> output_specs_;
  std::vector<std::pair<std::string_view, Line>> recorded_;
  std::unique_ptr<Executable> executable_;
  std::unique_ptr<cuda::PlanOnDevice> on_device_;  // null for the CPU's plans
  std::unique_ptr<Packs> packs_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;  // one for each call that ran at the same time
};

}  // namespace duet::graph
