// explain as a picture: the whole page.
#include <fmt/format.h>

#include <algorithm>

#include "duet/duel.h"
#include "graph/svg.h"

namespace duet {
namespace {

constexpr size_t kMaxPlans = 8;  // drawn
constexpr double kMargin = 28;

// Light, and dark where the reader's system is; renderers without media queries draw it light.
constexpr const char* kStyle = R"(<style>
text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1f2733}
.page{fill:#ffffff}
.h1{font-size:19px;font-weight:bold}.h2{font-size:15px;font-weight:bold}
.bold{font-weight:bold}.muted{fill:#647084}.small{font-size:10.5px}
.over{paint-order:stroke;stroke:#ffffff;stroke-width:3px;stroke-linejoin:round}
.mid{text-anchor:middle}.right{text-anchor:end}
.box{fill:#ffffff;stroke:#8b98ab;stroke-width:1.2}
.head{fill:#dcecdf}.matmul .head{fill:#d7e5fb}.other .head{fill:#ece1f7}
.in{fill:#2f6db3}.out{fill:#2b7d4f}
.rule{stroke:#d5dbe4}.wire{fill:none;stroke:#7c899c;stroke-width:1.4}
.arrow{marker-end:url(#arrow)}#arrow path{fill:#7c899c}
.value:hover .wire{stroke:#d9480f;stroke-width:2.2}
.fresh{fill:#b9cbe4}.again{fill:#a9d8bb}.place{fill:#f4c58d}.buffer rect{stroke:#ffffff;stroke-width:1}
.buffer:hover rect{stroke:#d9480f;stroke-width:2}
.bound{stroke:#c92a2a;stroke-width:1.6;stroke-dasharray:7 4}.boundtext{fill:#c92a2a}
.axis{stroke:#8b98ab}.grid{stroke:#edf0f4}.buffer text{fill:#1f2733}
@media (prefers-color-scheme:dark){
text{fill:#dde3ec}.page{fill:#171b22}.muted{fill:#94a1b5}
.box{fill:#1f252e;stroke:#66748a}.head{fill:#234031}.matmul .head{fill:#20385c}.other .head{fill:#3b2b52}
.in{fill:#7fb2ee}.out{fill:#74c897}.rule{stroke:#333c49}
.over{stroke:#171b22}.wire{stroke:#8492a6}#arrow path{fill:#8492a6}.buffer rect{stroke:#171b22}
.fresh{fill:#7f9cc4}.again{fill:#6db38a}.place{fill:#d79b55}.buffer text{fill:#10141a}
.bound{stroke:#ff8787}.boundtext{fill:#ff8787}.axis{stroke:#66748a}.grid{stroke:#262d37}
}
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0.5L8 4L0 7.5z"/></marker></defs>
)";

std::string plural(size_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

}  // namespace

std::string to_svg(const Explanation& e) {
  graph::Svg page;
  double y = kMargin + 16, width = 900;
  auto write = [&](const char* kind, const std::string& text, double step) {
    page.text(kind, kMargin, y, text);
    width = std::max(width, graph::text_width(text, 12) + 2 * kMargin);
    y += step;
  };
  const std::string all = to_string(e);
  std::string title = all.substr(0, all.find('\n'));
  if (const size_t gap = title.find("  "); gap != title.npos) title = title.substr(0, gap);
  const std::string place = to_string(e.line);
  write("h1", place.empty() ? title : fmt::format("{} · {}", place, title), 24);
  for (const graph::Event& event : e.events)
    if (event.what == "split")
      write("muted",
            fmt::format("split at {} ({}): {}", event.why, to_string(event.line),
                        plural(static_cast<size_t>(event.count), "time")),
            17);

  for (size_t k = 0; k < std::min(kMaxPlans, e.plans.size()); ++k) {
    const Explanation::Plan& p = e.plans[k];
    y += 14;
    write("h2", fmt::format("plan {}: {}", p.number, p.why), 19);
    write("muted",
          fmt::format(
              "{} recorded → {} · {} bytes read and written{}", plural(static_cast<size_t>(p.recorded), "operation"),
              plural(p.kernels.size(), "kernel"), with_commas(p.bytes),
              p.bytes_apart > p.bytes ? fmt::format(" instead of {}, a kernel an operation", with_commas(p.bytes_apart))
                                      : ""),
          20);
    graph::Svg kernels, memory;
    const graph::Extent graph = graph::draw_kernels(p, kernels);
    page.begin("plan", "", kMargin, y);
    page.append(kernels);
    page.end();
    y += graph.height + 34;
    const graph::Extent chart = graph::draw_memory(p, std::max(graph.width, 840.0), memory);
    page.begin("memory", "", kMargin, y);
    page.append(memory);
    page.end();
    y += chart.height + 20;
    width = std::max({width, graph.width + 2 * kMargin, chart.width + 2 * kMargin});
  }
  if (e.plans.size() > kMaxPlans)
    write("muted", fmt::format("… and {} more plans, in the text and in the JSON", e.plans.size() - kMaxPlans), 20);
  y += kMargin - 10;
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
             "{1:.0f}\">\n",
             width, y) +
         kStyle + fmt::format("<rect class=\"page\" width=\"{:.0f}\" height=\"{:.0f}\"/>\n", width, y) + page.body() +
         "</svg>\n";
}

}  // namespace duet
