// explain's memory chart for terminals.
#include <fmt/format.h>

#include <algorithm>

#include "duet/duel.h"
#include "graph/svg.h"

namespace duet {
namespace {

constexpr size_t kMaxRows = 16;
// Neighbours differ in their shade.
constexpr std::string_view kShades[] = {"█", "▓", "▒", "░"};

class Chart {
 public:
  Chart(const Explanation::Plan& p, size_t width)
      : p_(p), rows_(std::clamp<size_t>(2 * p.buffers.size(), 4, kMaxRows)) {
    const size_t kernels = std::max<size_t>(1, p.kernels.size());
    margin_ = with_commas(top()).size() + 4;
    columns_ = std::max<size_t>(1, width > margin_ + 1 ? (width - margin_ - 1) / kernels : 1) * kernels;
    // More kernels than columns: several share one.
    if (columns_ + margin_ + 1 > width && width > margin_ + 1) columns_ = std::max<size_t>(1, width - margin_ - 1);
    cells_.assign(rows_, std::vector<int>(columns_, -1));
    text_.assign(rows_, std::vector<std::string>(columns_));
  }

  std::string draw() {
    for (size_t b = 0; b < p_.buffers.size(); ++b) paint(static_cast<int>(b));
    shade();
    for (size_t b = 0; b < p_.buffers.size(); ++b) write_name(static_cast<int>(b));
    std::string out;
    for (size_t r = 0; r < rows_; ++r) {
      const size_t row = rows_ - 1 - r;  // offset 0 is at the bottom
      const std::string mark = r == 0 ? with_commas(top()) + " B" : r + 1 == rows_ ? "0 B" : "";
      std::string line = fmt::format("{:>{}} ", mark, margin_ - 2) + "│";
      for (size_t c = 0; c < columns_; ++c) {
        const int b = cells_[row][c];
        line += !text_[row][c].empty() ? text_[row][c]
                : b < 0                ? " "
                                       : std::string(kShades[shade_[static_cast<size_t>(b)]]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + '\n';
    }
    std::string axis = std::string(margin_ - 1, ' ') + "└", names = std::string(margin_, ' ');
    for (size_t c = 0; c < columns_; ++c) axis += "─";
    for (size_t k = 0, at = 0; k < p_.kernels.size(); ++k) {
      const std::string name = fmt::format("k{}", k);
      const size_t from = column(k);
      if (from < at || from + name.size() > columns_) continue;
      names += std::string(from - at, ' ') + name;
      at = from + name.size();
      names += ' ', ++at;
    }
    names.erase(names.find_last_not_of(' ') + 1);
    return out + axis + '\n' + names;
  }

 private:
  int64_t top() const { return std::max<int64_t>(1, std::max(p_.arena_bytes, p_.lower_bound_bytes)); }
  size_t column(size_t kernel) const { return kernel * columns_ / std::max<size_t>(1, p_.kernels.size()); }
  const Explanation::Buffer& at(int b) const { return p_.buffers[static_cast<size_t>(b)]; }

  // A cell belongs to the buffer that has the most of it.
  void paint(int buffer) {
    const Explanation::Buffer& b = at(buffer);
    const size_t from = column(static_cast<size_t>(b.first)),
                 to = std::max(from + 1, column(static_cast<size_t>(b.last) + 1));
    for (size_t row = 0; row < rows_; ++row) {
      const int64_t mine = overlap(b, row);
      for (size_t c = from; c < std::min(to, columns_) && mine > 0; ++c) {
        int& cell = cells_[row][c];
        // A value computed in place follows its operand in the same cells.
        if (cell < 0 || !b.in_place_of.empty() || mine > overlap(at(cell), row)) cell = buffer;
      }
    }
  }
  int64_t overlap(const Explanation::Buffer& b, size_t row) const {
    const auto rows = static_cast<int64_t>(rows_);
    const int64_t low = top() * static_cast<int64_t>(row), high = low + top();
    return std::max<int64_t>(0, std::min(high, (b.offset + b.bytes) * rows) - std::max(low, b.offset * rows));
  }
  void shade() {
    shade_.assign(p_.buffers.size(), 0);
    for (size_t b = 0; b < p_.buffers.size(); ++b) {
      bool taken[std::size(kShades)] = {};
      for (size_t row = 0; row < rows_; ++row)
        for (size_t c = 0; c < columns_; ++c) {
          if (cells_[row][c] != static_cast<int>(b)) continue;
          auto note = [&](size_t r, size_t k) {
            if (r < rows_ && k < columns_ && cells_[r][k] >= 0 && cells_[r][k] < static_cast<int>(b))
              taken[shade_[static_cast<size_t>(cells_[r][k])]] = true;
          };
          note(row - 1, c), note(row + 1, c), note(row, c - 1), note(row, c + 1);
        }
      for (size_t s = std::size(kShades); s-- > 0;)
        if (!taken[s]) shade_[b] = s;
    }
  }
  // Its name in its uppermost row, where it fits.
  void write_name(int buffer) {
    const Explanation::Buffer& b = at(buffer);
    const std::string name = b.in_place_of.empty() ? b.value.name : b.value.name + "=" + b.in_place_of;
    for (size_t row = rows_; row-- > 0;) {
      const auto first = std::find(cells_[row].begin(), cells_[row].end(), buffer);
      const auto end = std::find_if(first, cells_[row].end(), [&](int c) { return c != buffer; });
      if (static_cast<size_t>(end - first) < name.size()) continue;
      for (size_t i = 0; i < name.size(); ++i)
        text_[row][static_cast<size_t>(first - cells_[row].begin()) + i] = name[i];
      return;
    }
  }

  const Explanation::Plan& p_;
  size_t rows_;
  size_t margin_ = 0, columns_ = 0;
  std::vector<std::vector<int>> cells_;         // buffers, by row from the bottom and column
  std::vector<std::vector<std::string>> text_;  // written over them
  std::vector<size_t> shade_;                   // by buffer
};

}  // namespace

std::string Explanation::chart(int width) const {
  check<Error>(width >= 20, "chart: too narrow: {} columns; give it at least 20", width);
  std::string out;
  for (const Plan& p : plans) {
    if (!out.empty()) out += "\n\n";
    if (p.buffers.empty()) {
      out += fmt::format("plan {}: nothing lies between kernels", p.number);
      continue;
    }
    out +=
        fmt::format("plan {}: arena {} B, lower bound {} B, naive {} B; %2=%1: %2 is computed in place of %1\n",
                    p.number, with_commas(p.arena_bytes), with_commas(p.lower_bound_bytes), with_commas(p.naive_bytes));
    out += Chart(p, static_cast<size_t>(width)).draw();
  }
  return out;
}

}  // namespace duet
