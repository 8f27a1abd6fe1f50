// Files: reading what may be hostile, writing so that a failure leaves the old file whole.
#pragma once

#include <cstdint>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "duet/core/tensor.h"

namespace duet::io {

/// An open regular file. `where` ("load: m.npy") starts every message about it.
class InputFile {
 public:
  InputFile(std::string where, const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const { return size_; }
  const std::string& where() const { return where_; }
  /// Fills `to` from `offset` on. ParseError when the file has become shorter or cannot be read.
  void read(uint64_t offset, std::span<uint8_t> to) const;

 private:
  std::string where_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

[[noreturn]] void no_memory_for(const InputFile& file);
/// What f makes of a file that is read whole; OutOfMemory, naming the file, when it does not fit into memory.
template <class F>
auto read_whole(const InputFile& file, F&& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    no_memory_for(file);
  } catch (const std::length_error&) {
    no_memory_for(file);
  }
}

/// A file under a temporary name next to `path`, which takes its place on commit() and vanishes without it.
class OutputFile {
 public:
  OutputFile(std::string where, const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const uint8_t> bytes);
  void write(std::string_view text) { write({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }
  void commit();

 private:
  [[noreturn]] void give_up(const char* what);

  std::string where_, path_, temporary_;
  int fd_ = -1;
};

/// The folder that a path lies in.
std::string folder_of(const std::string& path);
/// Flushes a folder, so that a new name in it survives a power cut; a file system that cannot do that loses nothing.
void flush_folder(const std::string& folder) noexcept;

/// A dense tensor whose elements the caller is about to write through storage().
Tensor uninitialized(const Spec& spec);
std::span<uint8_t> storage(Tensor& t);
std::span<const uint8_t> elements(const Tensor& t);

/// ParseError when a bool is neither 0 nor 1: no other byte may become a bool in memory.
void check_elements(std::string_view where, const Tensor& t);

/// Bytes of a tensor that a file describes; ParseError when the extents make no sense.
uint64_t checked_bytes(std::string_view where, const Spec& spec);

/// Text out of a file made fit for a one-line message: short, printable, in quotes.
std::string quote(std::string_view text);

}  // namespace duet::io
