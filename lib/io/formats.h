// What the headers of files say, checked against the length of the file before anything is allocated.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duet/io/safetensors.h"

namespace duet::io {

struct NpyHeader {
  Spec spec;
  bool fortran_order = false;
  bool swap_bytes = false;
  uint64_t data_offset = 0;
};
/// Length of magic, version and length field in the three versions of .npy, and the longest header read.
inline constexpr size_t kNpyPreamble = 12;
inline constexpr size_t kNpyLongestHeader = 10'000;
/// `start`: the first bytes of the file, as many as there are up to preamble and longest header.
NpyHeader parse_npy_header(std::string_view where, std::span<const uint8_t> start, uint64_t file_bytes);
/// The tensor whose elements `read` holds in the byte order and the order of axes of the file.
Tensor npy_tensor(std::string_view where, const NpyHeader& header, Tensor read);
/// What stands before the elements: version 1, little-endian, C order. DTypeError for bf16, which NumPy has not.
std::string npy_header(std::string_view where, const Spec& spec);

struct SafetensorsEntry {
  std::string name;
  Spec spec;
  uint64_t offset = 0;  // in the file
};
inline constexpr uint64_t kSafetensorsLongestHeader = 100'000'000;
/// Length of the JSON header behind the 8 bytes that say it.
uint64_t parse_safetensors_length(std::string_view where, std::span<const uint8_t, 8> start, uint64_t file_bytes);
/// Text beside the tensors, by name.
using Metadata = std::vector<std::pair<std::string, std::string>>;
std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view where, std::string_view json,
                                                       uint64_t file_bytes, Metadata* metadata = nullptr);

/// A file with a checksum over all of its bytes, which stands first in its metadata. `action` starts the messages.
struct SealedFile {
  NamedTensors tensors;
  Metadata metadata;
};
/// ParseError also when a byte is not as it was written.
SealedFile read_sealed(const char* action, const std::string& path);
void write_sealed(const char* action, const std::string& path, const SealedFile& content);

}  // namespace duet::io
