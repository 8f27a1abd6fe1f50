#include "duet/graph/plan.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "cpu/gemm.h"
#include "cpu/scratch.h"
#include "cuda/plan.h"
#include "graph/bytes.h"
#include "graph/hooks.h"
#include "graph/packs.h"
#include "graph/verify_memory.h"

namespace duet::graph {
namespace {

// Decides where every value lives: fills offsets, outputs and donors.
class StoragePlanner {
 public:
  StoragePlanner(const Graph& g, Executable& e)
      : g_(g), e_(e), written_(g.values.size(), -1), last_use_(g.values.size(), -1) {}

  MemoryPlan run(bool reuse) {
    for (size_t k = 0; k < e_.launches.size(); ++k) {
      const Launch& l = e_.launches[k];
      for (int v : l.inputs) use(v, k);
      for (int v : l.sources) use(v, k);
      for (int v : l.outputs) written_[index(v)] = static_cast<int>(k);
      for (int v : l.results) written_[index(v)] = static_cast<int>(k);
      // A fused kernel checks its labels before it writes.
      if (l.may_throw) last_throw_ = static_cast<int>(k) - (l.kind == LaunchKind::fused ? 1 : 0);
    }
    dying_slots_.resize(e_.launches.size());
    for (auto [s, slot] : e_.slot_values)
      if (last_use_[index(s)] >= 0) dying_slots_[index(last_use_[index(s)])].push_back(s);
    plan_outputs();
    return place_in_arena(reuse);
  }

 private:
  static size_t index(int v) { return static_cast<size_t>(v); }
  int root(int v) const { return e_.layouts[index(v)].root; }
  int64_t bytes(int v) const { return aligned(value_bytes(g_, v)); }
  void use(int v, size_t k) {
    if (v < 0) return;
    int& last = last_use_[index(planted("missing_alias") ? v : root(v))];
    last = std::max(last, static_cast<int>(k) - planted("short_life"));
  }

  void plan_outputs() {
    std::vector<int> owner(g_.values.size(), -1);
    is_output_.assign(g_.values.size(), 0);
    has_donors_.assign(g_.values.size(), 0);
    std::vector<char> returned(g_.values.size(), 0);  // slots that are outputs themselves
    for (int v : g_.outputs) returned[index(root(v))] = 1;
    for (int v : g_.outputs) {
      OutputPlan o;
      o.value = v;
      o.root = root(v);
      if (g_.value(o.root).origin == Origin::node) {
        int& own = owner[index(o.root)];
        if (own < 0) own = static_cast<int>(e_.outputs.size());
        o.storage = own;
        if (own == static_cast<int>(e_.outputs.size())) o.donors = donors(o.root, returned);
        has_donors_[index(o.root)] |= !o.donors.empty();
        is_output_[index(o.root)] = 1;
      }
      e_.outputs.push_back(std::move(o));
    }
  }

  // Slots whose storage the value may be computed in: nothing reads them later, and no kernel that can find a bad index
  // runs later, so a call that fails has changed nothing.
  std::vector<int> donors(int v, const std::vector<char>& returned) const {
    std::vector<int> found;
    const int k = written_[index(v)];
    if (k < 0 || last_throw_ >= k) return found;
    for (int s : dying_slots_[index(k)])
      if (g_.value(s).dense && !returned[index(s)] && can_compute_in_place(e_.launches[index(k)], g_, e_.layouts, s, v))
        found.push_back(g_.value(s).index);
    return found;
  }

  // The buffer of an operand that the launch is the last to read and may compute the result in; −1: there is none.
  int dying_operand(const Launch& l, int launch, int result, const std::vector<Buffer>& buffers,
                    const std::vector<int>& buffer_of, const std::vector<char>& taken) const {
    for (int source : l.sources) {
      const int r = source < 0 ? result : root(source), b = buffer_of[index(r)];
      if (r == result || b < 0 || taken[index(r)] || last_use_[index(r)] != launch ||
          buffers[index(b)].bytes != bytes(result) || !can_compute_in_place(l, g_, e_.layouts, r, result))
        continue;
      return b;
    }
    return -1;
  }

  bool should_pass_by(const Launch& l) const {
    const Shape &y = g_.value(l.outputs[0]).spec.shape, &x = g_.value(l.inputs[0]).spec.shape;
    return cpu::should_pass_by(y[y.rank() - 2], y[y.rank() - 1], x[x.rank() - 1]);
  }

