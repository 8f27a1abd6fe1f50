// The format: http://yann.lecun.com/exdb/mnist, "THE IDX FILE FORMAT".
#include "duet/data/idx.h"

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "data/idx_format.h"
#include "io/file.h"

#ifdef DUET_HAS_ZLIB
#include <zlib.h>
#endif

namespace duet::data {
namespace {

constexpr size_t header_size(int rank) { return 4 + 4 * static_cast<size_t>(rank); }

uint32_t big_endian(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}

// Bytes of a whole IDX file according to its header, which must be there.
uint64_t whole_size(std::string_view where, std::span<const uint8_t> start, int rank) {
  if (start.size() < header_size(rank)) fail<ParseError>("{}: cut in the header: {} bytes", where, start.size());
  uint32_t magic = big_endian(start.data()), expected = 0x0800u + static_cast<uint32_t>(rank);
  if (magic != expected) {
    fail<ParseError>("{}: not an IDX file of unsigned bytes with {} {}: magic number {:#010x}, not {:#010x}", where,
                     rank, rank == 1 ? "axis" : "axes", magic, expected);
  }
  uint64_t size = 1;
  bool overflow = false;
  std::string dims;
  for (int i = 0; i < rank; ++i) {
    uint32_t extent = big_endian(&start[4 + 4 * static_cast<size_t>(i)]);
    dims += fmt::format("{}{}", i ? "," : "", extent);
    overflow |= __builtin_mul_overflow(size, uint64_t{extent}, &size);
  }
  overflow |= __builtin_add_overflow(size, header_size(rank), &size);
  if (overflow) fail<ParseError>("{}: impossible shape u8[{}]", where, dims);
  return size;
}

// ParseError unless a file that starts so has the size that its header says.
void check_size(std::string_view where, std::span<const uint8_t> start, int rank, uint64_t size) {
  const uint64_t whole = whole_size(where, start, rank);
  if (whole != size)
    fail<ParseError>("{}: {}: {} bytes announced, {} there", where, size < whole ? "cut" : "trailing bytes", whole,
                     size);
}

// No IDX file starts like gzip, so the contents decide, not the name.
bool is_gzip(std::span<const uint8_t> start) { return start.size() >= 2 && start[0] == 0x1f && start[1] == 0x8b; }

#ifdef DUET_HAS_ZLIB
std::vector<uint8_t> gunzip(std::string_view where, std::span<const uint8_t> packed, int rank) {
  z_stream z{};
  if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) fail<OutOfMemory>("{}: no memory to unpack it", where);
  struct End {
    z_stream* z;
    ~End() { inflateEnd(z); }
  } end{&z};
  std::vector<uint8_t> out(header_size(rank));
  uint64_t whole = 0;  // known as soon as the header is unpacked
  size_t used = 0, have = 0;
  for (;;) {
    size_t in = std::min(packed.size() - used, size_t{1} << 30), room = std::min(out.size() - have, size_t{1} << 30);
    // zlib reads this memory only; its interface is older than const.
    z.next_in = const_cast<Bytef*>(packed.data() + used);
    z.avail_in = static_cast<uInt>(in);
    z.next_out = out.data() + have;
    z.avail_out = static_cast<uInt>(room);
    int status = inflate(&z, Z_NO_FLUSH);
    used += in - z.avail_in;
    have += room - z.avail_out;
    if (status == Z_STREAM_END) break;
    if (status == Z_BUF_ERROR && used == packed.size()) fail<ParseError>("{}: cut: the gzip data do not end", where);
    if (status == Z_MEM_ERROR) fail<OutOfMemory>("{}: no memory to unpack it", where);
    if (status != Z_OK && status != Z_BUF_ERROR) {
      fail<ParseError>("{}: damaged gzip data: {}", where, z.msg ? z.msg : "bad stream");
    }
    if (have == out.size()) {
      if (whole == 0) whole = whole_size(where, out, rank);
      // Grows with what really comes out; one byte more than announced is enough to see that there is too much.
      if (have > whole) fail<ParseError>("{}: trailing bytes: more than the {} announced", where, whole);
      out.resize(static_cast<size_t>(std::min<uint64_t>(whole + 1, std::max<uint64_t>(2 * have, 1 << 16))));
    }
  }
  if (used != packed.size()) {
    fail<ParseError>("{}: trailing bytes: {} after the gzip data", where, packed.size() - used);
  }
  out.resize(have);
  return out;
}
#else
std::vector<uint8_t> gunzip(std::string_view where, std::span<const uint8_t>, int) {
  fail<ParseError>("{}: gzip data, and duet was built without zlib; unpack the file, or build duet with zlib", where);
}
#endif

std::string join(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

bool exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

// `name` as MNIST's own site spells it, or with the dot of some mirrors, plain or packed.
std::string find_file(const std::string& folder, const std::string& name) {
  std::string dotted = name;
  dotted[dotted.find("-idx")] = '.';
  for (const std::string& candidate : {name, name + ".gz", dotted, dotted + ".gz"}) {
    if (exists(join(folder, candidate))) return join(folder, candidate);
  }
  fail<ParseError>("load_idx: {}: there is no {}[.gz] in this folder", folder, name);
}

Idx load_file(const std::string& path, int rank) {
  io::InputFile file("load_idx: " + path, path);
  return io::read_whole(file, [&] {
    std::vector<uint8_t> bytes(static_cast<size_t>(std::min<uint64_t>(file.size(), header_size(rank))));
    file.read(0, bytes);
    if (!is_gzip(bytes)) check_size(file.where(), bytes, rank, file.size());  // before there is memory for all of it
    bytes.resize(file.size());
    file.read(0, bytes);
    return parse_idx(file.where(), std::move(bytes), rank);
  });
}

Images load_images(const std::string& folder, const std::string& prefix) {
  std::string images_path = find_file(folder, prefix + "-images-idx3-ubyte");
  std::string labels_path = find_file(folder, prefix + "-labels-idx1-ubyte");
  Idx images = load_file(images_path, 3), labels = load_file(labels_path, 1);
  int64_t n = images.dims[0], height = images.dims[1], width = images.dims[2];
  check<ParseError>(n > 0 && height > 0 && width > 0, "load_idx: {}: no pixels: u8[{},{},{}]", images_path, n, height,
                    width);
  check<ParseError>(labels.dims[0] == n, "load_idx: {}: {} labels for the {} images of {}", labels_path, labels.dims[0],
                    n, images_path);

  Images set;
  set.height = height;
  set.width = width;
  set.x = io::uninitialized({f32, {n, height * width}});
  float* x = static_cast<float*>(set.x.block().data);
  for (uint8_t pixel : images.elements()) *x++ = static_cast<float>(pixel) / 255.0f;
  set.y = io::uninitialized({i32, {n}});
  std::copy(labels.elements().begin(), labels.elements().end(), static_cast<int32_t*>(set.y.block().data));
  set.classes = 1 + *std::max_element(labels.elements().begin(), labels.elements().end());
  return set;
}

}  // namespace

Idx parse_idx(std::string_view where, std::vector<uint8_t> file, int rank) {
  Idx idx;
  idx.file = is_gzip(file) ? gunzip(where, file, rank) : std::move(file);
  check_size(where, idx.file, rank, idx.file.size());
  idx.header_bytes = header_size(rank);
  for (int i = 0; i < rank; ++i) idx.dims.push_back(big_endian(&idx.file[4 + 4 * static_cast<size_t>(i)]));
  return idx;
}

TrainTest load_idx(const std::string& folder, std::source_location line) {
  LineScope scope(line);
  check<ParseError>(exists(folder), "load_idx: {}: no such folder", folder);
  TrainTest sets{load_images(folder, "train"), load_images(folder, "t10k")};
  check<ParseError>(sets.train.height == sets.test.height && sets.train.width == sets.test.width,
                    "load_idx: {}: training images are {}x{}, test images {}x{}", folder, sets.train.height,
                    sets.train.width, sets.test.height, sets.test.width);
  return sets;
}

}  // namespace duet::data
