// The format: https://www.rfc-editor.org/rfc/rfc4180
#include "duet/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "io/file.h"

namespace duet::data {
namespace {

using io::quote;

// A header of nothing but delimiters must not take many times its size in names.
constexpr size_t kMostColumns = 100'000;

struct Cell {
  std::string_view text;
  size_t line, column;  // from 1
};

// Cuts the text into cells, one record at a time. Quoted cells are unescaped where they lie.
class Reader {
 public:
  Reader(std::string path, std::string& text, char delimiter) : path_(std::move(path)), text_(text), mark_(delimiter) {
    if (std::string_view(text_).starts_with("\xef\xbb\xbf")) at_ = line_start_ = 3;
    while (text_.size() > at_ && (text_.back() == '\n' || text_.back() == '\r')) text_.pop_back();
  }

  bool done() const { return at_ >= text_.size() && !open_; }
  [[noreturn]] void bad(size_t line, size_t column, const std::string& what) const {
    fail<ParseError>("load_csv: {}:{}:{}: {}", path_, line, column, what);
  }
  [[noreturn]] void bad(const Cell& cell, const std::string& what) const { bad(cell.line, cell.column, what); }

  // The cells stay valid as long as the text.
  void record(std::vector<Cell>& cells) {
    cells.clear();
    do {
      if (cells.size() == kMostColumns) bad(line_, column(), fmt::format("more than {} columns", kMostColumns));
      open_ = false;
      cells.push_back(cell());
      if (at_ < text_.size() && text_[at_] == mark_) {
        ++at_;
        open_ = true;
      }
    } while (open_);
    if (at_ < text_.size()) {
      at_ += text_[at_] == '\r' ? 2 : 1;
      next_line();
    }
  }

 private:
  size_t column() const { return at_ - line_start_ + 1; }
  void next_line() {
    ++line_;
    line_start_ = at_;
  }
  bool at_end() const {
    if (at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == mark_) return true;
    return text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n';
  }
  static bool blank(char c) { return c == ' ' || c == '\t'; }

  Cell cell() {
    Cell cell{{}, line_, column()};
    if (at_ < text_.size() && text_[at_] == '"') return quoted(cell);
    size_t begin = at_;
    while (!at_end()) {
      if (text_[at_] == '"') bad(line_, column(), "a quote inside an unquoted cell");
      ++at_;
    }
    size_t end = at_;
    while (begin < end && blank(text_[begin])) ++begin;
    while (begin < end && blank(text_[end - 1])) --end;
    cell.text = std::string_view(text_).substr(begin, end - begin);
    return cell;
  }
  Cell quoted(Cell cell) {
    size_t begin = ++at_, to = begin;
    for (;; ++at_) {
      if (at_ >= text_.size()) bad(cell, "a quoted cell does not end");
      if (text_[at_] == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;
        ++at_;
      }
      text_[to++] = text_[at_];
      if (text_[at_] == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      }
    }
    ++at_;
    if (!at_end()) bad(line_, column(), "something follows a closing quote");
    cell.text = std::string_view(text_).substr(begin, to - begin);
    return cell;
  }

  std::string path_;
  std::string& text_;
  char mark_;
  bool open_ = false;  // a delimiter was read, so a cell follows
  size_t at_ = 0, line_ = 1, line_start_ = 0;
};

// from_chars knows no plus sign.
std::string_view unsigned_plus(std::string_view text) {
  bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';
  return plus ? text.substr(1) : text;
}

// Whether a decimal number is below 1, by the place of its first digit that is not 0: for numbers beyond double.
bool is_tiny(std::string_view text) {
  const size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, e),
                         exponent = unsigned_plus(text.substr(std::min(e + 1, text.size())));
  int64_t power = 0;
  if (std::from_chars(exponent.data(), exponent.data() + exponent.size(), power).ec == std::errc::result_out_of_range)
    return exponent[0] == '-';
  const size_t first = mantissa.find_first_of("123456789"), point = std::min(mantissa.find('.'), mantissa.size());
  if (first == std::string_view::npos) return true;
  // 0 for units, 1 for tens, −1 for tenths. A text is far shorter than 2^62, so a power beyond that decides alone.
  const int64_t place = first < point ? static_cast<int64_t>(point - first - 1) : -static_cast<int64_t>(first - point);
  constexpr int64_t kFar = int64_t{1} << 62;
  return place + std::clamp(power, -kFar, kFar) < 0;
}

float number(const Reader& reader, const Cell& cell) {
  if (cell.text.empty()) reader.bad(cell, "an empty cell; write nan for a missing number");
  std::string_view text = unsigned_plus(cell.text);
  const char *begin = text.data(), *end = begin + text.size();
  float value = 0;
  auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc::result_out_of_range && stop == end) {
    // Tiny numbers become what they round to; huge ones are mistakes.
    double wide = 0;
    const bool beyond = std::from_chars(begin, end, wide).ec != std::errc();
    if (is_tiny(text)) return beyond ? std::copysign(0.f, text[0] == '-' ? -1.f : 1.f) : static_cast<float>(wide);
    reader.bad(cell, quote(cell.text) + " is out of the range of f32");
  }
  // from_chars also takes nan(…), whose parentheses mean nothing here.
  if (error != std::errc() || stop != end || text.back() == ')')
    reader.bad(cell, quote(cell.text) + " is not a number");
  return value;
}

