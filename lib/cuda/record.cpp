#include "cuda/record.h"

#include <cstring>

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
Replay::Scope::Scope(Replay& r) { recording = &r; }
Replay::Scope::~Scope() { recording = nullptr; }

// Whether this run is recorded.
bool Replay::begin(State& s) {
  if (life_.expired()) forget();
  device_ = s.device;
  life_ = s.life;
  launches_ = rooms_used_ = sites_used_ = 0;
  return runs_++ > 0;
}

void Replay::add(Handle function, unsigned blocks, unsigned threads, const void* call, size_t bytes) {
  if (launches_ == now_.size()) now_.emplace_back();
  RecordedLaunch& l = now_[launches_++];
  l.function = function;
  l.blocks = blocks;
  l.threads = threads;
  l.outside = nullptr;
  l.call.resize(bytes);
  std::memcpy(l.call.data(), call, bytes);
}

void Replay::add_outside(void (*run)(State& s, const void* call), const void* call, size_t bytes) {
  add(nullptr, 0, 0, call, bytes);
  now_[launches_ - 1].outside = run;
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
  return sites_[sites_used_++];
}

void Replay::destroy(std::vector<Piece>& pieces, const Driver& d) noexcept {
  for (const Piece& p : pieces) {
    if (p.executable != nullptr) d.graph_executable_destroy(p.executable);
    if (p.graph != nullptr) d.graph_destroy(p.graph);
  }
  pieces.clear();
}

void Replay::build(State& s, const Driver& d) {
  std::vector<Piece> pieces;
  try {
    for (size_t k = 0; k < now_.size(); ++k) {
      const bool outside = now_[k].outside != nullptr;
      const bool goes_on = !pieces.empty() && !outside && pieces.back().graph != nullptr;
      if (!goes_on) pieces.push_back({k, k, nullptr, nullptr, {}});
      Piece& p = pieces.back();
      p.end = k + 1;
      if (outside) continue;
      if (p.graph == nullptr) check_result(s, d.graph_create(&p.graph, 0), "cuGraphCreate");
      void* call = nullptr;
      const NodeParameters parameters = parameters_of(now_[k], &call);
      Handle node = nullptr;  // one behind the other, as on the stream
      const Handle* behind = p.nodes.empty() ? nullptr : &p.nodes.back();
      check_result(s, d.graph_add_kernel(&node, p.graph, behind, p.nodes.empty() ? 0 : 1, &parameters),
                   "cuGraphAddKernelNode");
      p.nodes.push_back(node);
    }
    for (Piece& p : pieces)
      if (p.graph != nullptr) check_result(s, d.graph_instantiate(&p.executable, p.graph, 0), "cuGraphInstantiate");
  } catch (...) {
    destroy(pieces, d);
    throw;
  }
  destroy(pieces_, d);
  pieces_ = std::move(pieces);
}

// Parameters that differ from the last call's.
void Replay::change(State& s, const Driver& d) {
  for (const Piece& p : pieces_)
    for (size_t k = p.first; p.graph != nullptr && k < p.end; ++k) {
      const RecordedLaunch &x = now_[k], &y = before_[k];
      if (x.blocks == y.blocks && x.threads == y.threads && x.call == y.call) continue;
      void* call = nullptr;
      const NodeParameters parameters = parameters_of(x, &call);
      check_result(s, d.graph_set_kernel(p.executable, p.nodes[k - p.first], &parameters),
                   "cuGraphExecKernelNodeSetParams");
    }
}

void Replay::launch(State& s) {
  const Driver& d = *availability().driver;
  now_.resize(launches_);
  bool same = !pieces_.empty() && now_.size() == before_.size();
  for (size_t k = 0; same && k < now_.size(); ++k)
    same = now_[k].function == before_[k].function && now_[k].outside == before_[k].outside &&
           now_[k].call.size() == before_[k].call.size();
  try {
    const std::lock_guard lock(s.mutex);
    check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
    same ? change(s, d) : build(s, d);
  } catch (...) {
    before_.clear();  // some nodes may have changed: the next call builds the graph anew
    throw;
  }
  std::swap(now_, before_);
  for (const Piece& p : pieces_) {
    if (p.graph == nullptr) {
      before_[p.first].outside(s, before_[p.first].call.data());
      continue;
    }
    const std::lock_guard lock(s.mutex);
    // With the launch: a thread that reads values meanwhile looks only at earlier ones.
    s.plan_checks |= sites_used_ > 0;
    check_result(s, d.graph_launch(p.executable, s.stream), "cuGraphLaunch");
  }
}

void Replay::forget() noexcept {
  if (!life_.expired()) {
    const Driver& d = *availability().driver;
    destroy(pieces_, d);
    for (const Room& room : rooms_) deallocate(device_, room.data, room.bytes);
    if (State* s = known_state(device_); s != nullptr) {
      const std::lock_guard lock(s->mutex);
      for (uint32_t site : sites_) s->plan_sites.erase(site);
    }
  }
  pieces_.clear();
  rooms_.clear();
  sites_.clear();
  now_.clear();
  before_.clear();
  runs_ = 0;
}

}  // namespace duet::cuda
