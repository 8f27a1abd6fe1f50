// Other frameworks, each in a process of its own that takes one case at a time over a pipe: benchmarks/peers.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "case.h"

namespace bench {

/// One peer's process. A peer that is not installed, that dies or that hangs is one that says why, never an error.
class Peer {
 public:
  /// Starts `command`; its notices go to the file `log`.
  Peer(std::string name, const std::vector<std::string>& command, const std::string& log);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  bool alive() const { return pid_ > 0; }
  const std::string& why_not() const { return why_not_; }  // empty while it lives

  /// Waits for its greeting, with its version.
  void greet();
  /// Makes the case ready and warm: false when the peer has no such case, or is gone.
  bool prepare(const Case& c);
  /// Microseconds a call, one for each batch that fits into the time, at least one; none when it is gone.
  std::vector<double> sample(double seconds);
  /// The most memory that one call of the case takes beyond what is held before it, in bytes; −1 when unknown.
  double peak_bytes();

 private:
  /// One line there, one line back; "" when the peer is gone.
  std::string ask(const std::string& line, double timeout_s);
  std::string read_line(double timeout_s);
  void end(const std::string& why);

  std::string name_, version_, why_not_;
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  std::string unread_;
};

/// All peers in the order of the table, started for so many threads: from the environment that peers/setup made.
std::vector<std::unique_ptr<Peer>> start_peers(int threads);

}  // namespace bench
