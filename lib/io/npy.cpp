// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include "duet/io/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "io/file.h"
#include "io/formats.h"

namespace duet::io {
namespace {

static_assert(std::endian::native == std::endian::little, "these files are written as memory is");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kCodes[kDTypes] = {"f4", "f8", "i4", "i8", "u1", "b1", "f2", ""};  // NumPy has no bf16

// Reads the dictionary, a Python literal with exactly the keys descr, fortran_order and shape. Nothing is evaluated.
class HeaderReader {
 public:
  HeaderReader(std::string_view where, std::string_view text) : where_(where), text_(text) {}

  NpyHeader read() {
    expect('{');
    while (!accept('}')) {
      std::string_view key = string();
      expect(':');
      if (key == "descr" && !descr_) {
        descr_ = true;
        dtype(string());
      } else if (key == "fortran_order" && !order_) {
        order_ = true;
        header_.fortran_order = boolean();
      } else if (key == "shape" && !shape_) {
        shape_ = true;
        shape();
      } else {
        bad("unexpected key " + quote(key));
      }
      if (!accept(',') && peek() != '}') bad("',' or '}' expected");
    }
    if (!descr_ || !order_ || !shape_) bad("descr, fortran_order or shape is missing");
    skip_space();
    if (at_ != text_.size()) bad("something follows the dictionary");
    return header_;
  }

 private:
  [[noreturn]] void bad(const std::string& what) const {
    fail<ParseError>("{}: bad header at character {}: {}", where_, at_, what);
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad(fmt::format("'{}' expected", c));
  }
  std::string_view string() {
    char mark = peek();
    if (mark == '[') fail<ParseError>("{}: structured dtypes are not supported", where_);
    if (mark != '\'' && mark != '"') bad("a string expected");
    size_t end = text_.find(mark, ++at_);
    if (end == text_.npos) bad("a string does not end");
    std::string_view s = text_.substr(at_, end - at_);
    if (s.find('\\') != s.npos) bad("an escape in a string");
    at_ = end + 1;
    return s;
  }
  bool boolean() {
    skip_space();
    for (std::string_view word : {"True", "False"}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    }
    bad("True or False expected");
  }
  void dtype(std::string_view code) {
    if (code.find('O') != code.npos) {
      fail<ParseError>("{}: object arrays are refused: they are programs, not data", where_);
    }
    size_t i = 0;
    while (i < kDTypes && (code.size() < 2 || code.substr(1) != kCodes[i])) ++i;
    bool known = i < kDTypes && std::string_view("<>|=").find(code[0]) != std::string_view::npos;
    if (!known) {
      fail<ParseError>("{}: dtype {} is not supported; supported are f2, f4, f8, i4, i8, u1 and b1", where_,
                       quote(code));
    }
    header_.spec.dtype = static_cast<DType>(i);
    header_.swap_bytes = code[0] == '>' && size_bytes(header_.spec.dtype) > 1;
  }
  void shape() {
    expect('(');
    while (!accept(')')) {
      uint64_t extent = 0;
      if (peek() < '0' || peek() > '9') bad("an extent expected");
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        if (extent > (uint64_t{1} << 62) / 10) bad("an extent is too large");
        extent = extent * 10 + static_cast<uint64_t>(text_[at_] - '0');
      }
      if (header_.spec.shape.rank() == kMaxRank) {
        fail<ParseError>("{}: more than {} axes are not supported", where_, kMaxRank);
      }
      header_.spec.shape.push_back(static_cast<int64_t>(extent));
      if (!accept(',') && peek() != ')') bad("',' or ')' expected");
    }
  }

