#include "duet/io/safetensors.h"

#include <cstring>

#include "files.h"

using namespace duet;
using namespace std::string_literals;

namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
  uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + data;
}

io::NamedTensors sample() {
  const bool mask[] = {true, false, true};
  return {{"mask", from_span<bool>(mask, {3})},
          {"hidden.weight", from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3})},
          {"pixels", from_vector<uint8_t>({7, 8, 9}, {3, 1})},
          {"empty", from_vector<float>({}, {0, 4})},
          {"step", from_vector<int64_t>({42}, {})},
          {"labels", from_vector<int32_t>({-1, 1}, {2})},
          {"naïve \"name\"\n", from_vector<double>({0.1, -0.0}, {1, 2})}};
}

TEST(Safetensors, RoundTripsNamesShapesAndBits) {
  TempFolder folder;
  std::string path = folder / "m.safetensors";
  io::NamedTensors saved = sample();
  io::save_safetensors(path, saved);
  io::NamedTensors loaded = io::load_safetensors(path);
  ASSERT_EQ(loaded.size(), saved.size());
  for (const auto& [name, t] : saved) {
    auto same_name = [&name = name](const auto& entry) { return entry.first == name; };
    auto it = std::find_if(loaded.begin(), loaded.end(), same_name);
    ASSERT_NE(it, loaded.end()) << name;
    EXPECT_EQ(it->second.spec(), t.spec());
    EXPECT_EQ(std::memcmp(it->second.block().data, t.block().data, t.size_bytes()), 0);
  }
  io::save_safetensors(path, {});
  EXPECT_EQ(file_bytes(path), file_of("{}      "));
  EXPECT_TRUE(io::load_safetensors(path).empty());
}

TEST(Safetensors, WritesWideElementsFirstAndPadsTheHeader) {
  TempFolder folder;
  std::string path = folder / "m.safetensors";
  io::save_safetensors(path, {{"a", from_vector<uint8_t>({1}, {1})}, {"b", from_vector<int32_t>({2}, {})}});
  EXPECT_EQ(file_bytes(path), file_of(R"({"b":{"dtype":"I32","shape":[],"data_offsets":[0,4]},)"
                                      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})"
                                      "       ",
                                      "\2\0\0\0\1"s));
}

TEST(Safetensors, ReadsOtherWritersFiles) {
  TempFolder folder;
  std::string path = folder / "m.safetensors";
  write_file(path, file_of(R"( {})"));
  EXPECT_EQ(error_of<ParseError>([&] { io::load_safetensors(path); }),
            "load: " + path + ": bad header: it does not start with {");
  write_file(path, file_of(R"({"__metadata__":{"format":"pt","a":"b"}, "w": {"shape":[1,2],"data_offsets":[1,9],)"
                           R"("dtype":"F32"},"b":{"data_offsets":[0,1],"dtype":"U8","shape":[]}}   )",
                           "\5\0\0\x80\x3f\0\0\0\x40"s));
  io::NamedTensors tensors = io::load_safetensors(path);
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].first, "w");
  EXPECT_EQ(tensors[0].second.to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(tensors[1].second.to_vector<uint8_t>(), (std::vector<uint8_t>{5}));
}

