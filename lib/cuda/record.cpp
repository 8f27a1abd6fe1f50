#include "cuda/record.h"

#include <cstring>

#include "cuda/blas.h"
#include "cuda/memory.h"

namespace duet::cuda {
namespace {

thread_local Replay* recording = nullptr;

NodeParameters parameters_of(const RecordedLaunch& l, void** call) {
  NodeParameters p{};
  p.function = l.function;
  p.grid[0] = l.blocks;
  p.block[0] = l.threads;
  p.grid[1] = p.grid[2] = p.block[1] = p.block[2] = 1;
  *call = const_cast<char*>(l.call.data());
  p.parameters = call;
  return p;
}

}  // namespace

Replay* Replay::active() { return recording; }
uint64_t& Replay::foreign_calls() {
  thread_local uint64_t calls = 0;
  return calls;
}
Replay::Scope::Scope(Replay& r) { recording = &r; }
Replay::Scope::~Scope() { recording = nullptr; }

// Whether this run is recorded.
bool Replay::begin(State& s) {
  if (life_.expired() || providers_ != provider_choices()) forget();
  providers_ = provider_choices();
  device_ = s.device;
  life_ = s.life;
  launches_ = rooms_used_ = sites_used_ = 0;
  return runs_++ > 0 && !foreign_;
}

void Replay::add(Handle function, unsigned blocks, unsigned threads, const void* call, size_t bytes) {
  if (launches_ == now_.size()) now_.emplace_back();
  RecordedLaunch& l = now_[launches_++];
  l.function = function;
  l.blocks = blocks;
  l.threads = threads;
  l.call.resize(bytes);
  std::memcpy(l.call.data(), call, bytes);
}

void* Replay::room(Device device, size_t bytes) {
  if (rooms_used_ == rooms_.size()) {
    rooms_.reserve(rooms_.size() + 1);
    rooms_.push_back({allocate(device, bytes), bytes});
  }
  return rooms_[rooms_used_++].data;
}

uint32_t Replay::site(State& s, const FaultSite& site) {
  if (sites_used_ == sites_.size()) {
    sites_.reserve(sites_.size() + 1);
    const uint32_t number = s.next_plan_site++;
    s.plan_sites.emplace(number, site);
    sites_.push_back(number);
  }
  s.plan_checks = true;
  return sites_[sites_used_++];
}

void Replay::build(State& s, const Driver& d) {
  Handle graph = nullptr, executable = nullptr;
  std::vector<Handle> nodes;
  try {
    check_result(s, d.graph_create(&graph, 0), "cuGraphCreate");
    for (const RecordedLaunch& l : now_) {  // one behind the other, as on the stream
      void* call = nullptr;
      const NodeParameters p = parameters_of(l, &call);
      Handle node = nullptr;
      const Handle* behind = nodes.empty() ? nullptr : &nodes.back();
      check_result(s, d.graph_add_kernel(&node, graph, behind, nodes.empty() ? 0 : 1, &p), "cuGraphAddKernelNode");
      nodes.push_back(node);
    }
    check_result(s, d.graph_instantiate(&executable, graph, 0), "cuGraphInstantiate");
  } catch (...) {
    if (graph != nullptr) d.graph_destroy(graph);
    throw;
  }
  if (executable_ != nullptr) d.graph_executable_destroy(executable_);
  if (graph_ != nullptr) d.graph_destroy(graph_);
  graph_ = graph;
  executable_ = executable;
  nodes_ = std::move(nodes);
}

void Replay::launch(State& s) {
  const Driver& d = *availability().driver;
  const std::lock_guard lock(s.mutex);
  now_.resize(launches_);
  if (now_.empty()) return;
  check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
  bool same = executable_ != nullptr && now_.size() == before_.size();
  for (size_t k = 0; same && k < now_.size(); ++k)
    same = now_[k].function == before_[k].function && now_[k].call.size() == before_[k].call.size();
  try {
    if (!same) {
      build(s, d);
    } else {
      for (size_t k = 0; k < now_.size(); ++k) {
        const RecordedLaunch &x = now_[k], &y = before_[k];
        if (x.blocks == y.blocks && x.threads == y.threads && x.call == y.call) continue;
        void* call = nullptr;
        const NodeParameters p = parameters_of(x, &call);
        check_result(s, d.graph_set_kernel(executable_, nodes_[k], &p), "cuGraphExecKernelNodeSetParams");
      }
    }
  } catch (...) {
    before_.clear();  // some nodes may have changed: the next call builds the graph anew
    throw;
  }
  std::swap(now_, before_);
  check_result(s, d.graph_launch(executable_, s.stream), "cuGraphLaunch");
}

void Replay::forget() noexcept {
  if (!life_.expired()) {
    const Driver& d = *availability().driver;
    if (executable_ != nullptr) d.graph_executable_destroy(executable_);
    if (graph_ != nullptr) d.graph_destroy(graph_);
    for (const Room& room : rooms_) deallocate(device_, room.data, room.bytes);
    if (State* s = known_state(device_); s != nullptr) {
      const std::lock_guard lock(s->mutex);
      for (uint32_t site : sites_) s->plan_sites.erase(site);
    }
  }
  graph_ = executable_ = nullptr;
  rooms_.clear();
  sites_.clear();
  nodes_.clear();
  now_.clear();
  before_.clear();
  runs_ = 0;
  foreign_ = false;
}

}  // namespace duet::cuda
