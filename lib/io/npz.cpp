// The format: https://numpy.org/doc/stable/reference/generated/numpy.savez.html
#include "duet/io/npz.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "io/formats.h"
#include "io/zip.h"

namespace duet::io {
namespace {

constexpr std::string_view kSuffix = ".npy";

Tensor read_member(const InputFile& file, const ZipMember& member) {
  const std::string where = fmt::format("{}: member {}", file.where(), quote(member.name));
  ZipReader reader(where, file, member);
  std::vector<uint8_t> start(std::min<uint64_t>(member.bytes, kNpyPreamble + kNpyLongestHeader));
  reader.read(start);
  const NpyHeader header = parse_npy_header(where, start, member.bytes);
  Tensor t = uninitialized(header.spec);
  // The first elements came along with the header.
  std::span<uint8_t> to = storage(t);
  const size_t already = std::min(start.size() - header.data_offset, to.size());
  if (already > 0) std::memcpy(to.data(), &start[header.data_offset], already);
  reader.read(to.subspan(already));
  reader.finish();
  return npy_tensor(where, header, std::move(t));
}

}  // namespace

NamedTensors load_npz(const std::string& path, std::source_location line) {
  LineScope scope(line);
  InputFile file("load: " + path, path);
  const std::vector<ZipMember> members = read_zip_directory(file);
  for (const ZipMember& m : members) {
    check<ParseError>(m.name.ends_with(kSuffix), "{}: member {}: no .npy file", file.where(), quote(m.name));
  }
  NamedTensors tensors;
  for (const ZipMember& m : members)
    tensors.emplace_back(m.name.substr(0, m.name.size() - kSuffix.size()), read_member(file, m));
  return tensors;
}

void save_npz(const std::string& path, const NamedTensors& tensors, std::source_location line) {
  LineScope scope(line);
  const std::string where = "save: " + path;
  std::vector<Tensor> dense;
  std::vector<std::string> headers;
  std::vector<ZipMember> members;
  std::unordered_set<std::string_view> names;
  uint64_t offset = 0;
  for (const auto& [name, t] : tensors) {
    check<Error>(t.defined(), "{}: tensor {} is empty: default-constructed or moved from", where, quote(name));
    check<Error>(names.insert(name).second, "{}: two tensors are named {}", where, quote(name));
    ZipMember m{name + std::string(kSuffix)};
    if (const char* error = zip_name_error(m.name)) fail<Error>("{}: tensor {}: {}", where, quote(name), error);
    dense.push_back(t.contiguous().to(Device::cpu()));
    materialize(dense.back(), "save");
    headers.push_back(npy_header(where, t.spec()));
    Crc32 crc;
    crc.add(headers.back());
    crc.add(elements(dense.back()));
    m.crc = crc.value();
    m.bytes = m.packed_bytes = headers.back().size() + t.size_bytes();
    m.header_offset = offset;
    offset += zip_local_header(m).size() + m.bytes;
    members.push_back(std::move(m));
  }
  OutputFile file(where, path);
  for (size_t i = 0; i < members.size(); ++i) {
    file.write(zip_local_header(members[i]));
    file.write(headers[i]);
    file.write(elements(dense[i]));
  }
  file.write(zip_directory(members, offset));
  file.commit();
}

}  // namespace duet::io
