#include "duet/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "io/checksum.h"
#include "io/file.h"
#include "io/formats.h"

namespace duet::io {
namespace {

constexpr std::string_view kCodes[kDTypes] = {"F32", "F64", "I32", "I64", "U8", "BOOL", "F16", "BF16"};
constexpr size_t kLongestName = 4096;

// Receives the events of nlohmann's parser, which is iterative. Anything but the few forms that the format allows ends
// the parse, so a hostile header costs no more memory than the entries it really lists.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(std::string_view where, Metadata* metadata) : where_(where), metadata_(metadata) {}

  std::vector<SafetensorsEntry> entries;

  bool null() override { bad("null"); }
  bool boolean(bool) override { bad("a boolean"); }
  bool number_integer(number_integer_t) override { bad("a negative number"); }
  bool number_float(number_float_t, const string_t& text) override { bad("the number " + quote(text)); }
  bool binary(binary_t&) override { bad("binary data"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::shape) {
      Shape& shape = entries.back().spec.shape;
      if (shape.rank() == kMaxRank) bad_entry(fmt::format("more than {} axes are not supported", kMaxRank));
      if (value > number_unsigned_t{INT64_MAX}) bad_entry("an extent is too large");
      shape.push_back(static_cast<int64_t>(value));
    } else if (place_ == Place::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? begin_ : end_) = value;
    } else {
      bad("a number");
    }
    return true;
  }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      if (metadata_ != nullptr) metadata_->emplace_back(key_, text);
      return true;
    }
    if (place_ != Place::tensor || key_ != "dtype") bad("a string");
    size_t i = 0;
    while (i < kDTypes && kCodes[i] != text) ++i;
    if (i == kDTypes) {
      bad_entry(fmt::format("dtype {} is not supported; supported are F32, F64, F16, BF16, I32, I64, U8 and BOOL",
                            quote(text)));
    }
    entries.back().spec.dtype = static_cast<DType>(i);
    key_.clear();
    return true;
  }
  bool start_object(size_t) override {
    if (place_ == Place::start) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == "__metadata__") {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      entries.push_back({key_, {}, 0});
      seen_ = 0;
      offsets_ = 0;
      place_ = Place::tensor;
    } else {
      bad("an object");
    }
    return true;
  }
  bool key(string_t& name) override {
    if (name.size() > kLongestName) bad("a name longer than 4096 bytes");
    if (place_ == Place::tensor) {
      unsigned bit = name == "dtype" ? 1 : name == "shape" ? 2 : name == "data_offsets" ? 4 : 0;
      if (bit == 0) bad_entry("unexpected key " + quote(name));
      if ((seen_ & bit) != 0) bad_entry(quote(name) + " stands there twice");
      seen_ |= bit;
    } else {
      auto& names = place_ == Place::metadata ? metadata_names_ : names_;
      if (!names.insert(name).second) fail<ParseError>("{}: bad header: {} stands there twice", where_, quote(name));
    }
    key_ = name;
    return true;
  }
  bool end_object() override {
    if (place_ == Place::tensor) {
      if (seen_ != 7) bad_entry("dtype, shape or data_offsets is missing");
      spans.push_back({begin_, end_, entries.size() - 1});
    }
    place_ = place_ == Place::top ? Place::end : Place::top;
    return true;
  }
  bool start_array(size_t) override {
    if (place_ == Place::tensor && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::tensor && key_ == "data_offsets") {
      place_ = Place::offsets;
    } else {
      bad("an array");
    }
    return true;
  }
  bool end_array() override {
    if (place_ == Place::offsets && offsets_ != 2) bad_entry("data_offsets must be two numbers");
    key_.clear();
    place_ = Place::tensor;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail<ParseError>("{}: bad header: not JSON at byte {}", where_, position);
  }

  struct Span {
    uint64_t begin, end;
    size_t entry;
  };
  std::vector<Span> spans;

 private:
  enum class Place { start, top, metadata, tensor, shape, offsets, end };

  [[noreturn]] void bad(const std::string& what) const {
    fail<ParseError>("{}: bad header: {} where it does not belong, near {}", where_, what, quote(key_));
  }
  [[noreturn]] void bad_entry(const std::string& what) const {
    fail<ParseError>("{}: tensor {}: {}", where_, quote(entries.back().name), what);
  }

  std::string_view where_;
  Metadata* metadata_;
  Place place_ = Place::start;
  std::string key_;
  unsigned seen_ = 0;
  int offsets_ = 0;
  uint64_t begin_ = 0, end_ = 0;
  std::unordered_set<std::string> names_, metadata_names_;
};

}  // namespace

