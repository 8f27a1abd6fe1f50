#include "duet/optim/schedule.h"

#include <cmath>

#include "duet/core/error.h"

namespace duet::optim {
namespace {

void check_schedule(const char* name, int64_t step, int64_t length, int64_t least) {
  check<Error>(step >= 0, "{}: a step is negative: {}; steps count from 0", name, step);
  check<Error>(length >= least, "{}: a length is below {}: {}; give a larger one", name, least, length);
}

void check_factor(const char* name, float factor) {
  check<Error>(factor >= 0, "{}: a factor must not be negative: {}", name, factor);
}

double rising(int64_t step, float lr, int64_t warmup) {
  const double full = static_cast<double>(lr);
  return step < warmup ? full * (static_cast<double>(step) + 1) / (static_cast<double>(warmup) + 1) : full;
}

}  // namespace

float constant(int64_t step, float lr, std::source_location line) {
  LineScope scope(line);
  check_schedule("constant", step, 0, 0);
  return lr;
}

float warmup(int64_t step, float lr, int64_t warmup, std::source_location line) {
  LineScope scope(line);
  check_schedule("warmup", step, warmup, 0);
  return static_cast<float>(rising(step, lr, warmup));
}

float warmup_cosine(int64_t step, float lr, int64_t warmup, int64_t steps, float last, std::source_location line) {
  LineScope scope(line);
  check_schedule("warmup_cosine", step, warmup, 0);
  check<Error>(steps > warmup, "warmup_cosine: the warm-up takes all of the steps: {} of {}; give more steps", warmup,
               steps);
  if (step < warmup) return static_cast<float>(rising(step, lr, warmup));
  if (step >= steps) return last;
  const double part = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  const double from = static_cast<double>(lr), to = static_cast<double>(last);
  return static_cast<float>(to + (from - to) * 0.5 * (1 + std::cos(3.14159265358979323846 * part)));
}

float exponential_decay(int64_t step, float lr, float factor, int64_t every, std::source_location line) {
  LineScope scope(line);
  check_schedule("exponential_decay", step, every, 1);
  check_factor("exponential_decay", factor);
  return static_cast<float>(static_cast<double>(lr) * std::pow(static_cast<double>(factor),
                                                               static_cast<double>(step) / static_cast<double>(every)));
}

float step_decay(int64_t step, float lr, float factor, int64_t every, std::source_location line) {
  LineScope scope(line);
  check_schedule("step_decay", step, every, 1);
  check_factor("step_decay", factor);
  const int64_t jumps = step / every;
  return static_cast<float>(static_cast<double>(lr) *
                            std::pow(static_cast<double>(factor), static_cast<double>(jumps)));
}

}  // namespace duet::optim
