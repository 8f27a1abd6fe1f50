// What the machine can do at most, measured in the run: what the suite's floors are made of.
#pragma once

#include <cstdint>
#include <map>

#include "case.h"

namespace bench {

/// Multiply-adds per second of the machine's widest registers on all threads in use: 2·operations of n steps a thread.
double fma_steps(int64_t n);
/// z = x·2 + y over n floats on all threads; streaming stores bypass the caches.
void triad(const float* x, const float* y, float* z, int64_t n, bool streaming);
/// The sum of n floats on all threads.
float read_all(const float* x, int64_t n);

/// The machine's rates with the threads in use, the best of all tries so far: measured when first asked for, and again
/// whenever the moment may be a quieter one.
class Floors {
 public:
  double flops();                                   // a second
  double triad_rate(double bytes, bool streaming);  // useful bytes a second over a working set of so many bytes
  double read_rate(double bytes);
  /// The best of the three above over a working set of so many bytes: nothing touches them faster.
  double best_rate(double bytes);
  /// Measures again, over a working set of so many bytes, what floor_us needs.
  void try_again(double bytes);
  /// The least time for the work, in microseconds, and whether flops decide it.
  double floor_us(const Work& work, bool* by_flops);

 private:
  double flops_ = 0;
  std::map<int64_t, double> triads_, streams_, reads_;  // by working set
};

/// The sizes of a core's L2 and of the L3 as the system says, 0 where it does not.
int64_t l2_bytes();
int64_t l3_bytes();

}  // namespace bench
