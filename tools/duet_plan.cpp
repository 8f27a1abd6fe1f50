// duet-plan: places buffers of known lifetimes in one arena, with the planner that compiled functions use.
//
//   duet-plan --input F.csv --output G.csv [--capacity N] [--budget-ms N]
//
// F.csv has MiniMalloc's columns id, lower, upper, size in any order, a buffer a row, live at lower <= t < upper; G.csv
// has the same rows with one column more, offset. What was found is one line of JSON on stdout. The exit code is 0; 1
// when no arena of the capacity was found (the best that was is written); 2 when something is wrong.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <future>
#include <nlohmann/json.hpp>

#include "duet/graph/place_exact.h"
#include "io/file.h"

namespace {

using duet::ParseError;
using duet::graph::Extent;
using duet::graph::Placement;

struct Table {
  std::string text;
  std::vector<std::string_view> lines;  // the header, then a buffer each, without line ends
  std::vector<Extent> buffers;
};

std::string name(std::string_view text) { return std::string(text); }

// Reads F.csv, which may hold anything.
class Reader {
 public:
  explicit Reader(const std::string& path) : where_("plan: " + path) {}

  Table read(const std::string& path) {
    Table table;
    const duet::io::InputFile file(where_, path);
    duet::io::read_whole(file, [&] {
      table.text.resize(file.size());
      file.read(0, {reinterpret_cast<uint8_t*>(table.text.data()), table.text.size()});
    });
    std::string_view rest = table.text;
    if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
    while (rest.ends_with('\n') || rest.ends_with('\r')) rest.remove_suffix(1);
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      table.lines.push_back(line);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++line_;
      if (line_ == 1)
        header(line);
      else
        table.buffers.push_back(row(line));
    }
    if (line_ == 0) duet::fail<ParseError>("{}: empty; its first line is id,lower,upper,size", where_);
    return table;
  }

 private:
  static constexpr std::string_view kColumns[] = {"id", "lower", "upper", "size"};
  static constexpr int64_t kMostBytes = int64_t{1} << 62;

  template <class... A>
  [[noreturn]] void bad(fmt::format_string<A...> format, A&&... args) const {
    duet::fail<ParseError>("{}:{}: {}", where_, line_, fmt::format(format, std::forward<A>(args)...));
  }

  std::vector<std::string_view> cells(std::string_view line) const {
    std::vector<std::string_view> all;
    for (size_t at = 0;; ++at) {
      const size_t begin = at;
      if (at < line.size() && line[at] == '"') {  // to the quote that is not doubled
        for (++at; at < line.size() && (line[at] != '"' || line.substr(at).starts_with("\"\"")); ++at)
          if (line[at] == '"') ++at;
        if (at >= line.size()) bad("a quote is open at the end of the line");
        if (++at < line.size() && line[at] != ',') bad("text after a closing quote");
      } else {
        at = std::min(line.find(',', at), line.size());
      }
      all.push_back(line.substr(begin, at - begin));
      if (at >= line.size()) return all;
    }
  }

  void header(std::string_view line) {
    const auto names = cells(line);
    columns_ = names.size();
    for (size_t k = 0; k < names.size(); ++k) {
      const auto known = std::ranges::find(kColumns, names[k]);
      if (known == std::end(kColumns))
        bad("column {} is not known; the columns are id, lower, upper, size", duet::io::quote(names[k]));
      int& place = place_[known - std::begin(kColumns)];
      if (place >= 0) bad("column {} is there twice", name(names[k]));
      place = static_cast<int>(k);
    }
    for (int c = 0; c < 4; ++c)
      if (place_[c] < 0) bad("column {} is missing; the columns are id, lower, upper, size", name(kColumns[c]));
  }

  int64_t number(const std::vector<std::string_view>& row, int column) const {
    const std::string_view text = row[static_cast<size_t>(place_[column])];
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range)
      bad("{} {} does not fit into 64 bits", name(kColumns[column]), duet::io::quote(text));
    if (error != std::errc() || end != text.data() + text.size())
      bad("{} {} is not a whole number", name(kColumns[column]), duet::io::quote(text));
    return value;
  }

  Extent row(std::string_view line) {
    const auto row = cells(line);
    if (row.size() != columns_) bad("{} fields; the header has {}", row.size(), columns_);
    const Extent e{number(row, 1), number(row, 2), number(row, 3)};
    if (e.lower >= e.upper) bad("lower {} is not below upper {}", e.lower, e.upper);
    if (e.size < 0) bad("size {} is negative", e.size);
    if (e.size >= kMostBytes - total_) bad("the sizes so far add up to 2^62 bytes or more");
    total_ += e.size;
    return e;
  }

  std::string where_;
  size_t line_ = 0, columns_ = 0;
  int place_[4] = {-1, -1, -1, -1};
  int64_t total_ = 0;
};

void write(const std::string& path, const Table& table, const Placement& placement) {
  std::string text = name(table.lines[0]) + ",offset\n";
  for (size_t i = 0; i < table.buffers.size(); ++i)
    text += fmt::format("{},{}\n", name(table.lines[i + 1]), placement.offsets[i]);
  duet::io::OutputFile file("plan: " + path, path);
  file.write(text);
  file.commit();
}

// A search that takes long says so to people.
Placement search(const Table& table, int64_t budget_ms, int64_t capacity) {
  auto result = std::async(std::launch::async, [&] {
    return duet::graph::place(table.buffers, budget_ms * duet::graph::kVisitsPerMs, capacity);
  });
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  bool drawn = false;
  for (int seconds = 1; result.wait_for(std::chrono::seconds(1)) != std::future_status::ready; ++seconds) {
    if (!terminal) continue;
    fmt::print(stderr, "\r\033[Ksearching: {} s; the budget is about {} s", seconds, (budget_ms + 999) / 1000);
    std::fflush(stderr);
    drawn = true;
  }
  if (drawn) fmt::print(stderr, "\r\033[K");
  return result.get();
}

int run(int argc, char** argv) {
  CLI::App app{"Places buffers of known lifetimes in the smallest arena that the budget finds.", "duet-plan"};
  std::string input, output;
  int64_t capacity = 0, budget_ms = 50;
  app.add_option("--input", input, "CSV with the columns id, lower, upper, size")->required();
  app.add_option("--output", output, "the same rows with a column offset")->required();
  auto* has_capacity = app.add_option("--capacity", capacity, "an arena of this size is small enough, in bytes")
                           ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  app.add_option("--budget-ms", budget_ms, "steps that take about so many milliseconds: the same plan on every machine")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{0}, int64_t{86'400'000}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const Table table = Reader(input).read(input);
  const auto start = std::chrono::steady_clock::now();
  const Placement placement = search(table, budget_ms, capacity);
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  write(output, table, placement);
  nlohmann::ordered_json line;
  line["n"] = table.buffers.size();
  line["lower_bound"] = duet::graph::lower_bound(table.buffers);
  line["arena"] = placement.arena;
  line["capacity"] = nullptr;
  if (*has_capacity) line["capacity"] = capacity;
  line["proven_optimal"] = placement.proven_optimal;
  line["ms"] = std::round(ms * 1000) / 1000;
  fmt::print("{}\n", line.dump());
  if (!*has_capacity || placement.arena <= capacity) return 0;
  fmt::print(stderr, "duet-plan: no arena of {} bytes was found within the budget; the best has {}\n", capacity,
             placement.arena);
  return 1;
}

}  // namespace

int main(int argc, char** argv) try { return run(argc, argv); } catch (const std::exception& error) {
  fmt::print(stderr, "duet-{}\n", error.what());
  return 2;
}
