// CSV files: what is read, what is refused and where.
#include "duet/data/csv.h"

#include <cmath>

#include "files.h"

using namespace duet;
using namespace std::string_literals;

namespace {

using Strings = std::vector<std::string>;

struct Csv {
  TempFolder folder;
  std::string path = folder / "t.csv";
  data::Table load(const std::string& bytes, const data::CsvOptions& options = {}) {
    write_file(path, bytes);
    return data::load_csv(path, options);
  }
};

TEST(Csv, ReadsNumbers) {
  Csv csv;
  for (const char* text : {"a,b\n1,2.5\n-3e2,+4\n", "a,b\n1,2.5\n-3e2,+4", "a,b\r\n1,2.5\r\n-3e2,+4\r\n\r\n",
                           "\xef\xbb\xbf\"a\",b\n 1 ,\t2.5\n\"-3e2\",4\n\n"}) {
    data::Table t = csv.load(text);
    EXPECT_EQ(t.columns, (Strings{"a", "b"}));
    EXPECT_EQ(to_string(t.x.spec()), "f32[2,2]");
    EXPECT_EQ(t.x.to_vector<float>(), (std::vector<float>{1, 2.5f, -300, 4}));
    EXPECT_FALSE(t.y.defined());
  }
  std::vector<float> x =
      csv.load("nan;-INF;Infinity;1e-50;0.1\n", {.header = false, .delimiter = ';'}).x.to_vector<float>();
  EXPECT_TRUE(std::isnan(x[0]));
  EXPECT_EQ(std::vector<float>(x.begin() + 1, x.end()), (std::vector<float>{-HUGE_VALF, HUGE_VALF, 0, 0.1f}));
}

// However small a number is, it becomes the zero it rounds to.
TEST(Csv, TinyNumbers) {
  Csv csv;
  const std::string zeros(500, '0');
  for (const std::string& text : {"1e-50"s, "1e-400"s, "+12345e-400"s, "1e-99999999999999999999"s, "0." + zeros + "1",
                                  "0." + zeros + "1e9", "1" + zeros + "e-999", "9e-9223372036854775808"s}) {
    for (const char* sign : {"", "-"}) {
      if (*sign != 0 && text[0] == '+') continue;
      const float x = csv.load(sign + text, {.header = false}).x.to_vector<float>()[0];
      EXPECT_EQ(x, 0) << text;
      EXPECT_EQ(std::signbit(x), *sign != 0) << text;
    }
  }
  EXPECT_EQ(csv.load("1e-45", {.header = false}).x.to_vector<float>()[0], 0x1p-149f);
  EXPECT_EQ(csv.load("0." + zeros + "25e501", {.header = false}).x.to_vector<float>()[0], 2.5f);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Csv, AFileBeyondMemory) {
  Csv csv;
  write_file(csv.path, "a,b\n1,2\n");
  std::filesystem::resize_file(csv.path, size_t{1} << 40);
  std::string message;
  with_memory_limit(size_t{16} << 30, [&] { message = error_of<OutOfMemory>([&] { data::load_csv(csv.path); }); });
  EXPECT_EQ(message, "load_csv: " + csv.path + ": no memory for a file of 1099511627776 bytes");
}
#endif

TEST(Csv, ChoosesColumnsAndLabels) {
  Csv csv;
  const std::string iris = "len,\"the \"\"width\"\", cm\",species\n1,2,setosa\n3,4,\"vir\nginica\"\n5,6,setosa\n";
  data::Table t = csv.load(iris, {.label = "species"});
  EXPECT_EQ(t.columns, (Strings{"len", "the \"width\", cm"}));
  EXPECT_EQ(t.x.to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(t.y.to_vector<int32_t>(), (std::vector<int32_t>{0, 1, 0}));
  EXPECT_EQ(t.classes, (Strings{"setosa", "vir\nginica"}));
  t = csv.load(iris, {.columns = {"the \"width\", cm"}});
  EXPECT_EQ(t.x.to_vector<float>(), (std::vector<float>{2, 4, 6}));
  t = csv.load("7,1\n-2,0\n", {.header = false, .label = "0"});
  EXPECT_EQ(t.y.to_vector<int32_t>(), (std::vector<int32_t>{7, -2}));
  EXPECT_TRUE(t.classes.empty());
  EXPECT_EQ(t.columns, Strings{"1"});
}

TEST(Csv, SaysWhereItIsWrong) {
  Csv csv;
  struct Case {
    std::string bytes, message;
    data::CsvOptions options = {};
  };
  const Case cases[] = {
      {"", "1:1: the file is empty"},
      {"\n\n", "1:1: the file is empty"},
      {"a,b\n", "1:1: there are no rows after the header"},
      {"a,b\n1,2\n3,x4\n", "3:3: 'x4' is not a number"},
      {"a,b\n1,2 3\n", "2:3: '2 3' is not a number"},
      {"a,b\n1,+-2\n", "2:3: '+-2' is not a number"},
      {"a,b\n1,0x10\n", "2:3: '0x10' is not a number"},
      {"a,b\n1,\n", "2:3: an empty cell; write nan for a missing number"},
      {"a,b\n1,1e39\n", "2:3: '1e39' is out of the range of f32"},
      {"a,b\n1,1e+400\n", "2:3: '1e+400' is out of the range of f32"},
      {"a,b\n1,-0.001e99999999999999999999\n", "2:3: '-0.001e99999999999999999999' is out of the range of f32"},
      {"a,b\n1,1e9223372036854775807\n", "2:3: '1e9223372036854775807' is out of the range of f32"},
      {"a,b\n1,nan(12)\n", "2:3: 'nan(12)' is not a number"},
      {"a,b\n1,-nan()\n", "2:3: '-nan()' is not a number"},
      {"a,b\n1,2\n3\n", "3:1: a row of 1 cell, the first line has 2"},
      {"a,b\n1,2,3\n", "2:1: a row of 3 cells, the first line has 2"},
      {"a,b\n\n1,2\n", "2:1: a row of 1 cell, the first line has 2"},
      {"a,b\n1,\"2\n", "2:3: a quoted cell does not end"},
      {"a,b\n1,\"2\"3\n", "2:6: something follows a closing quote"},
      {"a,b\n1,2\"3\n", "2:4: a quote inside an unquoted cell"},
      {"a,b\n\"\n\",x\n", "2:1: '\\x0a' is not a number"},
      {"a,a\n1,2\n", "1:1: two columns are named 'a'", {.label = "a"}},
      {"a,b\n1,2\n", "1:1: there is no column 'c'", {.columns = {"c"}}},
      {"a,b\n1,\n", "2:3: an empty label", {.label = "b"}},
      {std::string(100'000, ','), "1:100001: more than 100000 columns"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(error_of<ParseError>([&] { csv.load(c.bytes, c.options); }), "load_csv: " + csv.path + ":" + c.message);
  }
  for (char c : std::string("-+.\"eEnzA059")) {
    EXPECT_EQ(error_of<Error>([&] { csv.load("1", {.delimiter = c}); }),
              "load_csv: '" + std::string(1, c) + "' cannot be a delimiter");
  }
}

// A cut table can be a table, so only the kind of error and the memory are held to account.
TEST(Csv, SurvivesEveryCutAndFlippedBit) {
  Csv csv;
  const std::string good = "len,\"w \"\"x\"\"\",s\r\n1,-2.5e1,a\r\n\"3\",nan,\"b,\"\r\n";
  auto attempt = [&](const std::string& bytes) {
    int64_t before = memory_stats().live_bytes;
    reset_peak();
    try {
      csv.load(bytes, {.label = "s"});
    } catch (const ParseError& error) {
      EXPECT_EQ(std::string_view(error.what()).find_first_of("\n\r\t"), std::string_view::npos) << error.what();
    }
    EXPECT_LE(memory_stats().peak_bytes - before, static_cast<int64_t>(2 * bytes.size() + 4096));
  };
  for (size_t n = 0; n <= good.size(); ++n) attempt(good.substr(0, n));
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    attempt(bad);
  }
}

}  // namespace
