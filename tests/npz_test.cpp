// .npz files: what is read beyond NumPy's own (tests/interchange has those), what is refused and with which words.
#include "duet/io/npz.h"

#include <fmt/format.h>

#include <zlib.h>

#include <cmath>
#include <random>

#include "duet/io/checkpoint.h"
#include "duet/ops/create.h"
#include "deflated.h"
#include "files.h"
#include "io/formats.h"
#include "io/zip.h"

using namespace duet;
using namespace std::string_literals;

namespace {

uint32_t crc_of(const std::string& bytes) {
  return static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::string number(uint64_t n, int width) {
  std::string s;
  for (int i = 0; i < width; ++i) s += static_cast<char>(n >> (8 * i));
  return s;
}

// A member as the classic zip format has it, without zip64: any field can lie.
struct Member {
  std::string name, packed;
  uint16_t method = 0, flags = 0;
  uint32_t crc = 0;
  uint64_t bytes = 0;
  std::string extra = {}, gap = {};  // gap: bytes behind it
  std::optional<uint64_t> packed_bytes = {};
  uint16_t disk = 0;

  std::string fields() const {
    return number(20, 2) + number(flags, 2) + number(method, 2) + number(0x12345678, 4) + number(crc, 4) +
           number(packed_bytes.value_or(packed.size()), 4) + number(bytes, 4) + number(name.size(), 2) +
           number(extra.size(), 2);
  }
};
Member stored(const std::string& name, const std::string& contents) {
  return {name, contents, 0, 0, crc_of(contents), contents.size()};
}
Member packed(const std::string& name, const std::string& contents) {
  return {name, deflated(contents), 8, 0, crc_of(contents), contents.size()};
}

std::string zip(const std::vector<Member>& members, const std::vector<size_t>& order = {}) {
  std::string file;
  std::vector<std::string> entries;
  for (const Member& m : members) {
    entries.push_back("PK\1\2" + number(20, 2) + m.fields() + number(4, 2) + number(m.disk, 2) + number(0, 6) +
                      number(file.size(), 4) + m.name + m.extra + "note");
    file += "PK\3\4" + m.fields() + m.name + m.extra + m.packed + m.gap;
  }
  std::string directory;
  for (size_t i = 0; i < entries.size(); ++i) directory += entries[order.empty() ? i : order[i]];
  return file + directory + "PK\5\6" + number(0, 4) + number(entries.size(), 2) + number(entries.size(), 2) +
         number(directory.size(), 4) + number(file.size(), 4) + number(0, 2);
}

std::string npy(const Spec& spec, const std::string& elements) { return io::npy_header("x", spec) + elements; }
const std::string kTwo = npy({i32, {2}}, "\1\0\0\0\2\0\0\0"s);

std::string changed(std::string file, size_t at, const std::string& bytes) {
  return file.replace(at, bytes.size(), bytes);
}

io::NamedTensors sample() {
  return {{"hidden.weight", from_vector<float>({1, -0.0f, 3, HUGE_VALF, 1e-45f, 6}, {2, 3})},
          {"step", from_vector<int64_t>({42}, {})},
          {"", from_vector<uint8_t>({7, 8, 9}, {3, 1})},
          {"naïve \"name\"\n", from_vector<double>({}, {0, 4})}};
}

TEST(Crc32, IsThatOfZlib) {
  std::mt19937 rng(1);
  std::string bytes(1000, '\0');
  for (char& c : bytes) c = static_cast<char>(rng());
  for (size_t n = 0; n < bytes.size(); n += 1 + n / 8) {
    for (size_t first : {size_t{0}, n / 3, n}) {
      io::Crc32 crc;
      crc.add(std::string_view(bytes).substr(0, first));
      crc.add(std::string_view(bytes).substr(first, n - first));
      EXPECT_EQ(crc.value(), crc_of(bytes.substr(0, n))) << n;
    }
  }
}

TEST(Npz, RoundTripsNamesShapesAndBits) {
  TempFolder folder;
  const std::string path = folder / "t.npz";
  const io::NamedTensors saved = sample();
  io::save_npz(path, saved);
  const io::NamedTensors loaded = io::load_npz(path);
  ASSERT_EQ(loaded.size(), saved.size());
  for (size_t i = 0; i < saved.size(); ++i) {
    EXPECT_EQ(loaded[i].first, saved[i].first);
    const Tensor &a = loaded[i].second, &b = saved[i].second;
    ASSERT_EQ(a.spec(), b.spec());
    EXPECT_EQ(std::memcmp(a.block().data, b.block().data, b.size_bytes()), 0);
  }
  const std::string bytes = file_bytes(path);
  io::save_npz(path, saved);
  EXPECT_EQ(file_bytes(path), bytes);  // no time in it
}

TEST(Npz, HoldsTrees) {
  struct Layer {
    Tensor weight, bias;
  };
  TempFolder folder;
  const std::string path = folder / "m.npz", at = "load: " + path + ": ";
  const std::vector<Layer> saved = {{ones({2, 2}), zeros({2})}, {ones({2, 1}), ones({1})}};
  io::save(path, saved);
  EXPECT_EQ(io::load_npz(path)[2].first, "1.weight");
  std::vector<Layer> loaded(2);
  io::load(path, loaded);
  EXPECT_EQ(loaded[1].weight.to_vector(), (std::vector<float>{1, 1}));
  loaded[1].bias = zeros({5});
  EXPECT_EQ(error_of<ParseError>([&] { io::load(path, loaded); }),
            at + "tensor '1.bias' is f32[1] in the file, f32[5] in the tree");
  loaded[1].bias = zeros({1});
  loaded.resize(3);
  EXPECT_EQ(error_of<ParseError>([&] { io::load(path, loaded); }), at + "the file has no tensor '2.weight'");
  loaded.resize(1);
  EXPECT_EQ(error_of<ParseError>([&] { io::load(path, loaded); }), at + "the tree has no tensor '1.weight'");
  EXPECT_EQ(loaded[0].weight.to_vector(), (std::vector<float>{1, 1, 1, 1}));
}

TEST(Npz, ReadsOtherWritersFiles) {
  TempFolder folder;
  const std::string path = folder / "t.npz";
  // Times in extra fields, a directory in another order, no zip64.
  Member a = stored("a.npy", kTwo), b = packed("b.npy", npy({u8, {3}}, "abc"));
  a.extra = "UT\5\0\1abcd"s;
  b.flags = 2;  // "maximum compression"
  write_file(path, zip({a, b}, {1, 0}));
  io::NamedTensors loaded = io::load_npz(path);
  ASSERT_EQ(loaded.size(), 2u);
  EXPECT_EQ(loaded[0].first, "b");
  EXPECT_EQ(loaded[0].second.to_vector<uint8_t>(), (std::vector<uint8_t>{'a', 'b', 'c'}));
  EXPECT_EQ(loaded[1].second.to_vector<int32_t>(), (std::vector<int32_t>{1, 2}));

  // More than one step of unpacking, and a header longer than what is read ahead of the elements.
  std::string noise(1'000'000, '\0'), dict = io::npy_header("x", {u8, {1'000'000}}).substr(10);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i >> 7);
  dict.insert(dict.size() - 1, std::string(9000, ' '));
  write_file(path, zip({packed("t.npy", "\x93NUMPY\1\0"s + number(dict.size(), 2) + dict + noise)}));
  loaded = io::load_npz(path);
  EXPECT_EQ(std::memcmp(loaded.at(0).second.block().data, noise.data(), noise.size()), 0);
}

TEST(Npz, SaysWhatIsWrongInOneLine) {
  TempFolder folder;
  const std::string path = folder / "t.npz", at = "load: " + path + ": ";
  const Member good = stored("a.npy", kTwo), small = packed("a.npy", kTwo);
  const std::string good_file = zip({good});
  const size_t end = good_file.size() - 22, entry = end - 55;
  Member gap = good;
  gap.gap = "xy";
  std::string flipped = kTwo;
  flipped[130] ^= 1;
  // Members with one thing changed.
  const auto with = [](Member m, auto change) {
    change(m);
    return zip({m});
  };
  const auto flags = [&](uint16_t f) { return with(good, [f](Member& m) { m.flags = f; }); };
  const auto name = [&](const std::string& n) { return with(good, [&n](Member& m) { m.name = n; }); };
  struct Case {
    std::string bytes, message;
  };
  const std::string none = "not a .npz file, or cut: it does not end as a zip archive does";
  const std::string place = "damaged: its zip directory is not where its end says";
  const std::string local = "member 'a.npy': damaged: its header is not what the directory says";
  const Case cases[] = {
      {"", none},
      {"\x93NUMPY and no zip archive", none},
      {good_file.substr(0, good_file.size() - 1), none},
      {good_file.substr(0, good_file.size() - 2) + number(3, 2) + "abc", none},
      {changed(good_file, end + 4, "\1"), "zip archives of several disks are not supported"},
      {changed(good_file, end + 8, "\2"), "zip archives of several disks are not supported"},
      {with(good, [](Member& m) { m.disk = 1; }), "zip archives of several disks are not supported"},
      {changed(good_file, end + 16, number(0, 4)), place},
      {changed(good_file, end + 12, number(54, 4)), place},
      {changed(good_file, end + 8, number(0x00020002, 4)), place},
      {changed(good_file, end + 8, number(0, 4)), "damaged: its zip directory has 55 bytes too many"},
      {changed(good_file, entry, "x"), "damaged: a bad entry in its zip directory"},
      {changed(good_file, entry + 32, "\5"), "damaged: a bad entry in its zip directory"},
      {changed(good_file, 0, "x"), local},
      {changed(good_file, 30, "b"), local},
      {changed(good_file, 14, "x"), local},
      {changed(good_file, 26, "\4"), local},
      {changed(good_file, 28, "\xff\xff"), local},
      {flags(1), "member 'a.npy': encrypted members are not supported"},
      {flags(8), "member 'a.npy': written to a pipe, which is not supported; save it to a file"},
      {flags(0x2000), "member 'a.npy': zip flags 0x2000 are not supported"},
      {with(good, [](Member& m) { m.method = 12; }),
       "member 'a.npy': compression method 12 is not supported; supported are 0 (stored) and 8 (deflated)"},
      {name("../a.npy"), "member '../a.npy': its name has a slash, backslash or zero"},
      {name("/a.npy"), "member '/a.npy': its name has a slash, backslash or zero"},
      {name("..\\a.npy"), "member '..\\a.npy': its name has a slash, backslash or zero"},
      {name("a.npy\0.npy"s), "member 'a.npy\\x00.npy': its name has a slash, backslash or zero"},
      {name("\xff.npy"), "member '\xff.npy': its name is not UTF-8"},
      {name("\xed\xa0\x80.npy"), "member '\xed\xa0\x80.npy': its name is not UTF-8"},
      {name("\xc3\xa9.npy"), "member 'é.npy': its name is neither ASCII nor marked as UTF-8"},
      {name("a.txt"), "member 'a.txt': no .npy file"},
      {zip({good, good}), "two members are named 'a.npy'"},
      {with(good, [](Member& m) { m.bytes += 1; }), "member 'a.npy': impossible size: 137 bytes, 136 in the file"},
      {with(small, [](Member& m) { m.bytes = 0xfffffffe; }),
       fmt::format("member 'a.npy': impossible size: 4294967294 bytes, {} in the file", small.packed.size())},
      {with(good, [](Member& m) { m.bytes = 0xffffffff; }),
       "member 'a.npy': damaged: its extra field is cut or lacks a size"},
      {with(good, [](Member& m) { m.extra = "\1\0\x10\0xx"s; }),
       "member 'a.npy': damaged: its extra field is cut or lacks a size"},
      {with(good, [](Member& m) { m.packed_bytes = m.bytes = 150; }),
       "member 'a.npy': cut: 150 bytes announced, 136 there"},
      {zip({gap}), "trailing bytes: the last member ends at byte 171, the directory begins at 173"},
      {zip({gap, stored("b.npy", kTwo)}), "member 'b.npy': it begins at byte 173, what stands before it ends at 171"},
      {with(good, [&](Member& m) { m.packed = flipped; }),
       fmt::format("member 'a.npy': damaged: its CRC-32 is {:08x}, not {:08x}", crc_of(flipped), crc_of(kTwo))},
      {with(small, [](Member& m) { m.packed = "\xff\xff\xff"; }),
       "member 'a.npy': damaged deflate data: invalid block type"},
      {with(small, [](Member& m) { m.packed.pop_back(); }), "member 'a.npy': damaged deflate data: they do not end"},
      {with(small, [](Member& m) { m.packed += "xy"; }), "member 'a.npy': trailing bytes: 2 after the deflate data"},
      {with(small, [](Member& m) { m.packed = deflated(kTwo + "x"); }),
       "member 'a.npy': damaged deflate data: more than the 136 bytes announced"},
      {with(small, [](Member& m) { m.packed = deflated(kTwo.substr(0, 133)); }),
       "member 'a.npy': damaged deflate data: 136 bytes announced, 133 there"},
      {zip({stored("a.npy", "")}), "member 'a.npy': not a .npy file"},
      {zip({packed("a.npy", kTwo.substr(0, 90))}), "member 'a.npy': cut in the header"},
      {zip({stored("a.npy", kTwo + "x")}), "member 'a.npy': trailing bytes: i32[2] holds 8 bytes, the file has 9"},
      {zip({packed("a.npy", kTwo.substr(0, 135))}), "member 'a.npy': cut: i32[2] holds 8 bytes, the file has 7"},
      {zip({packed("a.npy", npy({f32, {int64_t{1} << 40}}, ""))}),
       "member 'a.npy': cut: f32[1099511627776] holds 4398046511104 bytes, the file has 0"},
      {zip({stored("a.npy", npy({boolean, {2}}, "\1\2"))}), "member 'a.npy': a bool is neither 0 nor 1: 2"},
  };
  for (const Case& c : cases) {
    write_file(path, c.bytes);
    const int64_t before = memory_stats().live_bytes;
    reset_peak();
    EXPECT_EQ(error_of<ParseError>([&] { io::load_npz(path); }), at + c.message);
    EXPECT_LE(memory_stats().peak_bytes - before, 256) << c.message;  // the smallest block
  }
  EXPECT_EQ(error_of<ParseError>([&] { io::load_npz("/no/such.npz"); }), "load: /no/such.npz: no such file");
}

// Directories of archives beyond 2 GiB need zip64. A file of holes is as good as a real one.
TEST(Npz, KnowsTheDirectoriesOfHugeArchives) {
  TempFolder folder;
  const std::string path = folder / "huge.npz";
  std::vector<io::ZipMember> members;
  uint64_t offset = 0;
  for (uint64_t size : {uint64_t{100}, uint64_t{3'000'000'000}, uint64_t{5'000'000'000}, uint64_t{7}}) {
    io::ZipMember m{fmt::format("{}.npy", size)};
    m.bytes = m.packed_bytes = size;
    m.crc = static_cast<uint32_t>(size);
    m.header_offset = offset;
    m.data_offset = offset + io::zip_local_header(m).size();
    offset = m.data_offset + size;
    members.push_back(m);
  }
  std::ofstream out(path, std::ios::binary);
  for (const io::ZipMember& m : members) {
    out.seekp(static_cast<std::streamoff>(m.header_offset));
    out << io::zip_local_header(m);
  }
  out.seekp(static_cast<std::streamoff>(offset));
  out << io::zip_directory(members, offset);
  out.close();
  const auto read = io::read_zip_directory(io::InputFile("load: huge", path));
  ASSERT_EQ(read.size(), members.size());
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].name, members[i].name);
    EXPECT_EQ(read[i].bytes, members[i].bytes);
    EXPECT_EQ(read[i].packed_bytes, members[i].packed_bytes);
    EXPECT_EQ(read[i].header_offset, members[i].header_offset);
    EXPECT_EQ(read[i].data_offset, members[i].data_offset);
    EXPECT_EQ(read[i].crc, members[i].crc);
  }
  // More members than 16 bits count.
  io::NamedTensors many;
  for (int i = 0; i < 65'537; ++i) many.emplace_back(std::to_string(i), Tensor(1.0f));
  io::save_npz(path, many);
  EXPECT_EQ(io::load_npz(path).size(), many.size());
}

