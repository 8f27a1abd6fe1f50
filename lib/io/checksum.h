// A checksum of bytes in a row, against damage (not against intent): any change within eight bytes changes it.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace duet::io {

class Checksum {
 public:
  void add(std::span<const uint8_t> bytes) {
    bytes_ += bytes.size();
    for (; filled_ != 0 && !bytes.empty(); bytes = bytes.subspan(1)) put(bytes[0]);
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
      uint64_t word;
      std::memcpy(&word, bytes.data(), 8);
      mix(word);
    }
    for (uint8_t byte : bytes) put(byte);
  }
  void add(std::string_view text) { add({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }
  uint64_t value() const {
    Checksum end = *this;
    end.mix(rest_);
    end.mix(bytes_);
    return end.hash_;
  }

 private:
  void put(uint8_t byte) {
    rest_ |= uint64_t{byte} << (8 * filled_);
    if (++filled_ < 8) return;
    mix(rest_);
    rest_ = 0;
    filled_ = 0;
  }
  // One to one in the word and in the state, so that a difference stays one until another word makes up for it.
  void mix(uint64_t word) {
    hash_ = (hash_ ^ word) * 0xff51afd7ed558ccdu;
    hash_ ^= hash_ >> 32;
  }

  uint64_t hash_ = 0xcbf29ce484222325u, rest_ = 0, bytes_ = 0;
  int filled_ = 0;
};

}  // namespace duet::io
