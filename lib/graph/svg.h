// A picture in the making: shapes and texts as SVG, which needs no library.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "graph/explain_files.h"

namespace duet::graph {

/// Text as it may stand in XML.
inline std::string xml(std::string_view text) {
  std::string s;
  for (const char c : valid_utf8(text)) {
    if (c == '&')
      s += "&amp;";
    else if (c == '<')
      s += "&lt;";
    else if (c == '>')
      s += "&gt;";
    else if (c == '"')
      s += "&quot;";
    else
      s += c;
  }
  return s;
}

/// Letters of a text, and their width in the fixed-width face.
inline size_t letters(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return n;
}
inline double text_width(std::string_view text, double size = 12) {
  return static_cast<double>(letters(text)) * size * 0.602;
}
/// At most `most` letters, the last one "…" where some are left out.
inline std::string shortened(std::string_view text, size_t most) {
  if (letters(text) <= most) return std::string(text);
  size_t at = 0;
  for (size_t n = 0; n < most; ++at) n += (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
  return std::string(text.substr(0, at - 1)) + "…";
}

class Svg {
 public:
  /// Shapes between begin and end move together and share a title, which browsers show under the mouse.
  void begin(std::string_view kind, std::string_view title = {}, double x = 0, double y = 0) {
    body_ += fmt::format("<g class=\"{}\"", kind);
    if (x != 0 || y != 0) body_ += fmt::format(" transform=\"translate({:.1f} {:.1f})\"", x, y);
    body_ += '>';
    if (!title.empty()) body_ += "<title>" + xml(title) + "</title>";
    body_ += '\n';
  }
  void end() { body_ += "</g>\n"; }
  void rect(std::string_view kind, double x, double y, double width, double height, double round = 0) {
    body_ += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"", kind, x, y,
                         width, height);
    body_ += round > 0 ? fmt::format(" rx=\"{:.1f}\"/>\n", round) : "/>\n";
  }
  void line(std::string_view kind, double x0, double y0, double x1, double y1) {
    body_ += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kind, x0, y0,
                         x1, y1);
  }
  void path(std::string_view kind, std::string_view d) {
    body_ += fmt::format("<path class=\"{}\" d=\"{}\"/>\n", kind, d);
  }
  void text(std::string_view kind, double x, double y, std::string_view text) {
    body_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", kind, x, y, xml(text));
  }
  void append(const Svg& other) { body_ += other.body_; }
  const std::string& body() const { return body_; }

 private:
  std::string body_;
};

/// The kernels of a plan with what passes between them, and where its memory lies; gives the width and height used.
struct Extent {
  double width = 0, height = 0;
};
Extent draw_kernels(const Explanation::Plan& plan, Svg& svg);
Extent draw_memory(const Explanation::Plan& plan, double width, Svg& svg);

}  // namespace duet::graph