TEST(Safetensors, SaysWhatIsWrongInOneLine) {
  TempFolder folder;
  std::string path = folder / "m.safetensors", at = "load: " + path + ": ";
  auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  struct Case {
    std::string bytes, message;
  };
  const Case cases[] = {
      {"", "not a .safetensors file: 0 bytes"},
      {"1234567", "not a .safetensors file: 7 bytes"},
      {"\xff\xff\xff\xff\xff\xff\xff\xff{}"s,
       "not a .safetensors file, or cut: it announces a header of 18446744073709551615 bytes and has 2"},
      {file_of("[]"), "bad header: it does not start with {"},
      {file_of("{} x"), "bad header: not JSON at byte 4"},
      {file_of("{\"\xff\":1}"), "bad header: not JSON at byte 3"},
      {file_of(R"({"w":1})"), "bad header: a number where it does not belong, near 'w'"},
      {file_of(R"({"w":null})"), "bad header: null where it does not belong, near 'w'"},
      {file_of(R"({"w":[{}]})"), "bad header: an array where it does not belong, near 'w'"},
      {file_of(R"({"w":{"shape":[[]]}})"), "bad header: an array where it does not belong, near 'shape'"},
      {file_of(R"({"w":{"shape":{}}})"), "bad header: an object where it does not belong, near 'shape'"},
      {file_of(R"({"w":{"shape":[-1]}})"), "bad header: a negative number where it does not belong, near 'shape'"},
      {file_of(R"({"w":{"shape":[1.5]}})"), "bad header: the number '1.5' where it does not belong, near 'shape'"},
      {file_of(R"({"w":{"shape":[true]}})"), "bad header: a boolean where it does not belong, near 'shape'"},
      {file_of(R"({"w":{"shape":"1"}})"), "bad header: a string where it does not belong, near 'shape'"},
      {file_of(R"({"__metadata__":{"a":1}})"), "bad header: a number where it does not belong, near 'a'"},
      {file_of(R"({"__metadata__":{"a":"1","a":"2"}})"), "bad header: 'a' stands there twice"},
      {file_of(R"({"w\n":{},"w\n":{}})"), "tensor 'w\\x0a': dtype, shape or data_offsets is missing"},
      {file_of(R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{}})"),
       "bad header: 'w' stands there twice"},
      {file_of(R"({"w":{"dtype":"U8","dtype":"U8"}})"), "tensor 'w': 'dtype' stands there twice"},
      {file_of(R"({"w":{"color":"red"}})"), "tensor 'w': unexpected key 'color'"},
      {file_of(R"({"w":{"data_offsets":[0]}})"), "tensor 'w': data_offsets must be two numbers"},
      {file_of(R"({"w":{"data_offsets":[0,0,0]}})"),
       "bad header: a number where it does not belong, near 'data_offsets'"},
      {file_of(one("I16", "[1]", "[0,2]"), "12"),
       "tensor 'w': dtype 'I16' is not supported; supported are F32, F64, F16, BF16, I32, I64, U8 and BOOL"},
      {file_of(one("F32", "[1,1,1,1,1,1,1]", "[0,4]"), "1234"), "tensor 'w': more than 6 axes are not supported"},
      {file_of(one("F32", "[18446744073709551615]", "[0,4]"), "1234"), "tensor 'w': an extent is too large"},
      {file_of(one("F32", "[4294967296,4294967296]", "[0,0]")),
       "tensor 'w': impossible shape f32[4294967296,4294967296]"},
      {file_of(one("F32", "[1]", "[1,5]"), "12345"),
       "tensor 'w': bytes 1 to 5 do not follow the tensor before, which ends at 0"},
      {file_of(one("F32", "[2]", "[0,4]"), "1234"), "tensor 'w': f32[2] holds 8 bytes, its place has 4"},
      {file_of(one("F32", "[2]", "[0,8]"), "1234"), "tensor 'w': cut: it ends at byte 8, the data at 4"},
      {file_of(one("F32", "[1]", "[0,4]"), "12345"), "trailing bytes: the last tensor ends at byte 4, the data at 5"},
      {file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
               R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
               "123"),
       "tensor 'b': bytes 1 to 3 do not follow the tensor before, which ends at 2"},
      {file_of(one("BOOL", "[2]", "[0,2]"), "\1\3"), "tensor 'w': a bool is neither 0 nor 1: 3"},
      {file_of("{\"" + std::string(5000, 'x') + "\":1}"),
       "bad header: a name longer than 4096 bytes where it does not belong, near ''"},
  };
  for (const Case& c : cases) {
    write_file(path, c.bytes);
    EXPECT_EQ(error_of<ParseError>([&] { io::load_safetensors(path); }), at + c.message) << c.bytes;
  }
  EXPECT_EQ(error_of<ParseError>([&] { io::load_safetensors("/no/such"); }), "load: /no/such: no such file");

  std::string deep = "{\"w\":" + std::string(1'000'000, '[');
  write_file(path, file_of(deep));
  EXPECT_EQ(error_of<ParseError>([&] { io::load_safetensors(path); }),
            at + "bad header: an array where it does not belong, near 'w'");
}

TEST(Safetensors, SurvivesEveryCutAndFlippedBit) {
  TempFolder folder;
  std::string path = folder / "m.safetensors";
  io::save_safetensors(path, sample());
  std::string good = file_bytes(path);
  size_t header = good.rfind('}') + 1;
  abuse(path, good, header, 1, [&] { io::load_safetensors(path); });
}

TEST(Safetensors, RefusesToWriteWhatItCouldNotRead) {
  TempFolder folder;
  std::string path = folder / "m.safetensors", at = "save: " + path + ": ";
  Tensor t = from_vector<float>({1}, {1});
  EXPECT_EQ(error_of<Error>([&] {
              io::save_safetensors(path, {{"a", t}, {"b", t}, {"a", t}});
            }),
            at + "two tensors are named 'a'");
  EXPECT_EQ(error_of<Error>([&] {
              io::save_safetensors(path, {{"a", Tensor()}});
            }),
            at + "tensor 'a' is empty: default-constructed or moved from");
  EXPECT_EQ(error_of<Error>([&] {
              io::save_safetensors(path, {{"__metadata__", t}});
            }),
            at + "'__metadata__' cannot be a tensor's name");
  EXPECT_EQ(error_of<Error>([&] { io::save_safetensors(path, {{"\xff", t}}); }), at + "a name is not UTF-8: '\xff'");
  EXPECT_EQ(folder.files(), 0);
}

}  // namespace
