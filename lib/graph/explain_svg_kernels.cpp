// explain as a picture: kernels as boxes with their operations, values as wires between them.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "duet/duel.h"
#include "graph/layers.h"
#include "graph/svg.h"

namespace duet::graph {
namespace {

using Operation = Explanation::Operation;

constexpr size_t kMaxKernels = 400;                           // drawn
constexpr size_t kMaxRows = 14, kMaxEnds = 6, kMaxText = 44;  // shown in a box, before "… more"
constexpr double kRow = 17, kHead = 22, kPad = 9, kLabel = 13;

// A line of a box.
struct Row {
  std::string kind, text, spec, title;
};
struct KernelBox {
  std::vector<Row> reads, operations, gives;
  double height() const {
    double h = kHead + 6;
    for (const auto* section : {&reads, &operations, &gives})
      if (!section->empty()) h += kRow * static_cast<double>(section->size()) + 6;
    return h;
  }
};
// What one kernel makes and others read.
struct Made {
  Explanation::Value value;
  LayerWire wire;
};

std::string title_of(const Operation& o) {
  std::string inputs, outputs;
  for (const std::string& x : o.inputs) inputs += (inputs.empty() ? "" : ", ") + x;
  for (const auto& y : o.outputs) outputs += fmt::format("{}{}: {}", outputs.empty() ? "" : ", ", y.name, y.spec);
  return fmt::format("{} = {}({})  {}", outputs, std::string(o.op), inputs, to_string(o.line));
}
Row row_of(const Operation& o, const char* kind) {
  std::string inputs;
  for (const std::string& x : o.inputs) inputs += (inputs.empty() ? "" : ", ") + x;
  std::string made;
  for (const auto& y : o.outputs) made += (made.empty() ? "" : ", ") + y.name;
  return {kind, shortened(fmt::format("{} = {}({})", made, std::string(o.op), inputs), kMaxText),
          to_string(o.outputs[0].spec), title_of(o)};
}
// The first and the last rows of many.
void shorten(std::vector<Row>& rows, size_t most, const char* what) {
  if (rows.size() <= most) return;
  const size_t left_out = rows.size() - most + 1, from = most - 3;
  Row rest{"muted", fmt::format("… {} more {}", left_out, what), "", ""};
  for (size_t i = from; i < from + left_out; ++i) rest.title += (i > from ? "\n" : "") + rows[i].title;
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(from),
             rows.begin() + static_cast<std::ptrdiff_t>(from + left_out));
  rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(from), std::move(rest));
}

class Drawing {
 public:
  Drawing(const Explanation::Plan& p, Svg& svg) : p_(p), svg_(svg), kernels_(std::min(p.kernels.size(), kMaxKernels)) {}

  Extent draw() {
    read();
    for (size_t k = 0; k < kernels_; ++k) layout_.push_back(measure(k));
    std::vector<LayerWire> wires;
    for (Made& m : made_) wires.push_back(std::move(m.wire));
    const Point size = place_in_layers(layout_, wires);
    for (size_t w = 0; w < wires.size(); ++w) draw_wire(made_[w].value, wires[w]);
    for (size_t w = 0; w < wires.size(); ++w) draw_label(w, wires[w]);
    for (size_t k = 0; k < kernels_; ++k) draw_box(k);
    Extent extent{size.x, size.y};
    auto note = [&](const std::string& text) {
      extent.height += 20;
      svg_.text("muted", 0, extent.height, text);
    };
    if (p_.kernels.size() > kernels_) note(fmt::format("… and {} more kernels", p_.kernels.size() - kernels_));
    for (const Operation& o : p_.views) note("a view, without a kernel: " + title_of(o));
    for (const auto& o : p_.outputs)
      if (inputs_.find(root(o.value.name)) != inputs_.end())
        note(fmt::format("output {} {} {}", o.value.name, o.value.spec, fate(o)));
    return extent;
  }

 private:
  static std::string fate(const Explanation::Output& o) { return o.escapes.empty() ? "→ " + o.becomes : o.escapes; }
  // The value whose storage a view looks at.
  const std::string& root(const std::string& name) const {
    const std::string* at = &name;
    for (auto found = view_of_.find(*at); found != view_of_.end(); found = view_of_.find(*at)) at = &found->second;
    return *at;
  }

