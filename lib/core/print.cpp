// NumPy-like text of tensors.
#include <cmath>
#include <cstdio>
#include <ostream>

#include "duet/core/tensor.h"

namespace duet {
namespace {

constexpr int64_t kSummarizeAbove = 1000;
constexpr int64_t kEdge = 3;

// All numbers of a tensor in one format, as NumPy chooses it: as few digits as all need, at most 4 behind the point.
struct Format {
  bool floating = false, scientific = false;
  int digits = 0;
  size_t width = 0;

  std::string text(double v) const {
    if (!floating) return fmt::format("{}", static_cast<int64_t>(v));
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
    if (scientific) return fmt::format("{:.4e}", v);
    std::string s = fmt::format("{:.{}f}", v, digits);
    return digits == 0 ? s + "." : s;
  }
};

struct Printer {
  const std::vector<double>& v;
  const Shape& shape;
  bool booleans;
  Format format;
  bool summarize;
  std::string out;

  std::string element(double x) const { return booleans ? (x != 0 ? "True" : "False") : format.text(x); }
  bool shown(int axis, int64_t i) const {
    return !summarize || shape[axis] <= 2 * kEdge || i < kEdge || i >= shape[axis] - kEdge;
  }
  template <class F>
  void each_shown(int axis, int64_t at, F&& f) {
    if (axis >= shape.rank() || axis >= kMaxRank) return f(v[static_cast<size_t>(at)]);
    for (int64_t i = 0; i < shape[axis]; ++i)
      if (shown(axis, i)) each_shown(axis + 1, at * shape[axis] + i, f);
  }
  void choose_format(bool floating) {
    format.floating = floating;
    double largest = 0, smallest = INFINITY;
    if (floating)
      each_shown(0, 0, [&](double x) {
        if (!std::isfinite(x)) return;
        if (x != 0) largest = std::max(largest, std::fabs(x)), smallest = std::min(smallest, std::fabs(x));
        char text[64];
        std::snprintf(text, sizeof text, "%.4f", x);
        int digits = 4;
        for (const char* p = text + std::char_traits<char>::length(text) - 1; *p == '0'; --p) --digits;
        format.digits = std::max(format.digits, digits);
      });
    format.scientific = floating && largest > 0 && (largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1e4);
    if (floating && format.scientific && largest < 1e8 && smallest >= 1e-4 && format.digits < 4) format.scientific = false;
    each_shown(0, 0, [&](double x) { format.width = std::max(format.width, element(x).size()); });
  }
  void print(int axis, int64_t at) {
    if (axis == shape.rank()) {
      out += fmt::format("{:>{}}", element(v[static_cast<size_t>(at)]), format.width);
      return;
    }
    out += '[';
    bool first = true, skipped = false;
    for (int64_t i = 0; i < shape[axis]; ++i) {
      if (!shown(axis, i)) {
        if (!skipped) out += axis + 1 == shape.rank() ? " ..." : "\n" + std::string(static_cast<size_t>(axis) + 1, ' ') + "...";
        skipped = true;
        continue;
      }
      if (!first) out += axis + 1 == shape.rank() ? " " : "\n" + std::string(static_cast<size_t>(axis) + 1, ' ');
      first = false;
      print(axis + 1, at * shape[axis] + i);
    }
    out += ']';
  }
};

}  // namespace

std::string to_string(const Tensor& t) {
  if (!t.defined()) return "empty Tensor";
  std::vector<double> v;
  visit(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (auto x : t.to_vector<T>(std::source_location())) v.push_back(static_cast<double>(x));
  });
  Printer p{v, t.shape(), t.dtype() == DType::boolean, {}, t.numel() > kSummarizeAbove, {}};
  p.choose_format(is_float(t.dtype()));
  p.print(0, 0);
  return p.out + " " + to_string(t.spec());
}

std::ostream& operator<<(std::ostream& out, const Tensor& t) { return out << to_string(t); }

}  // namespace duet
