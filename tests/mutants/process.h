// A test as a process with limits.
#pragma once

#include <string>
#include <vector>

namespace mutants {

struct Limits {
  double seconds = 0;      // of the clock: for what waits for ever
  double cpu_seconds = 0;  // for what runs for ever
};

struct Ended {
  int status = 0;  // as waitpid gives it
  bool timed_out = false;
  double seconds = 0, cpu_seconds = 0;
};

/// Runs a command in a folder, with nothing to read and its output thrown away, and ends all its processes with it.
Ended run_process(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                  const std::string& folder, const Limits& limits);

}  // namespace mutants