TEST(Npz, SurvivesEveryCutAndFlippedBit) {
  TempFolder folder;
  const std::string path = folder / "t.npz";
  const auto load = [&] { io::load_npz(path); };
  io::save_npz(path, sample());
  abuse(path, file_bytes(path), SIZE_MAX, 1, load);
  const std::string text = zip({packed("a.npy", kTwo), packed("b.npy", npy({f64, {3}}, std::string(24, 'z')))});
  abuse(path, text, SIZE_MAX, 1, load);
  // As a big one does it: the directory of an archive with zip64 records.
  std::vector<io::ZipMember> members;
  io::ZipMember m{"a.npy"};
  m.bytes = m.packed_bytes = kTwo.size();
  m.crc = crc_of(kTwo);
  members.push_back(m);
  const std::string head = io::zip_local_header(m) + kTwo, directory = io::zip_directory(members, head.size());
  const size_t entry = directory.size() - 22;
  const std::string wide = "PK\6\6"s + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 8) + number(1, 8) +
                           number(1, 8) + number(entry, 8) + number(head.size(), 8) + "PK\6\7" + number(0, 4) +
                           number(head.size() + entry, 8) + number(1, 4);
  abuse(path, head + directory.substr(0, entry) + wide + directory.substr(entry), SIZE_MAX, 1, load);
}

