// A plan's launches on a device: its fused kernels are generated and compiled when the plan is made, other operations
// run as eager ones do.
#pragma once

#include <mutex>

#include "cuda/codegen/program.h"
#include "cuda/device.h"
#include "cuda/record.h"

namespace duet::cuda {

class PlanOnDevice {
 public:
  PlanOnDevice(const graph::Graph& g, const graph::Executable& e, Device device);
  ~PlanOnDevice();
  PlanOnDevice(const PlanOnDevice&) = delete;
  PlanOnDevice& operator=(const PlanOnDevice&) = delete;

  const Program& program() const { return program_; }
  /// Memory behind the arena that its kernels need.
  int64_t scratch_bytes() const;
  /// How its program was made.
  struct Made {
    size_t kernels = 0;
    std::string compiler;  // "NVRTC 13.0, sm_90"
    bool from_disk = false;
    double time_us = 0;
  };
  const Made& made() const { return made_; }
  /// Queues all launches; `base` holds the storage of every root value, numbers of the call in host memory.
  /// `replay` is of these launches in this arena.
  void run(const std::vector<char*>& base, char* arena, Replay& replay) const;

 private:
  void queue(State& s, const std::vector<char*>& base, char* arena) const;
  void load(State& s) const;
  void run_kernels(State& s, const graph::Launch& l, const std::vector<GeneratedKernel>& kernels, size_t launch,
                   const std::vector<char*>& base, char* arena) const;
  void run_operation(const graph::Launch& l, const std::vector<char*>& base) const;
  Strided strided(int v, const std::vector<char*>& base) const;

  const graph::Graph& g_;
  const graph::Executable& e_;
  Device device_;
  Program program_;
  Made made_;
  std::vector<char> image_;
  // Of the device as it was when the program was loaded; a device that tests forgot has another life.
  mutable std::mutex mutex_;
  mutable std::weak_ptr<const char> life_;
  mutable Handle module_ = nullptr;
  mutable std::vector<Handle> functions_;  // by number
};

}  // namespace duet::cuda
