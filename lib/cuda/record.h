// Launches that are recorded in place of being queued, and replayed as one CUDA graph: what a plan queues call after
// call is the same but for addresses and numbers.
#pragma once

#include "cuda/device.h"

namespace duet::cuda {

struct RecordedLaunch {
  Handle function;
  unsigned blocks, threads;
  std::vector<char> call;  // the struct that the kernel takes
};

/// What the launches of one plan were the last time, and the graph of them.
class Replay {
 public:
  Replay() = default;
  ~Replay() { forget(); }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Runs `queue`, which queues launches on the device: as it is the first time, then recorded, as one graph. Where a
  /// library's calls are among them it stays as it is.
  template <class F>
  void run(State& s, const F& queue) {
    if (!begin(s)) {
      const uint64_t before = foreign_calls();
      queue();
      foreign_ = foreign_calls() != before;
      return;
    }
    {
      const Scope scope(*this);
      queue();
    }
    launch(s);
  }

  /// The one that records in this thread; null when launches are queued.
  static Replay* active();
  /// Calls of this thread that another library queued itself, and which no recording has.
  static uint64_t& foreign_calls();
  void add(Handle function, unsigned blocks, unsigned threads, const void* call, size_t bytes);
  /// Memory for the length of a launch: the same one in every recording, nobody else's between them.
  void* room(Device device, size_t bytes);
  /// The number of a check of indices, which is the same in every recording.
  uint32_t site(State& s, const FaultSite& site);

 private:
  struct Scope {
    explicit Scope(Replay& r);
    ~Scope();
  };
  bool begin(State& s);
  void launch(State& s);
  void build(State& s, const Driver& d);
  void forget() noexcept;

  struct Room {
    void* data;
    size_t bytes;
  };
  Device device_;
  std::weak_ptr<const char> life_;
  int runs_ = 0;
  bool foreign_ = false;
  uint64_t providers_ = 0;  // how often the provider of products had been chosen
  std::vector<RecordedLaunch> now_, before_;
  size_t launches_ = 0, rooms_used_ = 0, sites_used_ = 0;  // of the recording under way
  std::vector<Room> rooms_;
  std::vector<uint32_t> sites_;
  Handle graph_ = nullptr, executable_ = nullptr;
  std::vector<Handle> nodes_;
};

}  // namespace duet::cuda
