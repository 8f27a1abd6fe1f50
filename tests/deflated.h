// Bytes packed by zlib.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace duet {

/// Raw deflate, or with another header: see window_bits of zlib's deflateInit2.
inline std::string deflated(const std::string& bytes, int window_bits = -MAX_WBITS) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, bytes.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

}  // namespace duet