uint64_t parse_safetensors_length(std::string_view where, std::span<const uint8_t, 8> start, uint64_t file_bytes) {
  uint64_t length;
  std::memcpy(&length, start.data(), 8);
  if (length > kSafetensorsLongestHeader || length > file_bytes - 8) {
    fail<ParseError>("{}: not a .safetensors file, or cut: it announces a header of {} bytes and has {}", where, length,
                     file_bytes - 8);
  }
  return length;
}

std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view where, std::string_view json,
                                                       uint64_t file_bytes, Metadata* metadata) {
  if (!json.starts_with('{')) fail<ParseError>("{}: bad header: it does not start with {{", where);
  HeaderReader reader(where, metadata);
  nlohmann::json::sax_parse(json, &reader);
  uint64_t data_offset = 8 + json.size(), data_bytes = file_bytes - data_offset;
  auto& spans = reader.spans;
  std::sort(spans.begin(), spans.end(),
            [](const auto& a, const auto& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  uint64_t end = 0;
  for (const auto& span : spans) {
    SafetensorsEntry& entry = reader.entries[span.entry];
    std::string name = fmt::format("{}: tensor {}", where, quote(entry.name));
    uint64_t bytes = checked_bytes(name, entry.spec);
    if (span.begin != end || span.end < span.begin) {
      fail<ParseError>("{}: bytes {} to {} do not follow the tensor before, which ends at {}", name, span.begin,
                       span.end, end);
    }
    if (span.end - span.begin != bytes) {
      fail<ParseError>("{}: {} holds {} bytes, its place has {}", name, entry.spec, bytes, span.end - span.begin);
    }
    if (span.end > data_bytes) {
      fail<ParseError>("{}: cut: it ends at byte {}, the data at {}", name, span.end, data_bytes);
    }
    end = span.end;
    entry.offset = data_offset + span.begin;
  }
  if (end != data_bytes) {
    fail<ParseError>("{}: trailing bytes: the last tensor ends at byte {}, the data at {}", where, end, data_bytes);
  }
  return std::move(reader.entries);
}

namespace {

std::string read_header(const InputFile& file) {
  if (file.size() < 8) fail<ParseError>("{}: not a .safetensors file: {} bytes", file.where(), file.size());
  uint8_t start[8];
  file.read(0, start);
  std::string json(parse_safetensors_length(file.where(), start, file.size()), '\0');
  file.read(8, {reinterpret_cast<uint8_t*>(json.data()), json.size()});
  return json;
}

NamedTensors read_tensors(const InputFile& file, std::vector<SafetensorsEntry> entries, Checksum* checksum) {
  NamedTensors tensors;
  for (SafetensorsEntry& entry : entries) {
    Tensor t = uninitialized(entry.spec);
    file.read(entry.offset, storage(t));
    if (checksum != nullptr) checksum->add(elements(t));
    check_elements(fmt::format("{}: tensor {}", file.where(), quote(entry.name)), t);
    tensors.emplace_back(std::move(entry.name), std::move(t));
  }
  return tensors;
}

std::string json_text(const std::string& where, const char* what, const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    fail<Error>("{}: a {} is not UTF-8: {}", where, what, quote(text));
  }
}

// A file about to be written: its header, and its tensors in their order in the file.
struct Layout {
  std::string header;
  std::vector<Tensor> tensors;
};
Layout lay_out(const std::string& where, const NamedTensors& tensors, const std::string& metadata) {
  // Wide elements first, so that every tensor lies at a multiple of its element size.
  std::vector<size_t> order(tensors.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::vector<Tensor> dense;
  std::unordered_set<std::string_view> names;
  for (const auto& [name, t] : tensors) {
    check<Error>(t.defined(), "{}: tensor {} is empty: default-constructed or moved from", where, quote(name));
    check<Error>(names.insert(name).second, "{}: two tensors are named {}", where, quote(name));
    check<Error>(name != "__metadata__" && name.size() <= kLongestName, "{}: {} cannot be a tensor's name", where,
                 quote(name));
    dense.push_back(t.contiguous().to(Device::cpu()));
    materialize(dense.back(), "save");
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return size_bytes(dense[a].dtype()) > size_bytes(dense[b].dtype()); });
  Layout file{"{" + metadata, {}};
  uint64_t offset = 0;
  for (size_t i : order) {
    const Tensor& t = dense[i];
    file.header +=
        fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                    file.header.size() > 1 ? "," : "", json_text(where, "name", tensors[i].first),
                    kCodes[static_cast<int>(t.dtype())], fmt::join(t.shape(), ","), offset, offset + t.size_bytes());
    offset += t.size_bytes();
    file.tensors.push_back(t);
  }
  file.header += "}";
  file.header.resize((file.header.size() + 7) / 8 * 8, ' ');
  check<Error>(file.header.size() <= kSafetensorsLongestHeader, "{}: too many tensors for one file: {}", where,
               tensors.size());
  return file;
}

void write(const std::string& where, const std::string& path, const Layout& content) {
  uint64_t length = content.header.size();
  OutputFile file(where, path);
  file.write(std::span(reinterpret_cast<const uint8_t*>(&length), 8));
  file.write(content.header);
  for (const Tensor& t : content.tensors) file.write(elements(t));
  file.commit();
}

// A sealed file's header begins with this, 16 digits and a quote. No field can have the name.
constexpr std::string_view kSeal = R"({"__metadata__":{"duet checksum":")";
constexpr size_t kSealDigits = 16;

}  // namespace

