// A progress bar for people: one line on a terminal's stderr, nothing in a pipe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace duet::data {

/// Counts to `total`; the line is redrawn at most some ten times a second and vanishes at the end.
class Progress {
 public:
  explicit Progress(std::string title, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more is done; `note` stands behind the bar.
  void step(std::string_view note = {});

 private:
  std::string title_;
  int64_t total_, done_ = 0;
  int64_t drawn_ns_ = 0;  // when the line was drawn last
  bool terminal_;
};

}  // namespace duet::data
