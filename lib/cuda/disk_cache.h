// Images of compiled programs on disk, so that the next process need not compile them: a folder that only its owner
// reads, files that are written whole or not at all, and checksums. Nothing here ever fails a call: what cannot be read
// or written is compiled again.
#pragma once

#include <string>
#include <vector>

namespace duet::cuda {

/// Everything that decides what an image is: the program and what stands before it, the device's architecture, the
/// compiler's version and its flags.
std::string cache_key(const std::string& source, const std::string& arch, const std::string& version);

/// The image of a key; false where there is none or it is damaged, in which case it is removed.
bool read_cached(const std::string& key, std::vector<char>& image) noexcept;
/// Keeps an image. The oldest files go when all of them have more than kCacheBytes.
void write_cached(const std::string& key, const std::vector<char>& image) noexcept;

inline constexpr size_t kCacheBytes = size_t{64} << 20;

/// Where: $XDG_CACHE_HOME/duet or ~/.cache/duet; empty where there is neither.
std::string cache_folder();

}  // namespace duet::cuda
