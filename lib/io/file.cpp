#include "io/file.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace duet::io {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

// Linux moves at most 2 GiB in one call.
constexpr size_t kMostBytesAtOnce = size_t{1} << 30;

}  // namespace

InputFile::InputFile(std::string where, const std::string& path) : where_(std::move(where)) {
  // Without O_NONBLOCK a path that is a pipe would wait for ever for its writer.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) {
    int error = errno;
    if (error == ENOENT) fail<ParseError>("{}: no such file", where_);
    fail<ParseError>("{}: cannot be opened: {}", where_, reason(error));
  }
  struct stat info;
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    fail<ParseError>("{}: not a regular file", where_);
  }
  size_ = static_cast<uint64_t>(info.st_size);
}

InputFile::~InputFile() { ::close(fd_); }

void InputFile::read(uint64_t offset, std::span<uint8_t> to) const {
  while (!to.empty()) {
    ssize_t n = ::pread(fd_, to.data(), std::min(to.size(), kMostBytesAtOnce), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail<ParseError>("{}: cannot be read: {}", where_, reason(errno));
    if (n == 0) fail<ParseError>("{}: cut at byte {}", where_, offset);
    offset += static_cast<uint64_t>(n);
    to = to.subspan(static_cast<size_t>(n));
  }
}

void no_memory_for(const InputFile& file) {
  fail<OutOfMemory>("{}: no memory for a file of {} bytes", file.where(), file.size());
}

OutputFile::OutputFile(std::string where, const std::string& path) : where_(std::move(where)), path_(path) {
  // A device or a pipe would be gone once the file has taken its name.
  struct stat there;
  if (::stat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
    fail<Error>("{}: cannot be written: it is there and is no regular file", where_);
  static std::atomic<unsigned> count{0};
  do {  // a process of the same number may have been killed while it wrote
    temporary_ = fmt::format("{}.{}.{}.tmp", path_, ::getpid(), count.fetch_add(1));
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) {
    int error = errno;
    temporary_.clear();
    fail<Error>("{}: cannot be written: {}", where_, reason(error));
  }
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::give_up(const char* what) {
  fail<Error>("{}: {}: {}; the old file, if any, is untouched", where_, what, reason(errno));
}

void OutputFile::write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd_, bytes.data(), std::min(bytes.size(), kMostBytesAtOnce));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) give_up("cannot be written");
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void OutputFile::commit() {
  const std::string folder = folder_of(path_);  // now: nothing may fail once the old file is gone
  if (::fsync(fd_) != 0) give_up("cannot be flushed to the disk");
  int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0) give_up("cannot be closed");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("cannot be put in place");
  temporary_.clear();
  // The new name is safe from a power cut once its folder is flushed.
  flush_folder(folder);
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash + 1);
}

void flush_folder(const std::string& folder) noexcept {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

Tensor uninitialized(const Spec& spec) {
  checked_numel(spec.shape, spec.dtype);
  return Tensor::adopt(block::make(spec.dtype, spec.shape, true), fresh_ids(1));
}

std::span<uint8_t> storage(Tensor& t) { return {static_cast<uint8_t*>(t.block().data), t.size_bytes()}; }

std::span<const uint8_t> elements(const Tensor& t) {
  check<DeviceError>(!t.device().is_cuda(), "elements: the elements are on {}: {}; use .to(Device::cpu())", t.device(),
                     t.spec());
  return {static_cast<const uint8_t*>(t.block().data), t.size_bytes()};
}

void check_elements(std::string_view where, const Tensor& t) {
  if (t.dtype() != DType::boolean) return;
  for (uint8_t byte : elements(t)) {
    if (byte > 1) fail<ParseError>("{}: a bool is neither 0 nor 1: {}", where, byte);
  }
}

uint64_t checked_bytes(std::string_view where, const Spec& spec) {
  try {
    return static_cast<uint64_t>(checked_numel(spec.shape, spec.dtype)) * size_bytes(spec.dtype);
  } catch (const ShapeError&) {
    fail<ParseError>("{}: impossible shape {}", where, spec);
  }
}

std::string quote(std::string_view text) {
  constexpr size_t kLongest = 80;
  std::string out = "'";
  for (char c : text.substr(0, kLongest)) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (text.size() > kLongest ? "…'" : "'");
}

}  // namespace duet::io