NamedTensors load_safetensors(const std::string& path, std::source_location line) {
  LineScope scope(line);
  InputFile file("load: " + path, path);
  const std::string json = read_header(file);
  return read_tensors(file, parse_safetensors_header(file.where(), json, file.size()), nullptr);
}

void save_safetensors(const std::string& path, const NamedTensors& tensors, std::source_location line) {
  LineScope scope(line);
  const std::string where = "save: " + path;
  write(where, path, lay_out(where, tensors, ""));
}

SealedFile read_sealed(const char* action, const std::string& path) {
  InputFile file(fmt::format("{}: {}", action, path), path);
  std::string json = read_header(file);
  SealedFile content;
  std::vector<SafetensorsEntry> entries = parse_safetensors_header(file.where(), json, file.size(), &content.metadata);
  check<ParseError>(json.starts_with(kSeal), "{}: no checkpoint, or damaged: it has no checksum", file.where());
  content.metadata.erase(content.metadata.begin());
  const std::string written = json.substr(kSeal.size(), kSealDigits);
  json.replace(kSeal.size(), kSealDigits, kSealDigits, '0');
  Checksum checksum;
  checksum.add(json);
  content.tensors = read_tensors(file, std::move(entries), &checksum);
  check<ParseError>(written == fmt::format("{:016x}", checksum.value()),
                    "{}: damaged: its checksum is not that of its contents", file.where());
  return content;
}

void write_sealed(const char* action, const std::string& path, const SealedFile& content) {
  const std::string where = fmt::format("{}: {}", action, path);
  std::string metadata(kSeal.substr(1));
  metadata += std::string(kSealDigits, '0') + "\"";
  for (const auto& [name, text] : content.metadata) {
    check<Error>(name.size() <= kLongestName, "{}: {} cannot be a value's name", where, quote(name));
    metadata += "," + json_text(where, "name", name) + ":" + json_text(where, "text", text);
  }
  Layout file = lay_out(where, content.tensors, metadata + "}");
  Checksum checksum;
  checksum.add(file.header);
  for (const Tensor& t : file.tensors) checksum.add(elements(t));
  file.header.replace(kSeal.size(), kSealDigits, fmt::format("{:016x}", checksum.value()));
  write(where, path, file);
}

}  // namespace duet::io