  std::string_view where_, text_;
  size_t at_ = 0;
  bool descr_ = false, order_ = false, shape_ = false;
  NpyHeader header_;
};

void swap_bytes(std::span<uint8_t> bytes, size_t width) {
  for (size_t i = 0; i < bytes.size(); i += width) std::reverse(&bytes[i], &bytes[i] + width);
}

// Fortran order to row-major: the file lists the elements of the transposed array.
Tensor from_fortran_order(const Spec& spec, std::span<const uint8_t> file) {
  Tensor t = uninitialized(spec);
  uint8_t* to = storage(t).data();
  size_t width = size_bytes(spec.dtype);
  int64_t index[kMaxRank] = {}, stride[kMaxRank] = {};
  int64_t step = 1;
  for (int axis = 0; axis < spec.shape.rank(); ++axis) {
    stride[axis] = step;
    step *= spec.shape[axis];
  }
  int64_t from = 0;
  for (int64_t n = t.numel(); n > 0; --n, to += width) {
    std::memcpy(to, &file[static_cast<size_t>(from) * width], width);
    for (int axis = spec.shape.rank() - 1; axis >= 0; --axis) {
      from += stride[axis];
      if (++index[axis] < spec.shape[axis]) break;
      from -= stride[axis] * spec.shape[axis];
      index[axis] = 0;
    }
  }
  return t;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view where, std::span<const uint8_t> start, uint64_t file_bytes) {
  std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  if (!text.starts_with(kMagic)) fail<ParseError>("{}: not a .npy file", where);
  if (text.size() < 10) fail<ParseError>("{}: cut in the header", where);
  int major = start[6], minor = start[7];
  if (major < 1 || major > 3 || minor != 0) {
    fail<ParseError>("{}: .npy version {}.{} is not supported", where, major, minor);
  }
  size_t preamble = major == 1 ? 10 : kNpyPreamble;
  uint64_t length = uint64_t{start[8]} | uint64_t{start[9]} << 8;
  if (major > 1) {
    if (text.size() < preamble) fail<ParseError>("{}: cut in the header", where);
    length |= uint64_t{start[10]} << 16 | uint64_t{start[11]} << 24;
  }
  if (length > kNpyLongestHeader) {
    fail<ParseError>("{}: a header of {} bytes is longer than {}", where, length, kNpyLongestHeader);
  }
  if (preamble + length > text.size()) fail<ParseError>("{}: cut in the header", where);
  NpyHeader header = HeaderReader(where, text.substr(preamble, length)).read();
  header.data_offset = preamble + length;
  uint64_t bytes = checked_bytes(where, header.spec), have = file_bytes - header.data_offset;
  if (bytes != have) {
    fail<ParseError>("{}: {}: {} holds {} bytes, the file has {}", where, have < bytes ? "cut" : "trailing bytes",
                     header.spec, bytes, have);
  }
  return header;
}

Tensor npy_tensor(std::string_view where, const NpyHeader& header, Tensor read) {
  if (header.swap_bytes) swap_bytes(storage(read), size_bytes(read.dtype()));
  if (header.fortran_order && read.rank() > 1) read = from_fortran_order(header.spec, elements(read));
  check_elements(where, read);
  return read;
}

std::string npy_header(std::string_view where, const Spec& spec) {
  check<DTypeError>(spec.dtype != DType::bf16,
                    "{}: {}: .npy files have no bf16; convert it with .to(f32), or save .safetensors", where, spec);
  std::string shape;
  for (int64_t extent : spec.shape) shape += fmt::format("{}{}", extent, spec.shape.rank() == 1 ? "," : ", ");
  if (spec.shape.rank() > 1) shape.resize(shape.size() - 2);
  std::string dict = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                 size_bytes(spec.dtype) == 1 ? '|' : '<', kCodes[static_cast<int>(spec.dtype)], shape);
  // Padded, as NumPy does it, so that the elements begin at a multiple of 64.
  const size_t length = (10 + dict.size() + 1 + 63) / 64 * 64 - 10;
  dict.resize(length - 1, ' ');
  std::string header(kMagic);
  header += {1, 0, static_cast<char>(length), static_cast<char>(length >> 8)};
  return header + dict + '\n';
}

Tensor load_npy(const std::string& path, std::source_location line) {
  LineScope scope(line);
  InputFile file("load: " + path, path);
  std::vector<uint8_t> start(std::min<uint64_t>(file.size(), kNpyPreamble + kNpyLongestHeader));
  file.read(0, start);
  NpyHeader header = parse_npy_header(file.where(), start, file.size());
  Tensor t = uninitialized(header.spec);
  file.read(header.data_offset, storage(t));
  return npy_tensor(file.where(), header, std::move(t));
}

void save_npy(const std::string& path, const Tensor& t, std::source_location line) {
  LineScope scope(line);
  std::string where = "save: " + path;
  check<Error>(t.defined(), "{}: the tensor is empty: default-constructed or moved from", where);
  Tensor dense = t.contiguous().to(Device::cpu());
  materialize(dense, "save");
  const std::string header = npy_header(where, dense.spec());
  OutputFile file(where, path);
  file.write(header);
  file.write(elements(dense));
  file.commit();
}

}  // namespace duet::io
