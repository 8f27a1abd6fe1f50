// The plan cache of a compiled function: which plans there are, and why each was made.
#pragma once

#include "duet/graph/plan.h"

namespace duet::graph {

struct FrozenPlan;  // freeze.h

/// Who held an output of a plan when its recording ended.
struct Holder {
  enum class Kind : uint8_t { elsewhere, argument, result } kind = Kind::elsewhere;
  int argument = -1, leaf = -1;  // as in LeafPosition
};

/// Something a compiled function did that is worth knowing: a new plan and why, a split and where.
struct Event {
  std::string what;  // "plan", "split"
  std::string why;
  Line line;
  std::weak_ptr<const Plan> plan = {};  // of "plan"; expired when it left the cache
  uint64_t count = 1;                   // splits at the same place are one event
  uint64_t number = 0;                  // of "plan": among all that were made, from 1 on
  // Of "plan":
  int segment = 0;                   // how many splits came before it in its call
  bool splits = false;               // it ends at a split
  std::vector<Holder> holders = {};  // by output
};

/// The plans of one compiled function; the least recently used go when there are too many, or their bytes exceed the
/// cap. Of what happened, the latest is remembered. Thread-safe.
class PlanCache {
 public:
  /// Error, naming the line, when `options` names no pass, or a taken name.
  explicit PlanCache(PassOptions options = {}, const Line& line = {});
  ~PlanCache();
  PlanCache(const PlanCache&) = delete;
  PlanCache& operator=(const PlanCache&) = delete;
  /// The plan for the words, made from the graph on a miss.
  std::shared_ptr<const Plan> find(const Trace& trace, const std::vector<int>& outputs);

  std::vector<std::shared_ptr<const Plan>> plans() const;  // in the order in which they were made
  std::vector<Event> events() const;
  void note(Event event);
  uint64_t hits() const;
  /// How a frozen function bound its plan.
  void note_frozen(std::shared_ptr<const FrozenPlan> frozen);
  std::vector<std::shared_ptr<const FrozenPlan>> frozen() const;
  const Line& line() const { return line_; }  // of compile, freeze or with_mode

  static constexpr size_t kMaxBytes = size_t{64} << 20;
  static constexpr size_t kMaxPlans = 1024, kMaxEvents = 1024;

 private:
  void remember(Event event);
  struct Entry {
    std::shared_ptr<const Plan> plan;
    uint64_t hash, used;
    int segment;
  };
  mutable std::mutex mutex_;
  PassOptions options_;
  Line line_;
  std::vector<std::shared_ptr<const FrozenPlan>> frozen_;
  std::vector<Entry> entries_;
  std::vector<Event> events_;
  uint64_t clock_ = 0, hits_ = 0, made_ = 0;
  size_t bytes_ = 0;
};

}  // namespace duet::graph