// Position of the column `name`; Errors name the file's line 1.
size_t find(const Reader& reader, const std::vector<std::string>& names, const std::string& name) {
  auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) reader.bad(1, 1, "there is no column " + quote(name));
  if (std::find(it + 1, names.end(), name) != names.end()) reader.bad(1, 1, "two columns are named " + quote(name));
  return static_cast<size_t>(it - names.begin());
}

void set_labels(Table& table, const std::vector<std::string_view>& labels) {
  std::vector<int32_t> y;
  for (std::string_view label : labels) {
    std::string_view text = unsigned_plus(label);
    int32_t value = 0;
    auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) break;
    y.push_back(value);
  }
  if (y.size() < labels.size()) {
    std::vector<std::string_view> classes = labels;
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
    y.clear();
    for (std::string_view label : labels) {
      y.push_back(static_cast<int32_t>(std::lower_bound(classes.begin(), classes.end(), label) - classes.begin()));
    }
    table.classes.assign(classes.begin(), classes.end());
  }
  table.y = from_vector(y, {static_cast<int64_t>(y.size())});
}

// Numbers hold letters too: nan, inf and exponents.
bool can_delimit(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
  return c != '\0' && !letter && !digit && std::string_view("\"\r\n+-.").find(c) == std::string_view::npos;
}

Table parse(const std::string& path, std::string& text, const CsvOptions& options) {
  Reader reader(path, text, options.delimiter);
  if (reader.done()) reader.bad(1, 1, "the file is empty");

  std::vector<Cell> cells;
  reader.record(cells);
  std::vector<std::string> names;
  for (const Cell& cell : cells) {
    names.push_back(options.header ? std::string(cell.text) : std::to_string(names.size()));
  }
  size_t label = options.label.empty() ? names.size() : find(reader, names, options.label);
  std::vector<size_t> chosen;
  for (const std::string& name : options.columns) chosen.push_back(find(reader, names, name));
  for (size_t i = 0; options.columns.empty() && i < names.size(); ++i) {
    if (i != label) chosen.push_back(i);
  }
  Table table;
  for (size_t i : chosen) table.columns.push_back(names[i]);

  if (options.header) {
    if (reader.done()) reader.bad(1, 1, "there are no rows after the header");
    reader.record(cells);
  }
  std::vector<float> x;
  std::vector<std::string_view> labels;
  int64_t rows = 0;
  for (;; ++rows) {
    if (cells.size() != names.size()) {
      reader.bad(cells[0], fmt::format("a row of {} {}, the first line has {}", cells.size(),
                                       cells.size() == 1 ? "cell" : "cells", names.size()));
    }
    for (size_t i : chosen) x.push_back(number(reader, cells[i]));
    if (label < names.size()) {
      if (cells[label].text.empty()) reader.bad(cells[label], "an empty label");
      labels.push_back(cells[label].text);
    }
    if (reader.done()) break;
    reader.record(cells);
  }
  table.x = from_vector(x, {rows + 1, static_cast<int64_t>(chosen.size())});
  if (label < names.size()) set_labels(table, labels);
  return table;
}

}  // namespace

Table load_csv(const std::string& path, const CsvOptions& options, std::source_location line) {
  LineScope scope(line);
  check<Error>(can_delimit(options.delimiter), "load_csv: {} cannot be a delimiter", quote({&options.delimiter, 1}));
  io::InputFile file("load_csv: " + path, path);
  return io::read_whole(file, [&] {
    std::string text(file.size(), '\0');
    file.read(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
    return parse(path, text, options);
  });
}

}  // namespace duet::data
