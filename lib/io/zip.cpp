// The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (sections 4.3 to 4.5).
#include "io/zip.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace duet::io {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kEntry = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr size_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr uint64_t kFull16 = 0xffff, kFull32 = 0xffffffff;  // "see the zip64 record"
constexpr uint16_t kUtf8 = 1 << 11, kEncrypted = 1, kStreamed = 1 << 3, kDeflateSpeed = 6;
// Two bits of deflate copy at most 258 bytes.
constexpr uint64_t kMostDeflated = 1032;

// --- reading ---

// Little-endian numbers and texts one after the other. Whoever makes one has checked that they are there.
class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t left() const { return bytes_.size(); }
  uint64_t number(size_t width) {
    uint64_t n = 0;
    for (size_t i = 0; i < width; ++i) n |= uint64_t{bytes_[i]} << (8 * i);
    bytes_ = bytes_.subspan(width);
    return n;
  }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  void skip(size_t n) { bytes_ = bytes_.subspan(n); }
  std::span<const uint8_t> take(size_t n) {
    auto taken = bytes_.first(n);
    skip(n);
    return taken;
  }
  std::string text(size_t n) {
    auto taken = take(n);
    return {taken.begin(), taken.end()};
  }

 private:
  std::span<const uint8_t> bytes_;
};

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return i + k < text.size() ? static_cast<uint8_t>(text[i + k]) : uint8_t{0}; };
    const uint8_t first = byte(0);
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (length == 0) return false;
    for (size_t k = 1; k < length; ++k)
      if (byte(k) < 0x80 || byte(k) > 0xbf) return false;
    // Longer than needed, surrogates, beyond U+10FFFF.
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) || (first == 0xf0 && byte(1) < 0x90) ||
        (first == 0xf4 && byte(1) > 0x8f))
      return false;
    i += length;
  }
  return true;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

struct Directory {
  uint64_t offset, bytes, members;
};

Directory find_directory(const InputFile& file) {
  const auto none = [&] {
    fail<ParseError>("{}: not a .npz file, or cut: it does not end as a zip archive does", file.where());
  };
  if (file.size() < kEndBytes) none();
  uint8_t bytes[kEnd64Bytes];
  uint64_t end = file.size() - kEndBytes;
  file.read(end, std::span(bytes).first(kEndBytes));
  Cursor at{std::span(bytes).first(kEndBytes)};
  if (at.u32() != kEnd) none();
  uint64_t disks = at.u16() | at.u16(), members_here = at.u16();
  Directory directory{};
  directory.members = at.u16();
  directory.bytes = at.u32();
  directory.offset = at.u32();
  if (at.u16() != 0) none();  // a comment that is not there

  const auto is_locator = [&] {
    if (end < kLocator64Bytes) return false;
    file.read(end - kLocator64Bytes, std::span(bytes).first(kLocator64Bytes));
    return Cursor(bytes).u32() == kLocator64;
  };
  bool agree = true;
  if (is_locator()) {
    Cursor locator(bytes);
    locator.skip(4);
    disks |= locator.u32();
    const uint64_t record = locator.number(8);
    const uint64_t count = locator.u32();
    agree = count == 1 && end >= kLocator64Bytes + kEnd64Bytes && record == end - kLocator64Bytes - kEnd64Bytes;
    if (agree) {
      end = record;
      file.read(end, bytes);
      Cursor wide(bytes);
      agree = wide.u32() == kEnd64 && wide.number(8) == kEnd64Bytes - 12;
      wide.skip(4);  // versions
      disks |= wide.u32();
      disks |= wide.u32();
      const uint64_t here = wide.number(8), members = wide.number(8), size = wide.number(8), offset = wide.number(8);
      const auto same = [](uint64_t narrow, uint64_t full, uint64_t n) { return narrow == n || narrow == full; };
      agree = agree && same(members_here, kFull16, here) && same(directory.members, kFull16, members) &&
              same(directory.bytes, kFull32, size) && same(directory.offset, kFull32, offset);
      directory = {offset, size, members};
      members_here = here;
    }
  }
  if (agree && (disks != 0 || members_here != directory.members))
    fail<ParseError>("{}: zip archives of several disks are not supported", file.where());
  if (!agree || directory.bytes > end || directory.offset != end - directory.bytes ||
      directory.members > directory.bytes / kEntryBytes) {
    fail<ParseError>("{}: damaged: its zip directory is not where its end says", file.where());
  }
  return directory;
}

// Replaces numbers that did not fit by those of the zip64 field. False when they are not there or fields are cut.
bool widen(std::span<const uint8_t> extra, std::initializer_list<uint64_t*> numbers) {
  bool missing = std::any_of(numbers.begin(), numbers.end(), [](uint64_t* n) { return *n == kFull32; });
  for (Cursor at(extra); at.left() > 0;) {
    if (at.left() < 4) return false;
    const uint16_t id = at.u16(), size = at.u16();
    if (at.left() < size) return false;
    Cursor field(at.take(size));
    if (id != 1 || !missing) continue;
    for (uint64_t* n : numbers) {
      if (*n != kFull32) continue;
      if (field.left() < 8) return false;
      *n = field.number(8);
    }
    missing = false;
  }
  return !missing;
}

