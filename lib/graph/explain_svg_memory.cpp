// explain as a picture: kernels from left to right, offsets of the arena from bottom to top, a rectangle a buffer.
#include <fmt/format.h>

#include <algorithm>

#include "duet/duel.h"
#include "graph/explain_text.h"
#include "graph/svg.h"

namespace duet::graph {

Extent draw_memory(const Explanation::Plan& p, double width, Svg& svg) {
  const auto kernels = static_cast<double>(std::max<size_t>(1, p.kernels.size()));
  if (p.buffers.empty()) {
    svg.text("muted", 0, 12, "memory: nothing lies between kernels");
    return {width, 20};
  }
  const int64_t top = std::max<int64_t>(1, std::max(p.arena_bytes, p.lower_bound_bytes));
  const double left = text_width(with_commas(top) + " B", 10.5) + 10, right = 10, head = 46;
  const double height = std::clamp(60.0 + 22.0 * static_cast<double>(p.buffers.size()), 140.0, 380.0);
  const double step = (width - left - right) / kernels;
  auto x = [&](int kernel) { return left + step * kernel; };
  auto y = [&](int64_t offset) { return head + height * (1 - static_cast<double>(offset) / static_cast<double>(top)); };

  svg.text("bold", 0, 12,
           fmt::format("memory: arena {} B {}; {} B with storage for each buffer", with_commas(p.arena_bytes),
                       arena_text(p), with_commas(p.naive_bytes)));
  double at = 0;
  auto legend = [&](const char* kind, const char* text) {
    svg.rect(kind, at, 22, 13, 11, 2);
    svg.text("small", at + 18, 31, text);
    at += 18 + text_width(text, 10.5) + 22;
  };
  legend("fresh", "first use of its space");
  legend("again", "space of an earlier buffer");
  legend("place", "in place of its operand");
  svg.line("bound", at, 27.5, at + 26, 27.5);
  svg.text("small", at + 32, 31, "lower bound");

  // A label for each kernel that has room for one.
  const int every = std::max(1, static_cast<int>(30 / step + 0.999));
  for (int k = 0; k <= static_cast<int>(p.kernels.size()); ++k) {
    svg.line("grid", x(k), head, x(k), head + height);
    if (k < static_cast<int>(p.kernels.size()) && k % every == 0)
      svg.text("small muted mid", x(k) + step / 2, head + height + 14, fmt::format("k{}", k));
  }
  svg.line("axis", left, head, left, head + height);
  svg.line("axis", left, head + height, width - right, head + height);
  svg.text("small muted right", left - 6, head + height, "0 B");
  svg.text("small muted right", left - 6, y(top) + 4, with_commas(top) + " B");

  for (size_t i = 0; i < p.buffers.size(); ++i) {
    const Explanation::Buffer& b = p.buffers[i];
    const bool again = std::any_of(p.buffers.begin(), p.buffers.end(), [&](const Explanation::Buffer& other) {
      return other.last < b.first && other.offset < b.offset + b.bytes && b.offset < other.offset + other.bytes;
    });
    // Where the operand's life ends in the kernel that computes in its place, both share the kernel's column.
    double from = x(b.first), to = x(b.last + 1);
    if (!b.in_place_of.empty()) from += step / 2;
    for (const auto& other : p.buffers)
      if (other.in_place_of == b.value.name) to = std::max(from + 2, std::min(to, x(other.first) + step / 2));
    svg.begin("buffer", fmt::format("{} {}\n{} bytes at {}, live from k{} to k{}{}", b.value.name, b.value.spec,
                                    with_commas(b.bytes), with_commas(b.offset), b.first, b.last,
                                    b.in_place_of.empty() ? "" : "\nin place of " + b.in_place_of));
    const double tall = y(b.offset) - y(b.offset + b.bytes);
    svg.rect(!b.in_place_of.empty() ? "place"
             : again                ? "again"
                                    : "fresh",
             from, y(b.offset + b.bytes), to - from, tall, std::min(3.0, tall / 4));
    const std::string full = fmt::format("{} {}", b.value.name, b.value.spec);
    const std::string& shown = text_width(full, 10.5) + 8 < to - from ? full : b.value.name;
    if (tall >= 11 && text_width(shown, 10.5) + 4 < to - from)
      svg.text("small", from + 4, y(b.offset + b.bytes) + std::min(tall / 2 + 4, 13.0), shown);
    svg.end();
  }
  svg.line("bound", left, y(p.lower_bound_bytes), width - right, y(p.lower_bound_bytes));
  return {width, head + height + 22};
}

}  // namespace duet::graph