  MemoryPlan place_in_arena(bool reuse) {
    e_.arena_offset.assign(g_.values.size(), -1);
    std::vector<Buffer> buffers;
    std::vector<int> buffer_of(g_.values.size(), -1);
    std::vector<char> taken(g_.values.size(), 0);  // its storage, by a result
    for (int launch = 0; launch < static_cast<int>(e_.launches.size()); ++launch) {
      Launch& l = e_.launches[index(launch)];
      auto add = [&](int v, int shares) {
        if (is_output_[index(v)] || buffer_of[index(v)] >= 0) return;
        buffer_of[index(v)] = static_cast<int>(buffers.size());
        buffers.push_back({v, launch, std::max(launch, last_use_[index(v)]), bytes(v), 0, shares});
      };
      // A product that only its own epilogue reads lies where a result will, see Executable::product_in; not where that
      // result may lie in an operand, which the epilogue still reads when the product is written.
      const int y = l.kind == LaunchKind::matmul ? l.outputs[0] : -1;
      const int product = y >= 0 && !is_output_[index(y)] && last_use_[index(y)] == launch ? y : -1;
      int home = -1;
      bool elsewhere = false;  // a result has a better place than the product's
      for (int r : l.results) {
        if (product < 0 || !can_compute_in_place(l, g_, e_.layouts, product, r)) continue;
        if (is_output_[index(r)] && !has_donors_[index(r)] && home < 0) home = r;
        elsewhere |=
            is_output_[index(r)] ? has_donors_[index(r)] : dying_operand(l, launch, r, buffers, buffer_of, taken) >= 0;
      }
      if (home >= 0)
        e_.product_in.emplace_back(product, home);
      else if (product >= 0 &&
               (g_.device.is_cuda() ? cuda::product_passes_by(g_, e_, l) : reuse && elsewhere && should_pass_by(l)))
        l.passes_by = true;
      else
        for (int v : l.outputs) add(v, -1);
      for (int v : l.results) {
        int shares = is_output_[index(v)] ? -1 : dying_operand(l, launch, v, buffers, buffer_of, taken);
        if (shares >= 0) taken[index(buffers[index(shares)].value)] = 1;
        add(v, shares);
      }
    }
    for (size_t k = 0; k < e_.launches.size(); ++k)
      if (e_.launches[k].workspace_bytes > 0)
        buffers.push_back({-1, static_cast<int>(k), static_cast<int>(k), e_.launches[k].workspace_bytes});
    MemoryPlan plan = plan_memory(std::move(buffers), reuse);
    e_.workspace_offset.assign(e_.launches.size(), 0);
    for (const Buffer& b : plan.buffers)
      (b.value >= 0 ? e_.arena_offset[index(b.value)] : e_.workspace_offset[index(b.first)]) = b.offset;
    e_.arena_bytes = plan.arena_bytes;
    return plan;
  }

  const Graph& g_;
  Executable& e_;
  std::vector<int> written_, last_use_;        // launches, by root
  std::vector<char> is_output_, has_donors_;   // by root
  std::vector<std::vector<int>> dying_slots_;  // by the launch that reads them last
  int last_throw_ = -1;
};

}  // namespace

// What one call needs besides its outputs; kept for the next call.
struct Plan::Workspace {
  Storage arena;
  cuda::Replay replay;
  std::vector<char*> base;  // by root value
  LaunchTables tables;
  std::vector<Packs::Seen> packs;  // by launch
  std::vector<uint8_t> given;      // slots donated in this call
  cpu::Room room;
  std::thread::id settled;  // the thread of a run that ended: what its kernels need is there the next time
};

Plan::Plan(Graph graph, const PassOptions& options, std::vector<uint64_t> key)
    : key_(std::move(key)), executable_(std::make_unique<Executable>()) {
  auto start = std::chrono::steady_clock::now();
  slots_.resize(static_cast<size_t>(graph.slots));
  for (const Value& v : graph.values)
    if (v.origin == Origin::slot) slots_[static_cast<size_t>(v.index)] = v;
  for (const Node& n : graph.nodes) recorded_.emplace_back(n.op->name, n.line);
  for (int o : graph.outputs) output_specs_.push_back(graph.value(o).spec);
  graph_ = run_passes(std::move(graph), report_, options);
  Executable& e = *executable_;
  e.layouts = layouts(graph_);
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    if (graph_.values[v].origin == Origin::slot) e.slot_values.emplace_back(v, graph_.values[v].index);
    if (graph_.values[v].origin == Origin::number) e.number_values.emplace_back(v, graph_.values[v].index);
  }
  e.launches = lower(graph_, e.layouts);
  memory_ = StoragePlanner(graph_, e).run(!left_out("plan_memory", options.without));
  if (kVerify) verify_memory(graph_, e, memory_);
  plant_in_storage(e);
  packs_ = std::make_unique<Packs>(graph_, e);
  if (graph_.device.is_cuda()) on_device_ = std::make_unique<cuda::PlanOnDevice>(graph_, e, graph_.device);
  cost_.kernels = static_cast<int>(e.launches.size());
  for (const Launch& l : e.launches) cost_.bytes += l.bytes;
  compile_us_ = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

Plan::~Plan() = default;

size_t Plan::size_bytes() const {
  size_t n = key_.size() * 8 + graph_.values.size() * sizeof(Value) + graph_.nodes.size() * (sizeof(Node) + 64);
  for (const Launch& l : executable_->launches) n += graph::size_bytes(l);
  return n + static_cast<size_t>(executable_->arena_bytes);
}

std::unique_ptr<Plan::Workspace> Plan::take_workspace() const {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto w = std::move(idle_.back());
      idle_.pop_back();
      return w;
    }
  }
  auto w = std::make_unique<Workspace>();
  w->arena.allocate(graph_.device, executable_->arena_bytes + (on_device_ ? on_device_->scratch_bytes() : 0));
  // The arena and constants stay where they are; slots, numbers and outputs are filled in at each call.
  w->base.resize(graph_.values.size());
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    const int64_t offset = executable_->arena_offset[v];
    if (graph_.values[v].origin == Origin::constant)
      w->base[v] = reinterpret_cast<char*>(const_cast<Number8*>(&graph_.values[v].constant));
    else if (offset >= 0)
      w->base[v] = w->arena.data() + offset;
  }
  return w;
}

