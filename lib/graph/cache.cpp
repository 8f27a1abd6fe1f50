#include "duet/graph/cache.h"

#include <fmt/format.h>

#include <algorithm>

#include "duet/core/debug.h"
#include "graph/check_passes.h"
#include "graph/execute.h"
#include "graph/explain_files.h"
#include "graph/show.h"

namespace duet::graph {
namespace {

uint64_t hash_words(const std::vector<uint64_t>& words) {
  // Four chains that do not wait for each other.
  uint64_t h[4] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu, 0xd6e8feb86659fd93u};
  auto mix = [](uint64_t& chain, uint64_t word) {
    chain = (chain ^ word) * 0xff51afd7ed558ccdu;
    chain ^= chain >> 32;
  };
  size_t i = 0;
  for (; i + 4 <= words.size(); i += 4)
    for (size_t k = 0; k < 4; ++k) mix(h[k], words[i + k]);
  for (; i < words.size(); ++i) mix(h[i % 4], words[i]);
  uint64_t all = words.size();
  for (uint64_t chain : h) all = (all ^ chain) * 0xc4ceb9fe1a85ec53u, all ^= all >> 29;
  return all;
}

// Why the words of `now` are not those of `before`.
std::string difference(const Plan& now, const Plan* before, int segment) {
  if (before == nullptr) return segment == 0 ? "first call" : fmt::format("first call, after split {}", segment);
  const auto &a = now.recorded(), &b = before->recorded();
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (a[i].first != b[i].first)
      return fmt::format("other operations: {} at {}, was {}", std::string(a[i].first), to_string(a[i].second),
                         std::string(b[i].first));
  if (a.size() != b.size()) return fmt::format("other operations: {} recorded, were {}", a.size(), b.size());
  for (size_t i = 0; i < std::min(now.slots().size(), before->slots().size()); ++i) {
    const Spec &x = now.slots()[i].spec, &y = before->slots()[i].spec;
    if (x == y) continue;
    const std::string name = slot_name(now.slots()[i]);
    if (x.dtype == y.dtype && x.shape.rank() == y.shape.rank())
      for (int axis = 0; axis < x.shape.rank(); ++axis)
        if (x.shape[axis] != y.shape[axis]) return fmt::format("{} is {}, was {}: axis {} differs", name, x, y, axis);
    return fmt::format("{} is {}, was {}", name, x, y);
  }
  return "other attributes, layouts or kept values";
}

void add_holders(Event& event, const Trace& trace, const std::vector<int>& outputs) {
  const Positions held = trace.positions();
  event.splits = !held.ended;
  for (int o : outputs) {
    const Block* block = trace.pending()[static_cast<size_t>(o)];
    Holder holder;
    auto find = [&](const std::vector<LeafPosition>& in, Holder::Kind kind) {
      auto at = std::ranges::find(in, block, &LeafPosition::block);
      if (at != in.end()) holder = {kind, at->argument, at->leaf};
    };
    find(held.results, Holder::Kind::result);
    if (holder.kind == Holder::Kind::elsewhere) find(held.rebound, Holder::Kind::argument);
    event.holders.push_back(holder);
  }
}

}  // namespace

PlanCache::PlanCache(PassOptions options, const Line& line) : options_(std::move(options)), line_(line) {
  LineScope scope(line);
  check_pass_names(options_);
  explain_later(*this);
}

PlanCache::~PlanCache() { explain_now(*this); }

std::shared_ptr<const Plan> PlanCache::find(const Trace& trace, const std::vector<int>& outputs) {
  const std::vector<uint64_t>& words = trace.words();
  const uint64_t hash = hash_words(words);
  std::shared_ptr<const Plan> nearest;
  {
    std::lock_guard lock(mutex_);
    ++clock_;
    for (Entry& entry : entries_) {
      if (entry.hash != hash || entry.plan->key() != words) continue;
      entry.used = clock_;
      ++hits_;
      return entry.plan;
    }
    // The plan that the same part of the function used last.
    uint64_t last = 0;
    for (const Entry& entry : entries_)
      if (entry.segment == trace.segment() && entry.used > last) last = entry.used, nearest = entry.plan;
  }
  Graph graph = trace.decode(outputs);
  if (passes_are_checked(options_)) check_by_values(graph, trace, options_);
  auto plan = std::make_shared<const Plan>(std::move(graph), options_, words);
  std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_)  // another thread made it meanwhile
    if (entry.hash == hash && entry.plan->key() == words) return entry.plan;
  Event event{"plan", difference(*plan, nearest.get(), trace.segment()),
              trace.marks().empty() ? Line() : trace.marks()[0].line, plan};
  event.number = ++made_;
  event.segment = trace.segment();
  add_holders(event, trace, outputs);
  if (debug_level() >= 1) [[unlikely]]
    show_plan(*plan, made_, event.why);
  remember(std::move(event));
  entries_.push_back({plan, hash, clock_, trace.segment()});
  bytes_ += plan->size_bytes();
  while ((bytes_ > kMaxBytes || entries_.size() > kMaxPlans) && entries_.size() > 1) {
    auto oldest = std::min_element(entries_.begin(), entries_.end() - 1,
                                   [](const Entry& a, const Entry& b) { return a.used < b.used; });
    bytes_ -= oldest->plan->size_bytes();
    entries_.erase(oldest);
  }
  return plan;
}

std::vector<std::shared_ptr<const Plan>> PlanCache::plans() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Plan>> all;
  for (const Entry& e : entries_) all.push_back(e.plan);
  return all;
}

std::vector<Event> PlanCache::events() const {
  std::lock_guard lock(mutex_);
  return events_;
}

void PlanCache::note(Event event) {
  std::lock_guard lock(mutex_);
  // A split happens at every call: counted, or the list would grow for ever.
  for (Event& e : events_) {
    if (e.what != event.what || e.why != event.why || e.line.file != event.line.file || e.line.line != event.line.line)
      continue;
    ++e.count;
    return;
  }
  remember(std::move(event));
}

void PlanCache::remember(Event event) {
  if (events_.size() == kMaxEvents) events_.erase(events_.begin());
  events_.push_back(std::move(event));
}

std::string slot_name(const Value& slot) {
  if (slot.argument < 0) return fmt::format("in{}", slot.index);
  return slot.leaf < 0 ? fmt::format("arg{}", slot.argument) : fmt::format("arg{}.{}", slot.argument, slot.leaf);
}

void PlanCache::note_frozen(std::shared_ptr<const FrozenPlan> frozen) {
  std::lock_guard lock(mutex_);
  frozen_.push_back(std::move(frozen));
}

std::vector<std::shared_ptr<const FrozenPlan>> PlanCache::frozen() const {
  std::lock_guard lock(mutex_);
  return frozen_;
}

uint64_t PlanCache::hits() const {
  std::lock_guard lock(mutex_);
  return hits_;
}

}  // namespace duet::graph
