// Launches that are recorded in place of being queued, and replayed as one CUDA graph: what a plan queues call after
// call is the same but for addresses and numbers. Calls of a library, such as cuBLAS, stand between graphs.
#pragma once

#include "cuda/device.h"

namespace duet::cuda {

struct RecordedLaunch {
  Handle function;
  unsigned blocks, threads;
  std::vector<char> call;  // the struct that the kernel takes
  /// In place of a kernel: what queues something by itself, as a library does. It stands between two graphs.
  void (*outside)(State& s, const void* call);
};

/// What the launches of one plan were the last time, and the graph of them.
class Replay {
 public:
  Replay() = default;
  ~Replay() { forget(); }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Runs `queue`, which queues launches on the device: as it is the first time, then recorded, as one graph.
  template <class F>
  void run(State& s, const F& queue) {
    if (!begin(s)) return queue();
    {
      const Scope scope(*this);
      queue();
    }
    launch(s);
  }

  /// The one that records in this thread; null when launches are queued.
  static Replay* active();
  void add(Handle function, unsigned blocks, unsigned threads, const void* call, size_t bytes);
  void add_outside(void (*run)(State& s, const void* call), const void* call, size_t bytes);
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
  void change(State& s, const Driver& d);
  void forget() noexcept;
  // Launches [first, end) as a graph; without one a single call from outside.
  struct Piece {
    size_t first, end;
    Handle graph = nullptr, executable = nullptr;
    std::vector<Handle> nodes;
  };
  static void destroy(std::vector<Piece>& pieces, const Driver& d) noexcept;

  struct Room {
    void* data;
    size_t bytes;
  };
  Device device_;
  std::weak_ptr<const char> life_;
  int runs_ = 0;
  std::vector<RecordedLaunch> now_, before_;
  size_t launches_ = 0, rooms_used_ = 0, sites_used_ = 0;  // of the recording under way
  std::vector<Room> rooms_;
  std::vector<uint32_t> sites_;
  std::vector<Piece> pieces_;
};

}  // namespace duet::cuda
