#include "cuda/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cuda/device.h"
#include "duet/core/error.h"

namespace duet::cuda {
namespace {

// Blocks up to kSmall come from segments of kSmallSegment, larger ones from segments of at least kLargeSegment.
constexpr size_t kRound = 512, kSmall = size_t{1} << 20, kSmallSegment = size_t{2} << 20,
                 kLargeSegment = size_t{20} << 20, kWholeFrom = size_t{10} << 20, kSegmentRound = size_t{2} << 20;

size_t rounded(size_t bytes, size_t to) { return (std::max<size_t>(bytes, 1) + to - 1) / to * to; }

void put_free(State& s, Piece* p, int pool) {
  p->free = true;
  s.free[pool].emplace(p->bytes, p);
  s.stats.cached_bytes += static_cast<int64_t>(p->bytes);
}
void take_free(State& s, Piece* p, int pool) noexcept {
  auto [first, last] = s.free[pool].equal_range(p->bytes);
  while (first != last && first->second != p) ++first;
  if (first == last) return;
  s.free[pool].erase(first);
  s.stats.cached_bytes -= static_cast<int64_t>(p->bytes);
}

void release_segments(State& s) noexcept {
  for (int pool : {0, 1})
    for (auto it = s.free[pool].begin(); it != s.free[pool].end();) {
      Piece* p = it->second;
      if (p->before != nullptr || p->behind != nullptr) {
        ++it;
        continue;
      }
      it = s.free[pool].erase(it);
      s.stats.cached_bytes -= static_cast<int64_t>(p->bytes);
      availability().driver->memory_free(p->at);
      std::erase(s.segments, p->at);
      delete p;
    }
}

// "matmul 1,048,576 B in 2 blocks, …": the operations that hold the most.
std::string owners(const State& s) {
  std::map<std::string_view, std::pair<size_t, int>> by;
  for (const auto& [at, p] : s.live) by[p->op].first += p->bytes, ++by[p->op].second;
  std::vector<std::pair<std::string_view, std::pair<size_t, int>>> most(by.begin(), by.end());
  std::sort(most.begin(), most.end(), [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
  std::string text;
  for (size_t i = 0; i < most.size() && i < 3; ++i)
    text +=
        fmt::format("{}{} {} B in {}", i == 0 ? "" : ", ", most[i].first, most[i].second.first, most[i].second.second);
  return text.empty() ? "nobody" : text;
}

Piece* new_segment(State& s, size_t bytes, int pool) {
  const Driver& d = *availability().driver;
  const size_t segment = pool == 0             ? kSmallSegment
                         : bytes >= kWholeFrom ? rounded(bytes, kSegmentRound)
                                               : kLargeSegment;
  check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
  auto piece = std::make_unique<Piece>();
  s.segments.reserve(s.segments.size() + 1);
  DevicePtr at = 0;
  Result code = d.memory_allocate(&at, segment);
  if (code == kOutOfMemory) {
    // What the stream still does with these segments ends before the driver takes them: cuMemFree waits.
    release_segments(s);
    code = d.memory_allocate(&at, segment);
  }
  if (code == kOutOfMemory) {
    size_t free = 0, total = 0;
    d.memory_info(&free, &total);
    fail<OutOfMemory>("allocate: {} has no {} bytes more: {} of {} are free; most is held by {}", s.device, bytes, free,
                      total, owners(s));
  }
  check_result(s, code, "cuMemAlloc");
  s.segments.push_back(at);
  piece->at = at;
  piece->bytes = segment;
  return piece.release();
}

}  // namespace

void* allocate(Device device, size_t bytes) {
  State& s = state(device);
  const std::lock_guard lock(s.mutex);
  check<OutOfMemory>(bytes <= (size_t{1} << 46), "allocate: {} bytes are more than any device has", bytes);
  const size_t size = rounded(bytes, kRound);
  const int pool = size <= kSmall ? 0 : 1;
  // The best fit among what is free.
  auto it = s.free[pool].lower_bound(size);
  Piece* p = it != s.free[pool].end() ? it->second : nullptr;
  if (p != nullptr)
    take_free(s, p, pool);
  else
    p = new_segment(s, size, pool);
  if (p->bytes - size >= (pool == 0 ? kRound : kSmall)) {
    auto* rest = new Piece{p->at + size, p->bytes - size, true, p, p->behind, {}};
    if (p->behind != nullptr) p->behind->before = rest;
    p->behind = rest;
    p->bytes = size;
    put_free(s, rest, pool);
  }
  p->free = false;
  p->op = thread_state.op;
  s.live.emplace(p->at, p);
  ++s.stats.allocations;
  s.stats.live_bytes += static_cast<int64_t>(p->bytes);
  s.stats.peak_bytes = std::max(s.stats.peak_bytes, s.stats.live_bytes);
  return reinterpret_cast<void*>(p->at);
}

void deallocate(Device device, void* p, size_t bytes) noexcept {
  State* s = known_state(device);
  if (s == nullptr) return;  // the device was forgotten, its memory with it
  const std::lock_guard lock(s->mutex);
  const auto it = s->live.find(reinterpret_cast<DevicePtr>(p));
  if (it == s->live.end()) return;
  Piece* piece = it->second;
  s->live.erase(it);
  s->stats.live_bytes -= static_cast<int64_t>(piece->bytes);
  const int pool = rounded(bytes, kRound) <= kSmall ? 0 : 1;
  auto merge = [&](Piece* a, Piece* b) {  // b into a, its neighbour
    a->bytes += b->bytes;
    a->behind = b->behind;
    if (b->behind != nullptr) b->behind->before = a;
    delete b;
  };
  if (Piece* next = piece->behind; next != nullptr && next->free) {
    take_free(*s, next, pool);
    merge(piece, next);
  }
  if (Piece* previous = piece->before; previous != nullptr && previous->free) {
    take_free(*s, previous, pool);
    merge(previous, piece);
    piece = previous;
  }
  put_free(*s, piece, pool);
}

MemoryStats memory_stats(Device device) {
  State& s = state(device);
  const std::lock_guard lock(s.mutex);
  return s.stats;
}
void reset_peak(Device device) {
  State& s = state(device);
  const std::lock_guard lock(s.mutex);
  s.stats.peak_bytes = s.stats.live_bytes;
}
void trim_memory(Device device) {
  State& s = state(device);
  const std::lock_guard lock(s.mutex);
  release_segments(s);
}

}  // namespace duet::cuda
