// CRC-32 as zip and gzip have it (reflected polynomial 0xedb88320), eight bytes at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace duet::io {

class Crc32 {
 public:
  void add(std::span<const uint8_t> bytes) {
    uint32_t c = ~value_;
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
      const auto low = [&](size_t i) { return kTables[7 - i][(c >> (8 * i) ^ bytes[i]) & 0xff]; };
      const auto high = [&](size_t i) { return kTables[7 - i][bytes[i]]; };
      c = low(0) ^ low(1) ^ low(2) ^ low(3) ^ high(4) ^ high(5) ^ high(6) ^ high(7);
    }
    for (uint8_t byte : bytes) c = c >> 8 ^ kTables[0][(c ^ byte) & 0xff];
    value_ = ~c;
  }
  void add(std::string_view text) { add({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }
  uint32_t value() const { return value_; }

 private:
  using Tables = std::array<std::array<uint32_t, 256>, 8>;
  // Table k: the remainder of a byte with k zero bytes behind it.
  static constexpr Tables kTables = [] {
    Tables t{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t c = byte;
      for (int bit = 0; bit < 8; ++bit) c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
      t[0][byte] = c;
    }
    for (size_t k = 1; k < 8; ++k)
      for (size_t byte = 0; byte < 256; ++byte) t[k][byte] = t[k - 1][byte] >> 8 ^ t[0][t[k - 1][byte] & 0xff];
    return t;
  }();

  uint32_t value_ = 0;
};

}  // namespace duet::io