  void read() {
    auto note_view = [&](const Operation& o) { view_of_.emplace(o.outputs[0].name, o.inputs[0]); };
    for (const auto& k : p_.kernels) std::ranges::for_each(k.views, note_view);
    std::ranges::for_each(p_.views, note_view);
    for (const auto& v : p_.inputs) inputs_.emplace(v.name, &v);
    boxes_.resize(kernels_);
    for (size_t k = 0; k < kernels_; ++k) {
      const Explanation::Kernel& kernel = p_.kernels[k];
      KernelBox& box = boxes_[k];
      std::vector<std::string> seen;
      for (const Operation& o : kernel.operations)
        for (const std::string& x : o.inputs) {
          const std::string& from = root(x);
          if (std::ranges::find(seen, from) != seen.end()) continue;
          seen.push_back(from);
          if (auto input = inputs_.find(from); input != inputs_.end())
            box.reads.push_back({"in", shortened("▸ " + from, 40), to_string(input->second->spec),
                                 fmt::format("{} {}, an input", from, input->second->spec)});
          else if (auto maker = maker_.find(from); maker != maker_.end() && maker->second.first != k)
            wire(from, maker->second.first, k, *maker->second.second);
        }
      for (const Operation& o : kernel.views) box.operations.push_back(row_of(o, "muted"));
      for (const Operation& o : kernel.operations) {
        box.operations.push_back(row_of(o, ""));
        for (const auto& y : o.outputs) maker_.emplace(y.name, std::pair(k, &y));
      }
    }
    for (const auto& o : p_.outputs)
      if (auto maker = maker_.find(root(o.value.name)); maker != maker_.end())
        boxes_[maker->second.first].gives.push_back(
            {"out", shortened(fmt::format("{} {}", o.value.name, fate(o)), kMaxText), to_string(o.value.spec),
             fmt::format("output {} {} {}", o.value.name, o.value.spec, fate(o))});
    for (KernelBox& box : boxes_) {
      shorten(box.reads, kMaxEnds, "inputs");
      shorten(box.operations, kMaxRows, "operations");
      shorten(box.gives, kMaxEnds, "outputs");
    }
  }
  void wire(const std::string& name, size_t from, size_t to, const Explanation::Value& value) {
    auto found = std::ranges::find(made_, name, [](const Made& m) -> const std::string& { return m.value.name; });
    if (found == made_.end()) {
      made_.push_back({value, {static_cast<int>(from), 0, {}}});
      found = made_.end() - 1;
    }
    found->wire.to.push_back(static_cast<int>(to));
  }

  static std::string label(const Explanation::Value& v) { return fmt::format("{} {}", v.name, v.spec); }
  std::string head(size_t k) const { return fmt::format("k{}", k); }
  std::string bytes(size_t k) const { return with_commas(p_.kernels[k].bytes) + " B"; }

  LayerBox measure(size_t k) {
    const KernelBox& box = boxes_[k];
    double width = text_width(head(k) + "  " + bytes(k)) + 2 * kPad;
    for (const auto* section : {&box.reads, &box.operations, &box.gives})
      for (const Row& r : *section) width = std::max(width, text_width(r.text + "   " + r.spec) + 2 * kPad);
    // Wires leave side by side, with labels to the left and to the right below each other.
    std::vector<Made*> out;
    for (Made& m : made_)
      if (m.wire.from == static_cast<int>(k)) out.push_back(&m);
    const auto n = static_cast<double>(out.size());
    for (size_t i = 0; i < out.size(); ++i)
      out[i]->wire.port = width * (0.25 + 0.5 * (static_cast<double>(i) + 0.5) / n);
    label_lines_.push_back((out.size() + 1) / 2);
    return {width, box.height(), out.empty() ? 0 : 4 + kLabel * static_cast<double>(label_lines_[k])};
  }