// No flipped bit of the elements, of a name or a size gets through.
TEST(Npz, EveryBitThatCountsIsChecked) {
  TempFolder folder;
  const std::string path = folder / "t.npz";
  const Member m = packed("a.npy", kTwo);
  const std::string good = zip({m});
  const size_t data = 30 + m.name.size();
  for (size_t bit = 8 * data; bit < 8 * (data + m.packed.size()); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    write_file(path, bad);
    try {
      EXPECT_EQ(io::load_npz(path).at(0).second.to_vector<int32_t>(), (std::vector<int32_t>{1, 2})) << bit;
    } catch (const ParseError&) {
    }
  }
}

TEST(Npz, RefusesToWriteWhatItCouldNotRead) {
  TempFolder folder;
  const std::string path = folder / "t.npz", at = "save: " + path + ": ";
  const Tensor t = ones({2});
  const auto message = [&](const std::string& name, const Tensor& x) {
    return error_of<Error>([&] { io::save_npz(path, {{"a", t}, {name, x}}); });
  };
  EXPECT_EQ(message("a", t), at + "two tensors are named 'a'");
  EXPECT_EQ(message("b", Tensor()), at + "tensor 'b' is empty: default-constructed or moved from");
  EXPECT_EQ(message("../b", t), at + "tensor '../b': its name has a slash, backslash or zero");
  EXPECT_EQ(message("\xff", t), at + "tensor '\xff': its name is not UTF-8");
  EXPECT_EQ(message(std::string(65'532, 'b'), t),
            at + "tensor '" + std::string(80, 'b') + "…': its name is longer than 65535 bytes");
  EXPECT_EQ(folder.files(), 0);
  io::save_npz(path, {{"a", t}});
  const std::string good = file_bytes(path);
  EXPECT_EQ(message("a", t), at + "two tensors are named 'a'");
  EXPECT_EQ(file_bytes(path), good);
  EXPECT_EQ(error_of<Error>([&] { io::save_npz(folder / "none/t.npz", {}); }),
            "save: " + folder / "none/t.npz" + ": cannot be written: No such file or directory");
}

}  // namespace
