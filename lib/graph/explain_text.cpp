// explain as text.
#include "graph/explain_text.h"
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "duet/duel.h"
#include "duet/graph/explain.h"

namespace duet {
namespace {

std::string count(size_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, fmt::string_view(what.data(), what.size()), n == 1 ? "" : "s");
}
std::string text(const Explanation::Value& v) { return fmt::format("{} {}", v.name, v.spec); }
template <class List, class F>
std::string joined(const List& list, F&& each) {
  std::string s;
  for (const auto& x : list) s += (s.empty() ? "" : ", ") + each(x);
  return s;
}
std::string itself(const std::string& s) { return s; }

// Lines of text, the user's line on the right.
class Page {
 public:
  void line(std::string text, const Line& where = {}) {
    std::string place = to_string(where);
    if (!place.empty()) {
      size_t used = text.size() + place.size();
      text += std::string(used + 2 < kWidth ? kWidth - used : 2, ' ') + place;
    }
    text_ += text + '\n';
  }
  void operation(const Explanation::Operation& o, int indent) {
    std::string made =
        joined(o.outputs, [](const Explanation::Value& v) { return fmt::format("{}: {}", v.name, v.spec); });
    line(fmt::format("{:{}}{} = {}({})", "", indent, made, std::string(o.op), joined(o.inputs, itself)), o.line);
  }
  // Items after a head, broken between them where lines are full.
  void list(std::string head, const std::vector<std::string>& items) {
    const size_t indent = head.size();
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) head += ',';
      if (head.size() > indent && head.size() + items[i].size() + 1 > kWidth)
        line(std::exchange(head, std::string(indent, ' ')));
      else if (i > 0)
        head += ' ';
      head += items[i];
    }
    if (!items.empty()) line(head);
  }
  std::string take() {
    if (!text_.empty()) text_.pop_back();
    return std::move(text_);
  }

 private:
  static constexpr size_t kWidth = 110;
  std::string text_;
};

std::string in_place_of_apart(int64_t bytes, size_t kernels, int64_t now) {
  return bytes == now ? "" : fmt::format(" in place of {} by {} kernels", with_commas(bytes), kernels);
}

void print_inputs(const Explanation::Plan& p, Page& page) {
  std::vector<std::string> inputs, captured, constants, numbers;
  for (const Explanation::Value& v : p.inputs) inputs.push_back(text(v));
  for (const Explanation::Captured& c : p.captured)
    (c.constant ? constants : captured)
        .push_back(c.constant ? fmt::format("{} = {}", text(c.value), c.contents) : c.value.name);
  size_t read = 0;
  for (const Explanation::Number& n : p.numbers)
    if (n.value == "read at each call")
      ++read;
    else
      numbers.push_back(fmt::format("{} {} = {}", n.name, n.dtype, n.value));
  if (read > 0) numbers.push_back(fmt::format("{} read at each call", read));
  page.list("  inputs: ", inputs);
  page.list("  from outside of the arguments: ", captured);
  page.list("  constants: ", constants);
  page.list("  numbers: ", numbers);
}

void print_fusions(const Explanation::Plan& p, Page& page) {
  size_t fused = 0;
  int64_t saved = 0;
  for (const Explanation::Fusion& f : p.fusions)
    if (f.fused) ++fused, saved += f.bytes;
  if (fused > 0)
    page.line(fmt::format("  fused: {} of {}, {} bytes not written and read again", fused,
                          count(p.fusions.size(), "pair"), with_commas(saved)));
  for (const Explanation::Fusion& f : p.fusions)
    if (!f.fused)
      page.line(fmt::format("  not fused: {} ({}) {} {} ({}){}: {}", text(f.producer), std::string(f.producer_op),
                            f.beside ? "beside" : "into", text(f.consumer), std::string(f.consumer_op),
                            f.beside ? "" : fmt::format(", {} bytes", with_commas(f.bytes)), f.reason),
                f.line);
}

// Who runs the kernels' elements: machine code, or the tile executor and why.
void print_code(const Explanation::Plan& p, Page& page) {
  size_t kernels = 0;
  int64_t bytes = 0;
  std::map<std::string, std::string> tiles, epilogues;  // kernels by reason
  auto add = [](std::map<std::string, std::string>& to, const std::string& why, size_t k) {
    if (!why.empty()) to[why] += fmt::format("{}k{}", to[why].empty() ? "" : ", ", k);
  };
  for (size_t k = 0; k < p.kernels.size(); ++k) {
    const Explanation::Kernel& kernel = p.kernels[k];
    if (kernel.code_bytes > 0) ++kernels, bytes += kernel.code_bytes;
    add(tiles, kernel.tiles, k);
    add(epilogues, kernel.epilogue, k);
  }
  if (kernels > 0) page.line(fmt::format("  machine code: {}, {} bytes", count(kernels, "kernel"), with_commas(bytes)));
  for (const auto& [why, names] : tiles) page.line(fmt::format("  tile executor: {} ({})", names, why));
  for (const auto& [where, names] : epilogues) page.line(fmt::format("  epilogue of {} {}", names, where));
}

