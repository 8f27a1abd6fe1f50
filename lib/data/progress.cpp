#include "duet/data/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace duet::data {

Progress::Progress(std::string title, int64_t total)
    : title_(std::move(title)), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && drawn_ns_ != 0) fmt::print(stderr, "\r\033[K");
}

void Progress::step(std::string_view note) {
  ++done_;
  if (!terminal_) return;
  constexpr int64_t kRedrawNs = 80'000'000;
  constexpr int kWidth = 30;
  const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  if (now - drawn_ns_ < kRedrawNs) return;
  drawn_ns_ = now;
  const int full = total_ > 0 ? static_cast<int>(kWidth * done_ / total_) : kWidth;
  fmt::print(stderr, "\r\033[K{} [{:<{}}] {}/{} {}", title_, std::string(static_cast<size_t>(full), '#'), kWidth, done_,
             total_, std::string(note));
  std::fflush(stderr);
}

}  // namespace duet::data