  void draw_wire(const Explanation::Value& v, const LayerWire& w) {
    const auto from = static_cast<size_t>(w.from);
    std::string readers;
    for (int to : w.to) readers += fmt::format("{}k{}", readers.empty() ? "" : ", ", to);
    const int64_t size = v.spec.shape.numel() * static_cast<int64_t>(size_bytes(v.spec.dtype));
    svg_.begin("value", fmt::format("{}: {} bytes from k{} to {}", label(v), with_commas(size), from, readers));
    for (const LayerWire::Curve& c : w.curves) {
      const double bend = std::abs(c.from.x - c.to.x) < 0.5 ? 0 : (c.to.y - c.from.y) / 2;
      const std::string to = fmt::format("{:.1f} {:.1f}", c.to.x, c.to.y);
      svg_.path(c.arrow ? "wire arrow" : "wire",
                bend == 0 ? fmt::format("M{:.1f} {:.1f}L{}", c.from.x, c.from.y, to)
                          : fmt::format("M{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {}", c.from.x, c.from.y, c.from.x,
                                        c.from.y + bend, c.to.x, c.to.y - bend, to));
    }
    svg_.end();
  }
  // On its wire's outer side where the box is wide enough, on the right of it else.
  void draw_label(size_t w, const LayerWire& wire) {
    const auto from = static_cast<size_t>(wire.from);
    const LayerBox& box = layout_[from];
    auto leaves_there = [&](const Made& m) { return m.wire.from == wire.from; };
    const auto all = std::count_if(made_.begin(), made_.end(), leaves_there);
    const auto before = std::count_if(made_.begin(), made_.begin() + static_cast<std::ptrdiff_t>(w), leaves_there);
    const std::string text = label(made_[w].value);
    const bool left = wire.port < box.width / 2 - 1 && text_width(text, 10.5) + 5 < wire.port;
    const double line = static_cast<double>(std::min(before, all - 1 - before));
    svg_.text(left ? "small muted over right" : "small muted over", box.at.x + wire.port + (left ? -5 : 5),
              box.at.y + box.height + 12 + kLabel * line, text);
  }

  void draw_box(size_t k) {
    const Explanation::Kernel& kernel = p_.kernels[k];
    const KernelBox& box = boxes_[k];
    const LayerBox& at = layout_[k];
    const std::string_view first = kernel.operations[0].op;
    const char* kind = first == "matmul"              ? "kernel matmul"
                       : kernel.operations.size() > 1 ? "kernel fused"
                                                      : "kernel other";
    svg_.begin(kind,
               fmt::format("k{} {}\n{} bytes read and written; {} with a kernel an operation\n{}", k, kernel.name,
                           with_commas(kernel.bytes), with_commas(kernel.bytes_apart), to_string(kernel.line)),
               at.at.x, at.at.y);
    svg_.rect("box", 0, 0, at.width, at.height, 5);
    svg_.path("head", fmt::format("M0.6 {0:.1f}V5a4.4 4.4 0 0 1 4.4 -4.4H{1:.1f}a4.4 4.4 0 0 1 4.4 4.4V{0:.1f}z", kHead,
                                  at.width - 5));
    svg_.text("bold", kPad, 15.5, head(k));
    svg_.text("muted right", at.width - kPad, 15.5, bytes(k));
    double y = kHead + 4;
    bool divide = false;
    for (const auto* section : {&box.reads, &box.operations, &box.gives}) {
      if (section->empty()) continue;
      if (divide) svg_.line("rule", 6, y, at.width - 6, y), y += 4;
      divide = true;
      for (const Row& r : *section) {
        svg_.begin("row", r.title);
        svg_.text(r.kind, kPad, y + 12, r.text);
        if (!r.spec.empty()) svg_.text("muted right", at.width - kPad, y + 12, r.spec);
        svg_.end();
        y += kRow;
      }
      y += 2;
    }
    svg_.end();
  }

  const Explanation::Plan& p_;
  Svg& svg_;
  size_t kernels_;
  std::map<std::string, std::string> view_of_;
  std::map<std::string, const Explanation::Value*> inputs_;
  std::map<std::string, std::pair<size_t, const Explanation::Value*>> maker_;  // kernel and value, by name
  std::vector<KernelBox> boxes_;
  std::vector<LayerBox> layout_;
  std::vector<Made> made_;
  std::vector<size_t> label_lines_;  // by kernel
};

}  // namespace

Extent draw_kernels(const Explanation::Plan& plan, Svg& svg) { return Drawing(plan, svg).draw(); }

}  // namespace duet::graph
