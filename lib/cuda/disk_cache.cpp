#include "cuda/disk_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cuda/codegen/program.h"
#include "cuda/compiler.h"
#include "io/checksum.h"
#include "io/file.h"

namespace duet::cuda {
namespace {

namespace fs = std::filesystem;

// A file: the head, the lengths of key and image, both of them, and a checksum of all that.
constexpr std::string_view kHead = "duet cuda image 1\n";

uint64_t checksum(std::string_view text) {
  io::Checksum sum;
  sum.add(text);
  return sum.value();
}

// The folder, made if need be; empty unless it is the user's own and nobody else's to read or write.
std::string folder() {
  const std::string path = cache_folder();
  if (path.empty()) return "";
  fs::create_directories(fs::path(path).parent_path());
  ::mkdir(path.c_str(), 0700);
  struct stat s {};
  if (::lstat(path.c_str(), &s) != 0 || !S_ISDIR(s.st_mode) || s.st_uid != ::geteuid() || (s.st_mode & 077) != 0)
    return "";
  return path;
}

std::string path_of(const std::string& in, const std::string& key) {
  return fmt::format("{}/{:016x}.image", in, checksum(key));
}

std::string_view bytes_of(const uint64_t& word) { return {reinterpret_cast<const char*>(&word), sizeof word}; }

// The image in a file's bytes; empty when they are not a whole file for this key. `damaged`: of no key at all.
std::string_view image_in(std::string_view file, std::string_view key, bool& damaged) {
  damaged = true;
  uint64_t key_bytes = 0, image_bytes = 0, sum = 0;
  const size_t fixed = kHead.size() + 3 * sizeof(uint64_t);
  if (file.size() < fixed || file.substr(0, kHead.size()) != kHead) return {};
  std::memcpy(&key_bytes, file.data() + kHead.size(), 8);
  std::memcpy(&image_bytes, file.data() + kHead.size() + 8, 8);
  const size_t rest = file.size() - fixed;
  if (key_bytes > rest || image_bytes != rest - key_bytes) return {};
  std::memcpy(&sum, file.data() + file.size() - 8, 8);
  if (sum != checksum(file.substr(0, file.size() - 8))) return {};
  damaged = false;
  const std::string_view body = file.substr(kHead.size() + 16, rest);
  return body.substr(0, key_bytes) == key ? body.substr(key_bytes) : std::string_view();
}

// The oldest go until the others have room.
void make_room(const std::string& in) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  uintmax_t bytes = 0;
  for (const fs::directory_entry& e : fs::directory_iterator(in)) {
    if (e.path().extension() != ".image") continue;
    bytes += e.file_size();
    files.emplace_back(e.last_write_time(), e.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& [time, path] : files) {
    if (bytes <= kCacheBytes) return;
    bytes -= std::min(bytes, fs::file_size(path));
    fs::remove(path);
  }
}

}  // namespace

std::string cache_folder() {
  // An empty variable is as good as none, and a relative path would be another one in each directory.
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && cache[0] == '/')
    return std::string(cache) + "/duet";
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/')
    return std::string(home) + "/.cache/duet";
  return "";
}

std::string cache_key(const std::string& source, const std::string& arch, const std::string& version) {
  std::string key = fmt::format("NVRTC {} {}", version, arch);
  for (const char* flag : kCompilerFlags) key += fmt::format(" {}", flag);
  for (const Header& h : headers()) key += fmt::format("\n{}", h.text);
  return fmt::format("{}\n{}", key, source);
}

bool read_cached(const std::string& key, std::vector<char>& image) noexcept {
  try {
    const std::string in = folder();
    if (in.empty()) return false;
    const std::string path = path_of(in, key);
    std::ifstream file(path, std::ios::binary);
    if (!file) return false;
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    bool damaged = false;
    const std::string_view found = image_in(bytes, key, damaged);
    if (damaged) fs::remove(path);
    image.assign(found.begin(), found.end());
    return !found.empty();
  } catch (const std::exception&) {
    return false;
  }
}

void write_cached(const std::string& key, const std::vector<char>& image) noexcept {
  try {
    const std::string in = folder();
    if (in.empty()) return;
    std::string bytes(kHead);
    const uint64_t sizes[] = {key.size(), image.size()};
    for (const uint64_t& size : sizes) bytes += bytes_of(size);
    bytes += key;
    bytes.append(image.begin(), image.end());
    const uint64_t sum = checksum(bytes);
    bytes += bytes_of(sum);
    io::OutputFile file("cuda cache", path_of(in, key));
    file.write(bytes);
    file.commit();
    make_room(in);
  } catch (const std::exception&) {
  }
}

}  // namespace duet::cuda
