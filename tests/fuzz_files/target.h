// What the fuzz targets of files share: the bytes become a file, and a reader may refuse it or give tensors, the same
// ones each time, which saved and loaded again keep their bits.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "duet/duet.h"

namespace duet::fuzz_files {

/// A file in memory with these bytes, and a path that opens it.
class File {
 public:
  File(const uint8_t* bytes, size_t size) : fd_(::memfd_create("duet", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::write(fd_, bytes, size) != static_cast<ssize_t>(size)) std::abort();
    path_ = "/proc/self/fd/" + std::to_string(fd_);
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

inline void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "duet: %s\n", what);
  std::abort();
}

inline bool same(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.block().data, b.block().data, a.size_bytes()) == 0;
}
inline bool same(const io::NamedTensors& a, const io::NamedTensors& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].first != b[i].first || !same(a[i].second, b[i].second)) return false;
  return true;
}

/// Tensors may take `factor` times the file, and small blocks.
class Budget {
 public:
  Budget(size_t file, size_t factor) : most_(static_cast<int64_t>(factor * file + 65536)) {
    before_ = memory_stats().live_bytes;
    reset_peak();
  }
  void check() const { require(memory_stats().peak_bytes - before_ <= most_, "more memory than the file explains"); }

 private:
  int64_t most_, before_;
};

/// What `read` gives; nothing where it refuses the file by a ParseError in one line.
template <class F>
auto read_or_refuse(const F& read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const ParseError& error) {
    require(std::strpbrk(error.what(), "\n\r") == nullptr, "a message of several lines");
    return std::nullopt;
  }
}

}  // namespace duet::fuzz_files

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);
