#include "duet/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "io/file.h"
#include "io/formats.h"

namespace duet::io {
namespace {

constexpr std::string_view kCodes[kDTypes] = {"F32", "F64", "I32", "I64", "U8", "BOOL"};
constexpr size_t kLongestName = 4096;

// Receives the events of nlohmann's parser, which is iterative. Anything but the few forms that the format allows ends
// the parse, so a hostile header costs no more memory than the entries it really lists.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(std::string_view where) : where_(where) {}

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
    if (place_ == Place::metadata) return true;
    if (place_ != Place::tensor || key_ != "dtype") bad("a string");
    size_t i = 0;
    while (i < kDTypes && kCodes[i] != text) ++i;
    if (i == kDTypes) {
      bad_entry(fmt::format("dtype {} is not supported; supported are F32, F64, I32, I64, U8 and BOOL", quote(text)));
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
                                                       uint64_t file_bytes) {
  if (!json.starts_with('{')) fail<ParseError>("{}: bad header: it does not start with {{", where);
  HeaderReader reader(where);
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

NamedTensors load_safetensors(const std::string& path, std::source_location line) {
  LineScope scope(line);
  InputFile file("load: " + path, path);
  if (file.size() < 8) fail<ParseError>("{}: not a .safetensors file: {} bytes", file.where(), file.size());
  uint8_t start[8];
  file.read(0, start);
  std::string json(parse_safetensors_length(file.where(), start, file.size()), '\0');
  file.read(8, {reinterpret_cast<uint8_t*>(json.data()), json.size()});
  NamedTensors tensors;
  for (SafetensorsEntry& entry : parse_safetensors_header(file.where(), json, file.size())) {
    Tensor t = uninitialized(entry.spec);
    file.read(entry.offset, storage(t));
    check_elements(fmt::format("{}: tensor {}", file.where(), quote(entry.name)), t);
    tensors.emplace_back(std::move(entry.name), std::move(t));
  }
  return tensors;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors, std::source_location line) {
  LineScope scope(line);
  std::string where = "save: " + path;
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
    dense.push_back(t.contiguous());
    materialize(dense.back(), "save");
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return size_bytes(dense[a].dtype()) > size_bytes(dense[b].dtype()); });
  std::string header = "{";
  uint64_t offset = 0;
  for (size_t i : order) {
    const Tensor& t = dense[i];
    std::string name;
    try {
      name = nlohmann::json(tensors[i].first).dump();
    } catch (const nlohmann::json::exception&) {
      fail<Error>("{}: a name is not UTF-8: {}", where, quote(tensors[i].first));
    }
    header += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          header.size() > 1 ? "," : "", name, kCodes[static_cast<int>(t.dtype())],
                          fmt::join(t.shape(), ","), offset, offset + t.size_bytes());
    offset += t.size_bytes();
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  check<Error>(header.size() <= kSafetensorsLongestHeader, "{}: too many tensors for one file: {}", where,
               tensors.size());
  uint64_t length = header.size();
  OutputFile file(where, path);
  file.write(std::span(reinterpret_cast<const uint8_t*>(&length), 8));
  file.write(header);
  for (size_t i : order) file.write(elements(dense[i]));
  file.commit();
}

}  // namespace duet::io
