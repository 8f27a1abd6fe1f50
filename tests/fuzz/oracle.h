// The second oracle: what the definitions of the operations give, computed by the naive interpreter in doubles.
#pragma once

#include "fuzz/program.h"

namespace duet::fuzz {

/// What the oracle looked at so far, in this process.
struct Looked {
  uint64_t elements = 0;            // of all results
  uint64_t compared = 0;            // with a bound that says something
  uint64_t steps = 0, skipped = 0;  // too large for it
};
Looked& looked();

/// Follows a program step by step as it runs eagerly. Each step is computed once more from the operands that the
/// program itself found, so that errors do not add up: what is left is the error of the step.
class Oracle {
 public:
  Oracle(const Program& p, float s0, float s1) : p_(p), numbers_{s0, s1} {}
  void leaves(const Tensors& values);
  void step(size_t i, const Tensors& results);
  /// The run ended by an IndexError.
  void threw();
  /// What was wrong first, if anything.
  const std::string& fault() const { return fault_; }

 private:
  struct State;
  const Program& p_;
  double numbers_[2];
  size_t steps_ = 0;
  std::string fault_;
  std::shared_ptr<State> state_;
};

}  // namespace duet::fuzz
