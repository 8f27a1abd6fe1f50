#include "duet/io/npy.h"

#include <cmath>
#include <cstring>

#include "files.h"

using namespace duet;
using namespace std::string_literals;

namespace {

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string length(version == 1 ? 2 : 4, '\0');
  length[0] = static_cast<char>(header.size());
  length[1] = static_cast<char>(header.size() >> 8);
  return "\x93NUMPY"s + version + '\0' + length + header + data;
}

std::string dict(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

template <class T>
void round_trip(const TempFolder& folder, const std::vector<T>& elements, const Shape& shape) {
  std::string path = folder / "t.npy";
  io::save_npy(path, from_vector(elements, shape));
  Tensor t = io::load_npy(path);
  EXPECT_EQ(t.spec(), (Spec{dtype_of<T>, shape}));
  EXPECT_EQ(t.to_vector<T>(), elements);
  EXPECT_EQ((file_bytes(path).size() - elements.size() * sizeof(T)) % 64, 0u);
}

TEST(Npy, RoundTripsEveryDTypeAndRank) {
  TempFolder folder;
  for (const Shape& shape : {Shape{2, 3}, Shape{6}, Shape{6, 1}, Shape{1, 2, 3}, Shape{3, 1, 2, 1},
                             Shape{1, 2, 1, 3, 1}, Shape{1, 1, 2, 1, 1, 3}}) {
    round_trip<float>(folder, {1, -0.0f, 3.5f, HUGE_VALF, 1e-45f, -6}, shape);
    round_trip<double>(folder, {1, -0.0, 3.5, 5e-324, 1e300, -6}, shape);
    round_trip<int32_t>(folder, {1, -2, INT32_MIN, INT32_MAX, 0, 5}, shape);
    round_trip<int64_t>(folder, {1, -2, INT64_MIN, INT64_MAX, 0, 5}, shape);
    round_trip<uint8_t>(folder, {1, 2, 0, 255, 128, 5}, shape);
  }
  round_trip<float>(folder, {2.5f}, {});
  round_trip<float>(folder, {}, {0});
  round_trip<int32_t>(folder, {}, {4, 0, 2});
  const bool mask[] = {true, false, true};
  io::save_npy(folder / "mask.npy", from_span<bool>(mask, {3}));
  EXPECT_EQ(io::load_npy(folder / "mask.npy").to_vector<bool>(), (std::vector<bool>{true, false, true}));
}

TEST(Npy, WritesWhatNumPyWrites) {
  TempFolder folder;
  io::save_npy(folder / "t.npy", from_vector<int32_t>({1, 2}, {2}));
  EXPECT_EQ(file_bytes(folder / "t.npy"),
            "\x93NUMPY\x01\x00\x76\x00{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }"s +
                std::string(60, ' ') + "\n\x01\0\0\0\x02\0\0\0"s);
}

TEST(Npy, ReadsVersionsOrdersAndSpellings) {
  TempFolder folder;
  std::string path = folder / "t.npy";
  const std::string data("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0", 24);
  for (char version : {'\1', '\2', '\3'}) {
    write_file(path, npy(dict("<i4", "False", "(2, 3)"), data, version));
    EXPECT_EQ(io::load_npy(path).to_vector<int32_t>(), (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
  }
  write_file(path, npy(dict("<i4", "True", "(2, 3)"), data));
  EXPECT_EQ(io::load_npy(path).to_vector<int32_t>(), (std::vector<int32_t>{1, 3, 5, 2, 4, 6}));
  write_file(path, npy(dict("<i4", "True", "(3, 1, 2)"), data));
  EXPECT_EQ(io::load_npy(path).to_vector<int32_t>(), (std::vector<int32_t>{1, 4, 2, 5, 3, 6}));
  write_file(path, npy(dict("<i4", "True", "(6,)"), data));
  EXPECT_EQ(io::load_npy(path).to_vector<int32_t>(), (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
  write_file(path, npy(dict(">i4", "False", "(1,)"), "\0\0\1\2"s));
  EXPECT_EQ(io::load_npy(path).to_vector<int32_t>(), (std::vector<int32_t>{258}));
  write_file(path, npy("{\"shape\": (), \"fortran_order\":False,\"descr\":\"=f4\"}", "\0\0\x80\x3f"s));
  EXPECT_EQ(io::load_npy(path).to_vector<float>(), (std::vector<float>{1}));
}

TEST(Npy, SaysWhatIsWrongInOneLine) {
  TempFolder folder;
  std::string path = folder / "t.npy", at = "load: " + path + ": ";
  struct Case {
    std::string bytes, message;
  };
  const Case cases[] = {
      {"", "not a .npy file"},
      {"PK\3\4 a zip file", "not a .npy file"},
      {"\x93NUMPY\1", "cut in the header"},
      {npy("{", "", 9), ".npy version 9.0 is not supported"},
      {"\x93NUMPY\1\0\x10\0{"s, "cut in the header"},
      {"\x93NUMPY\2\0\xff\xff\xff\xff"s, "a header of 4294967295 bytes is longer than 10000"},
      {npy("x", ""), "bad header at character 0: '{' expected"},
      {npy("{'descr': '<f4', 'fortran_order': False, }", ""),
       "bad header at character 42: descr, fortran_order or shape is missing"},
      {npy("{'descr': '<f4', 'descr': '<f4'}", ""), "bad header at character 25: unexpected key 'descr'"},
      {npy("{'descr': '<f4', 'x\ny': 1}", ""), "bad header at character 23: unexpected key 'x\\x0ay'"},
      {npy("{'descr': '<f4", ""), "bad header at character 11: a string does not end"},
      {npy("{'descr' '<f4'}", ""), "bad header at character 9: ':' expected"},
      {npy("{'des\\x63r': '<f4'}", ""), "bad header at character 2: an escape in a string"},
      {npy("{'descr': '<f4' 'shape'}", ""), "bad header at character 16: ',' or '}' expected"},
      {npy("{'descr': 4}", ""), "bad header at character 10: a string expected"},
      {npy(dict("<f4", "Maybe", "(1,)"), ""), "bad header at character 34: True or False expected"},
      {npy(dict("<f4", "False", "(-1,)"), ""), "bad header at character 51: an extent expected"},
      {npy(dict("<f4", "False", "(1 2)"), ""), "bad header at character 53: ',' or ')' expected"},
      {npy(dict("<f4", "False", "(99999999999999999999,)"), ""), "bad header at character 69: an extent is too large"},
      {npy(dict("<f4", "False", "(1,1,1,1,1,1,1)"), ""), "more than 6 axes are not supported"},
      {npy(dict("<f4", "False", "(4000000000, 4000000000)"), ""), "impossible shape f32[4000000000,4000000000]"},
      {npy(dict("<f4", "False", "(1,)") + "x", "1234"), "bad header at character 58: something follows the dictionary"},
      {npy(dict("|O", "False", "(1,)"), "12345678"), "object arrays are refused: they are programs, not data"},
      {npy("{'descr': [('a', '<f4')]}", ""), "structured dtypes are not supported"},
      {npy(dict("<i2", "False", "(1,)"), "12"),
       "dtype '<i2' is not supported; supported are f2, f4, f8, i4, i8, u1 and b1"},
      {npy(dict("<f4", "False", "(2,)"), "1234567"), "cut: f32[2] holds 8 bytes, the file has 7"},
      {npy(dict("<f4", "False", "(2,)"), "123456789"), "trailing bytes: f32[2] holds 8 bytes, the file has 9"},
      {npy(dict("|b1", "False", "(2,)"), "\1\2"), "a bool is neither 0 nor 1: 2"},
  };
  for (const Case& c : cases) {
    write_file(path, c.bytes);
    EXPECT_EQ(error_of<ParseError>([&] { io::load_npy(path); }), at + c.message);
  }
  EXPECT_EQ(error_of<ParseError>([&] { io::load_npy("/no/such.npy"); }), "load: /no/such.npy: no such file");
  EXPECT_EQ(error_of<ParseError>([&] { io::load_npy(folder.path()); }),
            "load: " + folder.path() + ": not a regular file");
  EXPECT_EQ(error_of<ParseError>([&] { io::load_npy("/dev/null/t.npy"); }),
            "load: /dev/null/t.npy: cannot be opened: Not a directory");
  EXPECT_EQ(error_of<ParseError>([&] { io::load_npy("/dev/zero"); }), "load: /dev/zero: not a regular file");
}

TEST(Npy, SurvivesEveryCutAndFlippedBit) {
  TempFolder folder;
  std::string path = folder / "t.npy";
  io::save_npy(path, from_vector<float>({1, 2, 3, 4}, {2, 2}));
  abuse(path, file_bytes(path), 128, 2, [&] { io::load_npy(path); });
  std::string fortran = npy(dict("|b1", "True", "(2, 3)"), "\0\1\0\1\1\1"s, 2);
  abuse(path, fortran, fortran.size(), 2, [&] { io::load_npy(path); });
  std::string big = npy(dict(">f8", "True", "(1, 2, 1)"), std::string(16, 'x'), 3);
  abuse(path, big, big.size(), 2, [&] { io::load_npy(path); });
}

TEST(Npy, AFailedSaveLeavesTheOldFileWhole) {
  TempFolder folder;
  std::string path = folder / "t.npy";
  Tensor old_value = from_vector<float>({1, 2}, {2});
  io::save_npy(path, old_value);
  std::string old_bytes = file_bytes(path);

  EXPECT_EQ(error_of<Error>([&] { io::save_npy(path, Tensor()); }),
            "save: " + path + ": the tensor is empty: default-constructed or moved from");

  std::string message;
  with_file_limit(1000, [&] {
    message = error_of<Error>([&] { io::save_npy(path, from_vector<float>(std::vector<float>(999), {999})); });
  });
  EXPECT_EQ(message, "save: " + path + ": cannot be written: File too large; the old file, if any, is untouched");
  EXPECT_EQ(file_bytes(path), old_bytes);
  EXPECT_EQ(folder.files(), 1);

  std::filesystem::create_directory(folder / "folder");
  write_file(folder / "folder/x", "x");
  EXPECT_EQ(
      error_of<Error>([&] { io::save_npy(folder / "folder", old_value); }),
      "save: " + folder / "folder" + ": cannot be put in place: Is a directory; the old file, if any, is untouched");
  EXPECT_EQ(error_of<Error>([&] { io::save_npy(folder / "none/t.npy", old_value); }),
            "save: " + folder / "none/t.npy" + ": cannot be written: No such file or directory");
  EXPECT_EQ(folder.files(), 2);
}

}  // namespace
