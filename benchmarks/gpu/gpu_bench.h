// What a CUDA device does with duet's eager operations: `gpu_bench` (./run gpu) on a real one; a test runs the same
// code on the fake one.
#pragma once

#include <string>
#include <vector>

namespace bench {

/// How large and how often.
struct GpuOptions {
  int64_t elements = int64_t{64} << 20;  // of the large tensors, f32
  int64_t matmul = 4096;                 // side of the largest square product
  int64_t vocabulary = 50257;            // classes of the wide rows
  int ops = 20000;                       // of one element
  int steps = 300;                       // of training
  double seconds = 0.2;                  // for each case, at least
  std::string torch;                     // benchmarks/gpu/torch_peer.py, or empty
};

/// What a case takes, and, where the device itself has a measure of it, the rate it is done at.
struct GpuFigure {
  std::string name;
  double us = 0, torch_us = 0;  // 0: none
  double rate = 0, floor = 0;   // floor: of the device's own copy, or of cuBLAS alone, in the same run
  std::string unit;             // of both
  double bar = 0;               // at least so much of the floor or, without one, at most so much of PyTorch's time
};

struct GpuReport {
  std::string device, torch;  // torch: its version, or why there is none
  double copy_gb_s = 0;
  std::vector<GpuFigure> figures;
};

/// DeviceError when there is no device.
GpuReport run_gpu_bench(const GpuOptions& options);

std::string to_markdown(const GpuReport& report, const std::string& date);
std::string to_json(const GpuReport& report, const std::string& date);
/// "nvidia-h200", for the names of files.
std::string file_name(const std::string& device);

}  // namespace bench
