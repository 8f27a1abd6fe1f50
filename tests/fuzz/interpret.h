// Running a program.
#pragma once

#include "fuzz/program.h"

namespace duet::fuzz {

/// Where the bits are made that all modes are compared with: no step is compiled there.
class PlainOracle {
 public:
  PlainOracle();
  ~PlainOracle();
  PlainOracle(const PlainOracle&) = delete;
  PlainOracle& operator=(const PlainOracle&) = delete;
};

/// Arguments and parameters of calls are those of program.h; `call` counts from 0.
inline constexpr int kCalls = 3;

/// A dense tensor of its own with the same elements.
Tensor copy(const Tensor& t);
/// Whether a value is what a copy of it was.
bool same(const Tensor& copy, const Tensor& t);

/// Told of each mode before it is run: a crash says nothing any more.
extern void (*watch_modes)(const Mode& m);

}  // namespace duet::fuzz
