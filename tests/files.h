// Helpers of the tests that read and write files.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <source_location>
#include <string>
#include <string_view>

#include "duet/core/error.h"
#include "duet/core/memory.h"

namespace duet {

/// An empty folder that vanishes with its contents.
class TempFolder {
 public:
  TempFolder() {
    // Thousands of small files are written; in memory that takes a hundredth of the time.
    bool shm = std::getenv("TMPDIR") == nullptr && ::access("/dev/shm", W_OK | X_OK) == 0;
    auto parent = shm ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "duet_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator());
  }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The message of the E that f throws, without the caller's line, which it must end with.
template <class E, class F>
std::string error_of(F&& f, std::source_location line = std::source_location::current()) {
  try {
    f();
  } catch (const E& error) {
    std::string_view message = error.what(), file = line.file_name();
    std::string expected = " [" + std::string(file.substr(file.rfind('/') + 1)) + ":";
    size_t at = message.rfind(expected);
    if (at == message.npos) return "no line of the caller in: " + std::string(message);
    return std::string(message.substr(0, at));
  }
  return "nothing was thrown";
}

/// Calls f while no file may grow beyond `bytes`: write() then fails half-way, as on a full disk.
template <class F>
void with_file_limit(size_t bytes, F&& f) {
  rlimit saved;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  auto* old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = saved;
  small.rlim_cur = bytes;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  f();
  setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, old_handler);
}

/// Calls f while the process may have no more than `bytes` of addresses.
template <class F>
void with_memory_limit(size_t bytes, F&& f) {
  rlimit saved;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &saved), 0);
  rlimit small = saved;
  small.rlim_cur = bytes;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  f();
  setrlimit(RLIMIT_AS, &saved);
}

/// Loads `good` cut at every byte, grown by a byte and with every one of its first `header` bytes' bits flipped. Only
/// a flipped file may load; everything else must be a ParseError, and no attempt may allocate more than the file's
/// `factor`-fold (and a few small blocks).
template <class Load>
void abuse(const std::string& path, const std::string& good, size_t header, size_t factor, const Load& load) {
  auto attempt = [&](const std::string& bytes) {
    write_file(path, bytes);
    int64_t before = memory_stats().live_bytes;
    reset_peak();
    bool loaded = true;
    try {
      load();
    } catch (const ParseError& error) {
      loaded = false;
      EXPECT_EQ(std::string_view(error.what()).find_first_of("\n\r\t"), std::string_view::npos) << error.what();
    }
    EXPECT_LE(memory_stats().peak_bytes - before, static_cast<int64_t>(factor * bytes.size() + 4096));
    return loaded;
  };
  ASSERT_TRUE(attempt(good));
  for (size_t n = 0; n < good.size(); ++n) ASSERT_FALSE(attempt(good.substr(0, n))) << "cut at byte " << n;
  ASSERT_FALSE(attempt(good + '\0')) << "a byte too many";
  for (size_t bit = 0; bit < 8 * std::min(header, good.size()); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    attempt(bad);
  }
}

}  // namespace duet