// Also while an exception is under way: without memory for the list the workspace is not kept.
void Plan::give_back(std::unique_ptr<Workspace> w) const noexcept {
  std::lock_guard lock(mutex_);
  try {
    idle_.push_back(std::move(w));
  } catch (const std::bad_alloc&) {
  }
}

void Plan::run(const Run& run) const {
  if (first_run_us() != 0) [[likely]]
    return execute(run);
  auto start = std::chrono::steady_clock::now();
  execute(run);
  first_run_us_ = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

void Plan::execute(const Run& run) const {
  const Executable& e = *executable_;
  auto make_output = [&](size_t k) {
    return block::make(output_specs_[k].dtype, output_specs_[k].shape, false, graph_.device);
  };
  struct Lease {  // the workspace returns also when a kernel throws
    const Plan& plan;
    std::unique_ptr<Workspace> w;
    ~Lease() { plan.give_back(std::move(w)); }
  } lease{*this, take_workspace()};
  Workspace& w = *lease.w;
  auto place = [&](int v, void* data) { w.base[static_cast<size_t>(v)] = static_cast<char*>(data); };

  // Every output has its storage before the first kernel runs. A kernel that then finds no room for itself must not
  // leave arguments half overwritten: nothing is donated before a run in this thread has shown what room they need.
  const bool settled = w.settled == std::this_thread::get_id();
  w.given.assign(run.slots.size(), 0);
  for (size_t k = 0; k < e.outputs.size(); ++k) {
    const OutputPlan& o = e.outputs[k];
    if (o.storage != static_cast<int>(k)) continue;
    const Spec& root = graph_.value(o.root).spec;
    Block* donor = nullptr;
    for (int slot : o.donors) {
      const auto s = static_cast<size_t>(slot);
      if (donor != nullptr || !settled || !run.donated[s] || w.given[s]) continue;
      w.given[s] = 1;
      donor = run.slots[s];
    }
    Block*& b = run.outputs[k];
    if (b == nullptr && donor != nullptr && o.value == o.root && donor->dtype == root.dtype &&
        donor->shape == root.shape) {
      if (planted("leak")) block::retain(donor);
      block::retain(donor);  // nobody else sees the old value: its block becomes the new one's
      b = donor;
    }
    if (b == nullptr) b = make_output(k);
    if (donor == nullptr) {
      b->owned_bytes = static_cast<size_t>(root.shape.numel()) * duet::size_bytes(root.dtype);
      b->owned = allocate_on(graph_.device, b->owned_bytes);
    } else if (b != donor) {
      block::adopt(b, donor, donor->data);
    }
    place(o.root, donor == nullptr ? b->owned : donor->data);
  }
  for (auto [v, slot] : e.slot_values) place(v, run.slots[static_cast<size_t>(slot)]->data);
  for (auto [v, number] : e.number_values) place(v, const_cast<Number8*>(&run.numbers[static_cast<size_t>(number)]));
  for (auto [product, home] : e.product_in) place(product, w.base[static_cast<size_t>(home)]);
  packs_->look(run, graph_, e, w.base, w.packs);

  const cpu::Room::Use use(w.room);
  const Poison poison = kVerify && !on_device_ ? Poison(graph_, e, w.arena.data()) : Poison();
  for (size_t k = 0; k < e.launches.size() && !on_device_; ++k) {
    w.tables.pack = w.packs.empty() ? nullptr : w.packs[k].pack.get();
    run_launch(e.launches[k], graph_, e.layouts, w.base, w.arena.data() + e.workspace_offset[k], w.tables);
    poison.after(k);
  }
  if (on_device_) on_device_->run(w.base, w.arena.data(), w.replay);
  thread_state.bytes += static_cast<uint64_t>(cost_.bytes);

  for (size_t k = 0; k < e.outputs.size(); ++k) {
    const OutputPlan& o = e.outputs[k];
    Block*& b = run.outputs[k];
    if (b == nullptr) b = make_output(k);
    const Layout& l = e.layouts[static_cast<size_t>(o.value)];
    void* first = w.base[static_cast<size_t>(o.root)] + l.offset * static_cast<int64_t>(duet::size_bytes(b->dtype));
    Block* const of = o.storage >= 0 ? run.outputs[static_cast<size_t>(o.storage)]
                                     : run.slots[static_cast<size_t>(graph_.value(o.root).index)];
    if (of == b)
      b->data = first;
    else
      block::adopt(b, of, first);
    if (l.dense && b->dense) continue;  // as it was made
    std::copy_n(l.strides, kMaxRank, b->strides);
    b->dense = l.dense;
  }
  w.settled = std::this_thread::get_id();
}

}  // namespace duet::graph