struct Described {
  ZipMember member;
  uint16_t flags = 0;
};

// The fields that the directory and the local header have in common, up to the length of the extra field.
struct Common {
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packed, bytes;
  size_t name, extra;
};
Common common_fields(Cursor& at) {
  Common c{};
  at.skip(2);  // version needed
  c.flags = at.u16();
  c.method = at.u16();
  at.skip(4);  // time and date
  c.crc = at.u32();
  c.packed = at.u32();
  c.bytes = at.u32();
  c.name = at.u16();
  c.extra = at.u16();
  return c;
}

std::string name_of(std::string_view where, std::string_view name) {
  return fmt::format("{}: member {}", where, quote(name));
}

Described read_entry(const InputFile& file, Cursor& at) {
  const auto damaged = [&] { fail<ParseError>("{}: damaged: a bad entry in its zip directory", file.where()); };
  if (at.left() < kEntryBytes || at.u32() != kEntry) damaged();
  at.skip(2);  // version made by
  Common c = common_fields(at);
  const size_t comment = at.u16();
  const uint16_t disk = at.u16();
  at.skip(6);  // attributes
  uint64_t offset = at.u32();
  if (at.left() < c.name + c.extra + comment) damaged();
  ZipMember member{at.text(c.name), static_cast<ZipMethod>(c.method), c.crc, 0, 0, 0, 0};
  const bool complete = widen(at.take(c.extra), {&c.bytes, &c.packed, &offset});
  at.skip(comment);
  const std::string where = name_of(file.where(), member.name);
  if (!complete) fail<ParseError>("{}: damaged: its extra field is cut or lacks a size", where);
  if (disk != 0) fail<ParseError>("{}: zip archives of several disks are not supported", file.where());
  if (c.flags & kEncrypted) fail<ParseError>("{}: encrypted members are not supported", where);
  if (c.flags & kStreamed) fail<ParseError>("{}: written to a pipe, which is not supported; save it to a file", where);
  if (c.flags & ~(kUtf8 | kDeflateSpeed)) fail<ParseError>("{}: zip flags {:#06x} are not supported", where, c.flags);
  if (member.method != ZipMethod::stored && member.method != ZipMethod::deflated) {
    fail<ParseError>("{}: compression method {} is not supported; supported are 0 (stored) and 8 (deflated)", where,
                     c.method);
  }
  if (const char* error = zip_name_error(member.name)) fail<ParseError>("{}: {}", where, error);
  if (!(c.flags & kUtf8) && !is_ascii(member.name))
    fail<ParseError>("{}: its name is neither ASCII nor marked as UTF-8", where);
  const bool deflated = member.method == ZipMethod::deflated;
  if (deflated ? c.bytes / kMostDeflated > c.packed : c.bytes != c.packed) {
    fail<ParseError>("{}: impossible size: {} bytes, {} in the file", where, c.bytes, c.packed);
  }
  member.packed_bytes = c.packed;
  member.bytes = c.bytes;
  member.header_offset = offset;
  return {std::move(member), c.flags};
}

// Finds where the contents begin; whatever the local header says must be what the directory says. Returns their end.
uint64_t read_local_header(const InputFile& file, Described& entry, uint64_t members_end) {
  ZipMember& member = entry.member;
  const std::string where = name_of(file.where(), member.name);
  const auto differs = [&] { fail<ParseError>("{}: damaged: its header is not what the directory says", where); };
  const uint64_t room = members_end - member.header_offset;
  if (room < kLocalBytes + member.name.size()) differs();
  std::vector<uint8_t> start(kLocalBytes + member.name.size());
  file.read(member.header_offset, start);
  Cursor at(start);
  if (at.u32() != kLocal) differs();
  Common c = common_fields(at);
  if (c.name != member.name.size() || at.text(c.name) != member.name || room < start.size() + c.extra) differs();
  std::vector<uint8_t> extra(c.extra);
  file.read(member.header_offset + start.size(), extra);
  if (!widen(extra, {&c.bytes, &c.packed}) || c.flags != entry.flags || c.crc != member.crc ||
      c.method != static_cast<uint16_t>(member.method) || c.bytes != member.bytes || c.packed != member.packed_bytes)
    differs();
  member.data_offset = member.header_offset + start.size() + c.extra;
  if (members_end - member.data_offset < member.packed_bytes) {
    fail<ParseError>("{}: cut: {} bytes announced, {} there", where, member.packed_bytes,
                     members_end - member.data_offset);
  }
  return member.data_offset + member.packed_bytes;
}

}  // namespace

