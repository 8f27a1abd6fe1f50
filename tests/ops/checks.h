// What is checked of every sample: values against the reference, the same bits in every mode, gradients against
// differences, and kernels saved by compiling.
#pragma once

#include "ops/samples.h"

namespace duet::testing {

/// Kernels of this instruction set, or where there is none of v3, on so many threads.
void use_machine(const char* isa, int threads);

/// Values against the reference. Empty when right.
std::string check_values(const Sample& s);

/// The op, an op that follows it on the same elements, and the gradients of all floating inputs.
struct WithGradients {
  const Sample* sample;
  Tensors operator()(const Tensors& x, float n) const;
};

/// Eager, compiled and frozen give the same bits, with either instruction set and one or two threads.
std::string check_modes(const Sample& s);

/// Compiled never runs more kernels than eager, and fewer where the op is followed by one that can join its kernel.
std::string check_launches(const Sample& s);

/// First and second gradients against central differences in f64, along a random direction.
std::string check_gradients(const Sample& s);

/// All of it, for many samples; failures name the sample.
void check_samples(const std::vector<Sample>& samples, const std::function<void(const std::string&)>& report);

}  // namespace duet::testing
