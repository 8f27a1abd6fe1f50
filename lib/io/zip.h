// Zip archives as .npz files are: members stored or deflated, one after the other without gaps, behind them a directory
// that agrees with what stands before each member. Encrypted archives, paths, and more than one disk are refused.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/crc32.h"
#include "io/file.h"

namespace duet::io {

enum class ZipMethod : uint16_t { stored = 0, deflated = 8 };

struct ZipMember {
  std::string name;  // UTF-8, no path
  ZipMethod method = ZipMethod::stored;
  uint32_t crc = 0;
  uint64_t packed_bytes = 0, bytes = 0;
  uint64_t header_offset = 0, data_offset = 0;  // in the file
};

/// Why a name cannot be a member's; nullptr when it can.
const char* zip_name_error(std::string_view name);

/// The members in the order of the directory. ParseError unless every byte of the file belongs to one thing and all
/// sizes are possible: a deflated member announces no more than deflate can pack, so that whoever believes `bytes`
/// takes at most 1032 times the file. `where` of its messages is that of the file.
std::vector<ZipMember> read_zip_directory(const InputFile& file);

/// The contents of a member, from start to end.
class ZipReader {
 public:
  /// `where` ("load: m.npz: member 'x.npy'") starts the messages.
  ZipReader(std::string where, const InputFile& file, const ZipMember& member);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  /// Fills `to` with what comes next; ParseError when there is less.
  void read(std::span<uint8_t> to);
  /// After the last byte: ParseError unless the contents end here and have the CRC that was announced.
  void finish();

 private:
  struct Inflater;

  std::string where_;
  const InputFile& file_;
  const ZipMember& member_;
  uint64_t read_ = 0;  // bytes handed out
  Crc32 crc_;
  std::unique_ptr<Inflater> inflater_;  // of deflated members
};

/// What stands before the contents of a stored member, and behind all members: byte for byte what Python's zipfile
/// writes for numpy.savez, dated 1980-01-01. Zip64 records where sizes need them.
std::string zip_local_header(const ZipMember& member);
std::string zip_directory(std::span<const ZipMember> members, uint64_t offset);

}  // namespace duet::io
