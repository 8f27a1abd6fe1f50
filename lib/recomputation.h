// Second computations of the same thing.
#pragma once

namespace duet {

/// What runs in its scope was computed before and is computed again, to the bit: the same keys on purpose.
class Recomputation {
 public:
  Recomputation() { ++depth_; }
  ~Recomputation() { --depth_; }
  Recomputation(const Recomputation&) = delete;
  Recomputation& operator=(const Recomputation&) = delete;
  static bool active() { return depth_ > 0; }

 private:
  inline static thread_local int depth_ = 0;
};

}  // namespace duet
