// NumPy-like text of tensors.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <ostream>

#include "duet/core/tensor.h"
#include "duet/ops/convert.h"

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
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
    if (scientific) return fmt::format("{:.4e}", v);
    std::string s = fmt::format("{:.{}f}", v, digits);
    return digits == 0 ? s + "." : s;
  }
};

struct Printer {
  const std::vector<double>& v;       // of a floating tensor
  const std::vector<int64_t>& whole;  // of any other
  const Shape& shape;
  bool booleans;
  Format format;
  bool summarize;
  std::string out;

  std::string element(size_t i) const {
    if (format.floating) return format.text(v[i]);
    return booleans ? (whole[i] != 0 ? "True" : "False") : std::to_string(whole[i]);
  }
  bool shown(int axis, int64_t i) const {
    return !summarize || shape[axis] <= 2 * kEdge || i < kEdge || i >= shape[axis] - kEdge;
  }
  template <class F>
  void each_shown(int axis, int64_t at, F&& f) {
    if (axis >= shape.rank() || axis >= kMaxRank) return f(static_cast<size_t>(at));
    for (int64_t i = 0; i < shape[axis]; ++i)
      if (shown(axis, i)) each_shown(axis + 1, at * shape[axis] + i, f);
  }
  void choose_format(bool floating) {
    format.floating = floating;
    double largest = 0, smallest = INFINITY;
    if (floating)
      each_shown(0, 0, [&](size_t i) {
        const double x = v[i];
        if (!std::isfinite(x)) return;
        if (x != 0) largest = std::max(largest, std::fabs(x)), smallest = std::min(smallest, std::fabs(x));
        char text[64];
        std::snprintf(text, sizeof text, "%.4f", x);
        int digits = 4;
        for (const char* p = text + std::char_traits<char>::length(text) - 1; *p == '0'; --p) --digits;
        format.digits = std::max(format.digits, digits);
      });
    format.scientific = floating && largest > 0 && (largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1e4);
    if (floating && format.scientific && largest < 1e8 && smallest >= 1e-4 && format.digits < 4)
      format.scientific = false;
    each_shown(0, 0, [&](size_t i) { format.width = std::max(format.width, element(i).size()); });
  }
  void print(int axis, int64_t at) {
    if (axis == shape.rank()) {
      out += fmt::format("{:>{}}", element(static_cast<size_t>(at)), format.width);
      return;
    }
    out += '[';
    bool first = true, skipped = false;
    // Blocks of more axes stand further apart.
    const std::string gap = axis + 1 == shape.rank() ? " "
                                                     : std::string(static_cast<size_t>(shape.rank() - axis - 1), '\n') +
                                                           std::string(static_cast<size_t>(axis) + 1, ' ');
    for (int64_t i = 0; i < shape[axis]; ++i) {
      if (!shown(axis, i)) {
        if (!skipped) out += gap + "...";
        skipped = true;
        continue;
      }
      if (!first) out += gap;
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
  std::vector<int64_t> whole;
  visit_stored(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (auto x : t.to_vector<T>(std::source_location())) {
      if constexpr (is_float(dtype_of<T>))
        v.push_back(static_cast<double>(readable(x)));
      else
        whole.push_back(static_cast<int64_t>(x));
    }
  });
  Printer p{v, whole, t.shape(), t.dtype() == DType::boolean, {}, t.numel() > kSummarizeAbove, {}};
  p.choose_format(is_float(t.dtype()));
  p.print(0, 0);
  return p.out + " " + to_string(t.spec());
}

std::ostream& operator<<(std::ostream& out, const Tensor& t) { return out << to_string(t); }

}  // namespace duet
