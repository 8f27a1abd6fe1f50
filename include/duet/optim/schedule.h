// Learning rates as plain functions of the step, computed on the host. A number that a compiled step is given is no
// part of its plan, so one plan serves a whole schedule. Steps count from 0; the step after the last keeps the last
// rate.
#pragma once

#include <cstdint>
#include <source_location>

namespace duet::optim {

/// lr at every step.
float constant(int64_t step, float lr, std::source_location line = std::source_location::current());
/// lr·(step + 1)/(warmup + 1) before step `warmup`, then lr. Error for a negative step or length, as below.
float warmup(int64_t step, float lr, int64_t warmup, std::source_location line = std::source_location::current());
/// Warm-up, then half a wave from lr down to `last` at step `steps` (Loshchilov & Hutter 2017). Error unless
/// steps > warmup.
float warmup_cosine(int64_t step, float lr, int64_t warmup, int64_t steps, float last = 0,
                    std::source_location line = std::source_location::current());
/// lr·factor^(step / every), continuously. Error unless every ≥ 1 and factor ≥ 0.
float exponential_decay(int64_t step, float lr, float factor, int64_t every = 1,
                        std::source_location line = std::source_location::current());
/// lr·factor^⌊step / every⌋: a jump each `every` steps. Error unless every ≥ 1 and factor ≥ 0.
float step_decay(int64_t step, float lr, float factor, int64_t every,
                 std::source_location line = std::source_location::current());

}  // namespace duet::optim