const char* zip_name_error(std::string_view name) {
  if (name.size() > kFull16) return "its name is longer than 65535 bytes";
  if (!is_utf8(name)) return "its name is not UTF-8";
  // Without these a name is one step in a folder at most.
  if (name.find_first_of(std::string_view("/\\\0", 3)) != name.npos) return "its name has a slash, backslash or zero";
  return nullptr;
}

std::vector<ZipMember> read_zip_directory(const InputFile& file) {
  const Directory directory = find_directory(file);
  std::vector<uint8_t> bytes(directory.bytes);
  file.read(directory.offset, bytes);
  Cursor at(bytes);
  std::vector<Described> entries;
  std::unordered_set<std::string_view> names;
  for (uint64_t i = 0; i < directory.members; ++i) entries.push_back(read_entry(file, at));
  for (const Described& e : entries) {
    check<ParseError>(names.insert(e.member.name).second, "{}: two members are named {}", file.where(),
                      quote(e.member.name));
  }
  if (at.left() != 0) fail<ParseError>("{}: damaged: its zip directory has {} bytes too many", file.where(), at.left());

  std::vector<Described*> by_place;
  for (Described& e : entries) by_place.push_back(&e);
  std::sort(by_place.begin(), by_place.end(),
            [](auto* a, auto* b) { return a->member.header_offset < b->member.header_offset; });
  uint64_t end = 0;
  for (Described* e : by_place) {
    if (e->member.header_offset != end) {
      fail<ParseError>("{}: it begins at byte {}, what stands before it ends at {}",
                       name_of(file.where(), e->member.name), e->member.header_offset, end);
    }
    end = read_local_header(file, *e, directory.offset);
  }
  if (end != directory.offset) {
    fail<ParseError>("{}: trailing bytes: the last member ends at byte {}, the directory begins at {}", file.where(),
                     end, directory.offset);
  }
  std::vector<ZipMember> members;
  for (Described& e : entries) members.push_back(std::move(e.member));
  return members;
}

// --- writing ---

namespace {

// Python's zipfile takes zip64 records from here on.
constexpr uint64_t kMost32 = 0x7fffffff;
constexpr uint16_t kVersion64 = 45, kDate = 0x0021;  // 1980-01-01

struct Bytes {
  std::string text;
  Bytes& put(uint64_t n, size_t width) {
    for (size_t i = 0; i < width; ++i) text += static_cast<char>(n >> (8 * i));
    return *this;
  }
  Bytes& u16(uint64_t n) { return put(n, 2); }
  Bytes& u32(uint64_t n) { return put(n, 4); }
  Bytes& u64(uint64_t n) { return put(n, 8); }
};

void put_common(Bytes& out, const ZipMember& m, bool wide, size_t extra) {
  out.u16(kVersion64).u16(is_ascii(m.name) ? 0 : kUtf8).u16(static_cast<uint16_t>(m.method)).u16(0).u16(kDate);
  out.u32(m.crc).u32(wide ? kFull32 : m.packed_bytes).u32(wide ? kFull32 : m.bytes);
  out.u16(m.name.size()).u16(extra);
}

}  // namespace

std::string zip_local_header(const ZipMember& m) {
  Bytes out;
  out.u32(kLocal);
  put_common(out, m, true, 20);
  out.text += m.name;
  out.u16(1).u16(16).u64(m.bytes).u64(m.packed_bytes);
  return std::move(out.text);
}

std::string zip_directory(std::span<const ZipMember> members, uint64_t offset) {
  Bytes out;
  for (const ZipMember& m : members) {
    const bool wide = m.bytes > kMost32 || m.packed_bytes > kMost32, far = m.header_offset > kMost32;
    Bytes numbers, extra;
    if (wide) numbers.u64(m.bytes).u64(m.packed_bytes);
    if (far) numbers.u64(m.header_offset);
    if (wide || far) extra.u16(1).u16(numbers.text.size()).text += numbers.text;
    out.u32(kEntry).u16(3 << 8 | kVersion64);  // made on Unix
    put_common(out, m, wide, extra.text.size());
    out.u16(0).u16(0).u16(0).u32(uint64_t{0600} << 16).u32(far ? kFull32 : m.header_offset);
    out.text += m.name + extra.text;
  }
  const uint64_t bytes = out.text.size();
  if (members.size() > kFull16 || offset > kMost32 || bytes > kMost32) {
    out.u32(kEnd64).u64(kEnd64Bytes - 12).u16(kVersion64).u16(kVersion64).u32(0).u32(0);
    out.u64(members.size()).u64(members.size()).u64(bytes).u64(offset);
    out.u32(kLocator64).u32(0).u64(offset + bytes).u32(1);
  }
  const uint64_t count = std::min<uint64_t>(members.size(), kFull16);
  out.u32(kEnd).u16(0).u16(0).u16(count).u16(count);
  out.u32(std::min(bytes, kFull32)).u32(std::min(offset, kFull32)).u16(0);
  return std::move(out.text);
}

}  // namespace duet::io