void print_memory(const Explanation::Plan& p, Page& page) {
  for (const Explanation::Output& o : p.outputs)
    page.line("  output " + text(o.value) +
              (o.escapes.empty() ? fmt::format(" -> {}", o.becomes) : fmt::format(" escapes: it {}", o.escapes)) +
              (o.alias_of.empty() ? "" : ", in the storage of " + o.alias_of) +
              (o.may_reuse.empty() ? "" : ", may reuse " + joined(o.may_reuse, itself)));
  if (p.schedule.peak_bytes < p.schedule.trace_peak_bytes)
    page.line(fmt::format("  order: {}, about {} B live at once in place of {} in trace order", p.schedule.order,
                          with_commas(p.schedule.peak_bytes), with_commas(p.schedule.trace_peak_bytes)));
  if (p.buffers.empty())
    page.line("  memory: nothing lies between kernels");
  else
    page.line(fmt::format("  memory: {}, naive {} B, arena {} B {}", count(p.buffers.size(), "buffer"),
                          with_commas(p.naive_bytes), with_commas(p.arena_bytes), arena_text(p)));
  if (p.packed_bytes > 0)
    page.line(fmt::format("  weights: {} B, packed once for their products", with_commas(p.packed_bytes)));
  for (const Explanation::Buffer& b : p.buffers)
    page.line(fmt::format("    {}: {} B at {}, k{} to k{}{}", text(b.value), with_commas(b.bytes),
                          with_commas(b.offset), b.first, b.last,
                          b.in_place_of.empty() ? "" : ", in place of " + b.in_place_of));
}

void print(const Explanation::Plan& p, Page& page) {
  page.line(fmt::format("plan {}: {}", p.number, p.why), p.line);
  size_t operations = 0;
  for (const Explanation::Kernel& k : p.kernels) operations += k.operations.size();
  page.line(fmt::format("  {} recorded, {}, {} bytes read and written{}; planned in {:.1f} µs",
                        count(static_cast<size_t>(p.recorded), "operation"), count(p.kernels.size(), "kernel"),
                        with_commas(p.bytes), in_place_of_apart(p.bytes_apart, operations, p.bytes), p.plan_us));
  if (!p.device.empty()) page.line("  on " + p.device);
  if (!p.passes.empty())
    page.line("  passes: " + joined(p.passes, [](const graph::PassRecord& r) {
                return fmt::format("{} {} -> {} ({:.1f} µs)", r.name, r.nodes_before, r.nodes_after, r.time_us);
              }));
  print_inputs(p, page);
  for (size_t k = 0; k < p.kernels.size(); ++k) {
    const Explanation::Kernel& kernel = p.kernels[k];
    for (const Explanation::Operation& o : kernel.views) page.operation(o, 2);
    page.line(fmt::format("  k{} {}: {} bytes{}", k, kernel.name, with_commas(kernel.bytes),
                          in_place_of_apart(kernel.bytes_apart, kernel.operations.size(), kernel.bytes)));
    for (const Explanation::Operation& o : kernel.operations) page.operation(o, 5);
  }
  for (const Explanation::Operation& o : p.views) page.operation(o, 2);
  print_code(p, page);
  print_fusions(p, page);
  print_memory(p, page);
}

}  // namespace

std::string arena_text(const Explanation::Plan& p) {
  if (p.arena_bytes == p.lower_bound_bytes) return "= lower bound (proven optimal)";
  return fmt::format("(lower bound {} B{})", with_commas(p.lower_bound_bytes),
                     p.proven_optimal ? ", proven optimal" : "");
}

std::string to_string(const Explanation& e) {
  Page page;
  uint64_t made = 0;
  for (const graph::Event& event : e.events) made = std::max(made, event.number);
  if (e.mode == Mode::eager) return "eager: nothing is planned";
  if (e.switched_off)
    page.line("compiled: DUET_COMPILE=0, so calls run eagerly and plan nothing", e.line);
  else
    page.line(fmt::format("{}: {}{}", std::string(name(e.mode)), count(made, "plan"),
                          e.mode == Mode::compiled ? fmt::format(", found {}", count(e.hits, "time")) : ""),
              e.line);
  auto next = e.plans.begin();
  for (const graph::Event& event : e.events) {
    if (event.what != "plan")
      page.line(fmt::format("{} at {}: {}", event.what, event.why, count(event.count, "time")), event.line);
    else if (next != e.plans.end() && next->number == static_cast<int>(event.number))
      print(*next++, page);
    else
      page.line(fmt::format("plan {}: {}; no longer kept", event.number, event.why), event.line);
  }
  return page.take();
}

}  // namespace duet
