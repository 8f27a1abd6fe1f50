// Protobuf's wire format (https://protobuf.dev/programming-guides/encoding): a message is a row of fields, each with a
// number and a value that is an integer, 4 bytes, 8 bytes, or a run of bytes. Nothing is copied or allocated here; who
// reads a message inside a message makes another reader over its bytes, so that depth is bounded by the caller's code.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "duet/core/error.h"

namespace duet::io {

class WireReader {
 public:
  enum class Kind : uint8_t { varint = 0, eight = 1, bytes = 2, four = 5 };

  /// `where` starts every message and must outlive the reader.
  WireReader(std::string_view where, std::span<const uint8_t> message) : where_(where), rest_(message) {}

  /// Goes to the next field; false at the message's end. ParseError when the bytes are no message.
  bool next() {
    if (rest_.empty()) return false;
    const uint64_t tag = read_varint();
    if (tag >> 3 == 0 || tag >> 3 > kLargestField) fail<ParseError>("{}: bad protobuf field {}", where_, tag >> 3);
    field_ = static_cast<uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0:
        kind_ = Kind::varint;
        number_ = read_varint();
        return true;
      case 1:
        kind_ = Kind::eight;
        value_ = take(8);
        return true;
      case 2:
        kind_ = Kind::bytes;
        value_ = take(read_varint());
        return true;
      case 5:
        kind_ = Kind::four;
        value_ = take(4);
        return true;
      default:
        fail<ParseError>("{}: protobuf field {} has the unknown wire type {}", where_, field_, tag & 7);
    }
  }

  uint32_t field() const { return field_; }
  Kind kind() const { return kind_; }
  std::string_view where() const { return where_; }

  int64_t integer() const {
    expect(Kind::varint);
    return static_cast<int64_t>(number_);
  }
  float f32() const {
    expect(Kind::four);
    return as<float>();
  }
  double f64() const {
    expect(Kind::eight);
    return as<double>();
  }
  std::span<const uint8_t> bytes() const {
    expect(Kind::bytes);
    return value_;
  }
  std::string_view text() const {
    expect(Kind::bytes);
    return {reinterpret_cast<const char*>(value_.data()), value_.size()};
  }

  /// Calls f with each number of a repeated field, of which this is one number or a packed run.
  template <class T, class F>
  void numbers(F&& f) const {
    if (kind_ != Kind::bytes) {
      f(one<T>());
      return;
    }
    WireReader run(where_, value_);
    while (!run.rest_.empty()) {
      run.kind_ = std::is_integral_v<T> ? Kind::varint : sizeof(T) == 4 ? Kind::four : Kind::eight;
      if constexpr (std::is_integral_v<T>)
        run.number_ = run.read_varint();
      else
        run.value_ = run.take(sizeof(T));
      f(run.one<T>());
    }
  }

 private:
  static_assert(std::endian::native == std::endian::little, "these files are written as memory is");
  static constexpr uint64_t kLargestField = (1u << 29) - 1;

  void expect(Kind kind) const {
    if (kind_ != kind) fail<ParseError>("{}: protobuf field {} has another wire type than it should", where_, field_);
  }
  template <class T>
  T as() const {
    T v;
    std::memcpy(&v, value_.data(), sizeof v);
    return v;
  }
  template <class T>
  T one() const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(integer());
    else if constexpr (sizeof(T) == 4)
      return f32();
    else
      return f64();
  }
  uint64_t read_varint() {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) fail<ParseError>("{}: cut in a protobuf integer", where_);
      const uint64_t byte = rest_[0];
      rest_ = rest_.subspan(1);
      if (shift == 63 && byte > 1) break;
      v |= (byte & 127) << shift;
      if (byte < 128) return v;
    }
    fail<ParseError>("{}: a protobuf integer has more than 64 bits", where_);
  }
  std::span<const uint8_t> take(uint64_t n) {
    if (n > rest_.size())
      fail<ParseError>("{}: cut in protobuf field {}: {} bytes, {} are left", where_, field_, n, rest_.size());
    const auto out = rest_.first(static_cast<size_t>(n));
    rest_ = rest_.subspan(static_cast<size_t>(n));
    return out;
  }

  std::string_view where_;
  std::span<const uint8_t> rest_, value_;
  uint64_t number_ = 0;
  uint32_t field_ = 0;
  Kind kind_ = Kind::varint;
};

}  // namespace duet::io
