// What an IDX file says, checked against what it has.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace duet::data {

/// An IDX file of unsigned bytes in memory, unpacked if it was gzip.
struct Idx {
  std::vector<int64_t> dims;
  std::vector<uint8_t> file;
  size_t header_bytes = 0;
  std::span<const uint8_t> elements() const { return std::span(file).subspan(header_bytes); }
};

/// ParseError unless `file`, plain or gzip, is an IDX file of unsigned bytes with `rank` axes, exactly as long as its
/// header says. Never holds more than the real contents, doubled while they grow.
Idx parse_idx(std::string_view where, std::vector<uint8_t> file, int rank);

}  // namespace duet::data
