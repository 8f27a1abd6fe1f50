#include <zlib.h>

#include <numeric>

#include "duet/data/idx.h"
#include "deflated.h"
#include "files.h"

using namespace duet;
using namespace std::string_literals;

namespace {

std::string digits() { return DUET_SOURCE_DIR "/examples/data/digits"; }

std::string word(uint32_t v) {
  std::string s;
  for (int shift : {24, 16, 8, 0}) s += static_cast<char>(v >> shift);
  return s;
}
std::string idx(std::initializer_list<uint32_t> dims, const std::string& data) {
  std::string s = word(0x0800u + static_cast<uint32_t>(dims.size()));
  for (uint32_t d : dims) s += word(d);
  return s + data;
}
std::string gzip(const std::string& bytes) { return deflated(bytes, 16 + MAX_WBITS); }

// Three training images of 2x2 and two test images, labels 0 to 3.
const std::string kImages = idx({3, 2, 2}, "\0\1\2\3\4\5\6\7\x08\x09\xff\x80"s), kLabels = idx({3}, "\2\0\3"s);

void write_set(const TempFolder& folder) {
  write_file(folder / "train-images-idx3-ubyte", kImages);
  write_file(folder / "train-labels-idx1-ubyte", kLabels);
  write_file(folder / "t10k-images-idx3-ubyte", idx({2, 2, 2}, "ABCDEFGH"));
  write_file(folder / "t10k-labels-idx1-ubyte", idx({2}, "\1\1"));
}

TEST(Idx, ReadsTheDigits) {
  auto [train, test] = data::load_idx(digits());
  EXPECT_EQ(to_string(train.x.spec()), "f32[1437,64]");
  EXPECT_EQ(to_string(train.y.spec()), "i32[1437]");
  EXPECT_EQ(to_string(test.x.spec()), "f32[360,64]");
  EXPECT_EQ(to_string(test.y.spec()), "i32[360]");
  EXPECT_EQ(train.height, 8);
  EXPECT_EQ(train.width, 8);
  EXPECT_EQ(train.classes, 10);
  EXPECT_EQ(test.size(), 360);
  std::vector<int32_t> y = train.y.to_vector<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(y.begin(), y.begin() + 10), (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  std::vector<float> x = train.x.to_vector();
  EXPECT_EQ(*std::min_element(x.begin(), x.end()), 0.0f);
  EXPECT_EQ(*std::max_element(x.begin(), x.end()), 1.0f);
}

TEST(Idx, ReadsPlainAndPackedUnderEitherName) {
  TempFolder folder;
  write_set(folder);
  data::Images train = data::load_idx(folder.path()).train;
  EXPECT_EQ(train.x.to_vector(), (std::vector<float>{0, 1 / 255.f, 2 / 255.f, 3 / 255.f, 4 / 255.f, 5 / 255.f,
                                                     6 / 255.f, 7 / 255.f, 8 / 255.f, 9 / 255.f, 1, 128 / 255.f}));
  EXPECT_EQ(train.y.to_vector<int32_t>(), (std::vector<int32_t>{2, 0, 3}));
  EXPECT_EQ(train.classes, 4);

  std::filesystem::rename(folder / "train-labels-idx1-ubyte", folder / "train-labels.idx1-ubyte");
  std::filesystem::remove(folder / "train-images-idx3-ubyte");
  write_file(folder / "train-images-idx3-ubyte.gz", gzip(kImages));
  std::filesystem::remove(folder / "t10k-images-idx3-ubyte");
  write_file(folder / "t10k-images.idx3-ubyte.gz", gzip(idx({2, 2, 2}, "ABCDEFGH")));
  data::TrainTest packed = data::load_idx(folder.path() + "/");
  EXPECT_EQ(packed.train.x.to_vector(), train.x.to_vector());
  EXPECT_EQ(packed.train.y.to_vector<int32_t>(), train.y.to_vector<int32_t>());
  EXPECT_EQ(packed.test.x.to_vector()[7], 72 / 255.f);

  // More than one step of unpacking.
  std::string big(1'000'000, '\0');
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * i >> 7);
  write_file(folder / "train-images-idx3-ubyte.gz", gzip(idx({3, 2, 500'000}, std::string(3'000'000, 'z'))));
  write_file(folder / "t10k-images.idx3-ubyte.gz", gzip(idx({2, 2, 500'000}, big + big)));
  data::TrainTest grown = data::load_idx(folder.path());
  EXPECT_EQ(grown.train.x.to_vector().back(), 122 / 255.f);
  EXPECT_EQ(grown.test.x.to_vector().back(), static_cast<float>(static_cast<uint8_t>(big.back())) / 255.f);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Idx, AFileBeyondMemory) {
  TempFolder folder;
  write_set(folder);
  const std::string path = folder / "train-images-idx3-ubyte";
  auto resize = [&](uint32_t n, uint32_t height, uint32_t width) {
    write_file(path, idx({n, height, width}, ""));
    std::filesystem::resize_file(path, size_t{1} << 40);
  };
  std::string message;
  resize(16, (1 << 18) - 1, (1 << 18) + 1);  // 2^40 - 16 pixels
  with_memory_limit(size_t{16} << 30, [&] { message = error_of<OutOfMemory>([&] { data::load_idx(folder.path()); }); });
  EXPECT_EQ(message, "load_idx: " + path + ": no memory for a file of 1099511627776 bytes");

  // A size that does not fit the header needs no memory to be seen.
  resize(16, 1 << 18, 1 << 18);
  with_memory_limit(size_t{16} << 30, [&] { message = error_of<ParseError>([&] { data::load_idx(folder.path()); }); });
  EXPECT_EQ(message, "load_idx: " + path + ": cut: 1099511627792 bytes announced, 1099511627776 there");
  resize(3, 2, 2);
  with_memory_limit(size_t{16} << 30, [&] { message = error_of<ParseError>([&] { data::load_idx(folder.path()); }); });
  EXPECT_EQ(message, "load_idx: " + path + ": trailing bytes: 28 bytes announced, 1099511627776 there");
}
#endif

TEST(Idx, SaysWhatIsWrongInOneLine) {
  TempFolder folder;
  auto message = [&] { return error_of<ParseError>([&] { data::load_idx(folder.path()); }); };
  std::string at = "load_idx: " + folder.path();
  EXPECT_EQ(error_of<ParseError>([] { data::load_idx("/no/such"); }), "load_idx: /no/such: no such folder");
  EXPECT_EQ(message(), at + ": there is no train-images-idx3-ubyte[.gz] in this folder");
  write_set(folder);
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte");
  EXPECT_EQ(message(), at + ": there is no t10k-labels-idx1-ubyte[.gz] in this folder");

  struct Case {
    std::string file, bytes, message;
  };
  const std::string images = "train-images-idx3-ubyte", labels = "train-labels-idx1-ubyte";
  const std::string packed = gzip(kImages);
  std::string wrong_sum = packed;
  wrong_sum[packed.size() - 8] = static_cast<char>(wrong_sum[packed.size() - 8] ^ 1);
  const Case cases[] = {
      {images, "", "cut in the header: 0 bytes"},
      {images, kImages.substr(0, 15), "cut in the header: 15 bytes"},
      {images, kLabels + "more bytes than a header",
       "not an IDX file of unsigned bytes with 3 axes: magic number 0x00000801, not 0x00000803"},
      {labels, kImages, "not an IDX file of unsigned bytes with 1 axis: magic number 0x00000803, not 0x00000801"},
      {images, kImages.substr(0, 27), "cut: 28 bytes announced, 27 there"},
      {images, kImages + "x", "trailing bytes: 28 bytes announced, 29 there"},
      {images, idx({0, 2, 2}, ""), "no pixels: u8[0,2,2]"},
      {images, idx({3, 0, 2}, ""), "no pixels: u8[3,0,2]"},
      {images, idx({0xffffffff, 0xffffffff, 2}, ""), "impossible shape u8[4294967295,4294967295,2]"},
      {images, idx({0xffffffff, 0x7fffffff, 2}, ""), "cut: 18446744060824649746 bytes announced, 16 there"},
      {labels, idx({2}, "\1\2"), "2 labels for the 3 images of " + folder / images},
      {images, idx({3, 2, 1}, "123456"), ""},
      {images, packed.substr(0, packed.size() - 1), "cut: the gzip data do not end"},
      {images, packed + "x", "trailing bytes: 1 after the gzip data"},
      {images, packed + packed, "trailing bytes: " + std::to_string(packed.size()) + " after the gzip data"},
      {images, wrong_sum, "damaged gzip data: incorrect data check"},
      {images, packed.substr(0, 10) + "\xff\xff\xff", "damaged gzip data: invalid block type"},
      {images, "\x1f\x8b\xff", "cut: the gzip data do not end"},
      {images, gzip(kImages + "x"), "trailing bytes: 28 bytes announced, 29 there"},
      {images, gzip(kImages + std::string(1 << 20, 'x')), "trailing bytes: more than the 28 announced"},
      {images, gzip(kImages.substr(0, 20)), "cut: 28 bytes announced, 20 there"},
      {images, gzip("abc"), "cut in the header: 3 bytes"},
      {images, gzip(idx({60000, 65535, 65535}, "x")), "cut: 257690173500016 bytes announced, 17 there"},
  };
  for (const Case& c : cases) {
    write_set(folder);
    write_file(folder / c.file, c.bytes);
    std::string expected =
        c.message.empty() ? at + ": training images are 2x1, test images 2x2" : at + "/" + c.file + ": " + c.message;
    EXPECT_EQ(message(), expected);
  }
}

TEST(Idx, SurvivesEveryCutAndFlippedBit) {
  TempFolder folder;
  write_set(folder);
  auto load = [&] { data::load_idx(folder.path()); };
  abuse(folder / "train-images-idx3-ubyte", kImages, 16, 4, load);
  write_set(folder);
  abuse(folder / "train-labels-idx1-ubyte", kLabels, 100, 4, load);
  write_set(folder);
  abuse(folder / "train-images-idx3-ubyte", gzip(kImages), 100, 4, load);
}

std::vector<int32_t> labels_in_order(const data::Batches& batches) {
  std::vector<int32_t> all;
  for (auto [x, y] : batches) {
    std::vector<int32_t> labels = y.to_vector<int32_t>();
    std::vector<float> pixels = x.to_vector();
    // Row r of x is {10 r, 10 r + 1}: rows must travel with their labels.
    for (size_t i = 0; i < labels.size(); ++i) {
      EXPECT_EQ(pixels[2 * i], 10.0f * static_cast<float>(labels[i]));
      EXPECT_EQ(pixels[2 * i + 1], 10.0f * static_cast<float>(labels[i]) + 1);
    }
    all.insert(all.end(), labels.begin(), labels.end());
  }
  return all;
}

data::Images ten_rows() {
  std::vector<float> x;
  std::vector<int32_t> y;
  for (int i = 0; i < 10; ++i) {
    x.insert(x.end(), {10.0f * static_cast<float>(i), 10.0f * static_cast<float>(i) + 1});
    y.push_back(i);
  }
  return {from_vector(x, {10, 2}), from_vector(y, {10}), 1, 2, 10};
}

TEST(Batches, EveryRowOnceInAnOrderOfTheKey) {
  data::Images set = ten_rows();
  std::vector<int32_t> rows(10);
  std::iota(rows.begin(), rows.end(), 0);
  EXPECT_EQ(labels_in_order(set.batches(4)), rows);

  std::vector<int32_t> a = labels_in_order(set.batches(4, Key(1))), b = labels_in_order(set.batches(3, Key(1)));
  EXPECT_EQ(a, b);  // the order is the key's alone
  EXPECT_NE(a, rows);
  EXPECT_NE(a, labels_in_order(set.batches(4, Key(2))));
  std::sort(a.begin(), a.end());
  EXPECT_EQ(a, rows);
}

TEST(Batches, TheLastOneIsShortOrDropped) {
  data::Images set = ten_rows();
  auto sizes = [](const data::Batches& batches) {
    std::vector<int64_t> all;
    for (auto [x, y] : batches) all.push_back(y.numel());
    EXPECT_EQ(batches.size(), static_cast<int64_t>(all.size()));
    return all;
  };
  EXPECT_EQ(sizes(set.batches(4, Key(1))), (std::vector<int64_t>{4, 4, 2}));
  EXPECT_EQ(sizes(set.batches(4, Key(1), {.drop_last = true})), (std::vector<int64_t>{4, 4}));
  EXPECT_EQ(sizes(set.batches(5)), (std::vector<int64_t>{5, 5}));
  EXPECT_EQ(sizes(set.batches(INT64_MAX)), (std::vector<int64_t>{10}));
  EXPECT_EQ(sizes(set.batches(11, {.drop_last = true})), (std::vector<int64_t>{}));
  EXPECT_EQ(to_string(set.batches(4).at(2).first.spec()), "f32[2,2]");
}

data::Images rows_to(int n) {
  std::vector<int32_t> y(static_cast<size_t>(n));
  std::iota(y.begin(), y.end(), 0);
  data::Images set;
  set.x = from_vector(std::vector<float>(y.begin(), y.end()), {n, 1});
  set.y = from_vector(y, {n});
  return set;
}

using Rows = std::vector<std::vector<float>>;

Rows rows_of(const data::Batches& batches) {
  Rows rows;
  for (auto [x, y] : batches) rows.push_back(x.to_vector<float>());
  return rows;
}

TEST(Batches, PrefetchedOnesAreTheSame) {
  data::Images set = rows_to(23);
  const Rows expected = rows_of(set.batches(4, Key(3)));
  ASSERT_EQ(expected.size(), 6u);
  for (int64_t ahead : {1, 2, 5, 100}) EXPECT_EQ(rows_of(set.batches(4, Key(3), {.prefetch = ahead})), expected);

  // Left early, before the first use, and between two batches.
  data::Batches batches = set.batches(4, Key(3), {.prefetch = 2});
  { auto unused = batches.begin(); }
  for (auto [x, y] : batches) {
    EXPECT_EQ(x.to_vector<float>(), expected[0]);
    break;
  }
  // A batch that is read twice, and one that is skipped.
  auto it = batches.begin();
  EXPECT_EQ((*it).first.to_vector<float>(), expected[0]);
  EXPECT_EQ((*it).first.to_vector<float>(), expected[0]);
  ++it, ++it, ++it;
  EXPECT_EQ((*it).first.to_vector<float>(), expected[3]);
  EXPECT_EQ(error_of<Error>([&] { set.batches(4, {.prefetch = -1}); }),
            "batches: prefetch is a number of batches, not negative: -1; give 0 for none");
}

TEST(Batches, GoOnWhereTheyStopped) {
  data::Images set = rows_to(23);
  const Rows expected = rows_of(set.batches(4, Key(3)));
  for (int64_t ahead : {0, 2}) {
    data::Batches batches = set.batches(4, Key(3), {.prefetch = ahead});
    for (int64_t i = 0; i <= batches.size(); ++i) {
      EXPECT_EQ(rows_of(batches.from(i)), Rows(expected.begin() + i, expected.end())) << i;
      EXPECT_EQ(batches.from(i).begin().position(), i);
    }
    EXPECT_EQ(batches.from(2).size(), 6);
    EXPECT_EQ(error_of<IndexError>([&] { batches.from(7); }),
              "batches: cannot go on at batch 7: there are 6; give 0 to 6");
    EXPECT_EQ(error_of<IndexError>([&] { batches.from(-1); }),
              "batches: cannot go on at batch -1: there are 6; give 0 to 6");
  }
}

TEST(Batches, SaysWhatIsWrong) {
  data::Images set = ten_rows();
  EXPECT_EQ(error_of<ShapeError>([&] { set.batches(0); }), "batches: a batch has at least one row: 0");
  EXPECT_EQ(error_of<ShapeError>([&] { set.batches(-1, Key(1)); }), "batches: a batch has at least one row: -1");
  data::Batches batches = set.batches(4);
  EXPECT_EQ(error_of<IndexError>([&] { batches.at(3); }), "batches: no batch 3: there are 3; they count from 0");
  EXPECT_EQ(error_of<IndexError>([&] { batches.at(-1); }), "batches: no batch -1: there are 3; they count from 0");
  set.y = from_vector<int32_t>({1, 2}, {2});
  EXPECT_EQ(error_of<ShapeError>([&] { set.batches(1); }),
            "batches: x and y differ in their number of rows: f32[10,2], i32[2]; give each row a label");
  EXPECT_EQ(error_of<Error>([] { data::Images().batches(1); }),
            "batches: a tensor is empty: default-constructed or moved from; give it a value first");
}

}  // namespace
