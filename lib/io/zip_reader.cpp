// The contents of a zip archive's members. Without zlib only of the stored ones.
#include <algorithm>

#include "io/zip.h"

#ifdef DUET_HAS_ZLIB
#include <zlib.h>
#endif

namespace duet::io {

#ifdef DUET_HAS_ZLIB
struct ZipReader::Inflater {
  Inflater(const std::string& where, const InputFile& file, const ZipMember& member)
      : where(where), file(file), at(member.data_offset), left(member.packed_bytes) {
    // Negative: a bare deflate stream, as zip has it.
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) fail<OutOfMemory>("{}: no memory to unpack it", where);
  }
  ~Inflater() { inflateEnd(&z); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Fills `to` or reaches the end; how many bytes came out.
  size_t read(std::span<uint8_t> to) {
    size_t have = 0;
    while (have < to.size() && !ended) {
      if (z.avail_in == 0 && left > 0) {
        const size_t n = static_cast<size_t>(std::min<uint64_t>(left, sizeof(packed)));
        file.read(at, std::span(packed).first(n));
        at += n;
        left -= n;
        z.next_in = packed;
        z.avail_in = static_cast<uInt>(n);
      }
      const uInt room = static_cast<uInt>(std::min(to.size() - have, size_t{1} << 30));
      z.next_out = to.data() + have;
      z.avail_out = room;
      const int status = inflate(&z, Z_NO_FLUSH);
      have += room - z.avail_out;
      ended = status == Z_STREAM_END;
      if (status == Z_BUF_ERROR && z.avail_in == 0 && left == 0)
        fail<ParseError>("{}: damaged deflate data: they do not end", where);
      if (status == Z_MEM_ERROR) fail<OutOfMemory>("{}: no memory to unpack it", where);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        fail<ParseError>("{}: damaged deflate data: {}", where, z.msg ? z.msg : "bad stream");
    }
    return have;
  }
  uint64_t unread() const { return left + z.avail_in; }

  const std::string& where;
  const InputFile& file;
  uint64_t at, left;  // of the packed bytes in the file
  bool ended = false;
  z_stream z{};
  uint8_t packed[1 << 16];
};
#else
struct ZipReader::Inflater {
  Inflater(const std::string& where, const InputFile&, const ZipMember&) {
    fail<ParseError>(
        "{}: compressed, and duet was built without zlib; save it with numpy.savez, or build duet with zlib", where);
  }
  size_t read(std::span<uint8_t>) { return 0; }
  uint64_t unread() const { return 0; }
};
#endif

ZipReader::ZipReader(std::string where, const InputFile& file, const ZipMember& member)
    : where_(std::move(where)), file_(file), member_(member) {
  if (member.method == ZipMethod::deflated) inflater_ = std::make_unique<Inflater>(where_, file, member);
}
ZipReader::~ZipReader() = default;

void ZipReader::read(std::span<uint8_t> to) {
  const uint64_t end = read_ + to.size();
  if (end > member_.bytes) fail<ParseError>("{}: cut: it ends at byte {}", where_, member_.bytes);
  if (!inflater_) {
    file_.read(member_.data_offset + read_, to);
  } else if (const size_t n = inflater_->read(to); n < to.size()) {
    fail<ParseError>("{}: damaged deflate data: {} bytes announced, {} there", where_, member_.bytes, read_ + n);
  }
  crc_.add(to);
  read_ = end;
}

void ZipReader::finish() {
  if (read_ != member_.bytes) fail<ParseError>("{}: trailing bytes: {}", where_, member_.bytes - read_);
  uint8_t more[1];
  if (inflater_ && inflater_->read(more) != 0)
    fail<ParseError>("{}: damaged deflate data: more than the {} bytes announced", where_, member_.bytes);
  if (inflater_ && inflater_->unread() != 0)
    fail<ParseError>("{}: trailing bytes: {} after the deflate data", where_, inflater_->unread());
  if (crc_.value() != member_.crc)
    fail<ParseError>("{}: damaged: its CRC-32 is {:08x}, not {:08x}", where_, crc_.value(), member_.crc);
}

}  // namespace duet::io
