// Files cut at every byte, with every bit flipped: a typed error, or what is really there. All memory is counted, also
// that of strings and lists, and none goes far beyond the file's real size.
#include "data/idx_format.h"
#include "deflated.h"
#include "duet/data/csv.h"
#include "duet/io/npy.h"
#include "duet/io/npz.h"
#include "faults/sweep.h"
#include "files.h"

namespace duet {
namespace {

/// What may come on top of the file's bytes: messages, paths, the reader's own buffers.
constexpr int64_t kOwn = 16384;

template <class Load>
void damage(const char* name, const std::string& path, const std::string& good, int64_t factor, const Load& load) {
  int64_t files = 0, read = 0, most = 0;
  const auto attempt = [&](const std::string& bytes) {
    write_file(path, bytes);
    const int64_t heap = faults::live_heap_bytes(), tensors = memory_stats().live_bytes;
    reset_peak();
    faults::arm(faults::Kind::rename, 0);  // fails nothing here: it begins a new peak
    try {
      load();
      ++read;
    } catch (const ParseError&) {
    }
    faults::disarm();
    const int64_t used = faults::peak_heap_bytes() - heap + memory_stats().peak_bytes - tensors;
    most = std::max(most, used);
    ++files;
    EXPECT_LE(used, factor * static_cast<int64_t>(bytes.size()) + kOwn) << name;
    EXPECT_EQ(memory_stats().live_bytes, tensors);
  };
  attempt(good);
  EXPECT_EQ(read, 1) << name;
  for (size_t n = 0; n < good.size(); ++n) attempt(good.substr(0, n));
  for (size_t bit = 0; bit < 8 * good.size(); bit += faults::small_sizes() ? 3 : 1) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    attempt(bad);
  }
  std::printf("%s: %zu bytes, %lld files, %lld of them could be read, at most %lld bytes of memory\n", name,
              good.size(), static_cast<long long>(files), static_cast<long long>(read), static_cast<long long>(most));
}

TEST(DamagedFiles, TakeNoMemoryBeyondTheirSize) {
  TempFolder folder;
  const std::string path = folder / "f";
  const Tensor a = expect::numbers({3, 2}), b = tensor({1, 2, 3});
  io::save_npy(path, a);
  damage("npy", path, file_bytes(path), 4, [&] { io::load_npy(path); });
  io::save_npz(path, {{"a", a}, {"b", b}});
  damage("npz", path, file_bytes(path), 8, [&] { io::load_npz(path); });
  const std::string packed = file_bytes(DUET_SOURCE_DIR "/tests/interchange/fixtures/zeros.npz");
  // What is unpacked is at most 1032 times the file, in steps of 64 KiB.
  damage("packed npz", path, packed, 2 * 1032, [&] { io::load_npz(path); });
  io::save_safetensors(path, {{"a", a}, {"b", b}});
  damage("safetensors", path, file_bytes(path), 8, [&] { io::load_safetensors(path); });
  damage("csv", path, "len,wid,kind\n1,2,a\n-3.5,4e-1,\"b \"\"c\"\"\"\n", 16,
         [&] { data::load_csv(path, {.label = "kind"}); });
  const std::string images("\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\2abcdefgh", 24);
  const auto idx = [&] {
    const std::string bytes = file_bytes(path);
    data::parse_idx("load_idx: f", {bytes.begin(), bytes.end()}, 3);
  };
  damage("idx", path, images, 8, idx);
  damage("packed idx", path, deflated(images, 16 + MAX_WBITS), 2 * 1032, idx);
}

}  // namespace
}  // namespace duet
