#include "duet/graph/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "duet/duel.h"
#include "graph/execute.h"

namespace duet {
namespace {

using graph::Graph;
using graph::Origin;

// Reads one plan into an Explanation::Plan.
class Reader {
 public:
  Reader(const graph::Plan& plan, const detail::LeafNames& names)
      : plan_(plan), g_(plan.graph()), e_(plan.executable()) {
    int made = 0;
    for (const graph::Value& v : g_.values) {
      switch (v.origin) {
        case Origin::node:
          names_.push_back(fmt::format("%{}", made++));
          break;
        case Origin::number:
          names_.push_back(fmt::format("number{}", v.index));
          break;
        case Origin::constant:
          names_.push_back(constant(v));
          break;
        case Origin::slot: {
          std::string name = slot_name(v);
          for (const auto& [position, leaf] : names)
            if (position == name) name = leaf;
          names_.push_back(std::move(name));
        }
      }
    }
  }

  Explanation::Plan read() {
    Explanation::Plan p;
    p.recorded = static_cast<int>(plan_.recorded().size());
    p.passes = plan_.report().passes;
    p.plan_us = plan_.compile_us();
    p.bytes = plan_.cost().bytes;
    p.numbers = g_.numbers;
    for (const graph::Value& slot : plan_.slots())
      for (size_t v = 0; v < g_.values.size(); ++v)
        if (g_.values[v].origin == Origin::slot && g_.values[v].index == slot.index)
          p.inputs.push_back(value(static_cast<int>(v)));
    shown_.assign(g_.nodes.size(), 0);
    for (const graph::Launch& l : e_.launches) p.kernels.push_back(kernel(l));
    for (int v : g_.outputs) add_views(v, p.views);
    for (const graph::FusionRecord& r : plan_.report().fusions) p.fusions.push_back(fusion(r));
    for (const graph::OutputPlan& o : e_.outputs) p.outputs.push_back(output(o));
    const graph::MemoryPlan& m = plan_.memory();
    for (const graph::Buffer& b : m.buffers)
      p.buffers.push_back({value(b.value), b.first, b.last, b.bytes, b.offset,
                           b.shares < 0 ? "" : names_[index(m.buffers[index(b.shares)].value)]});
    p.naive_bytes = m.naive_bytes;
    p.lower_bound_bytes = m.lower_bound_bytes;
    p.arena_bytes = m.arena_bytes;
    return p;
  }

 private:
  static size_t index(int i) { return static_cast<size_t>(i); }
  static std::string constant(const graph::Value& v) {
    switch (v.spec.dtype) {
      case DType::f32:
        return fmt::format("{}", v.constant.f32);
      case DType::f64:
        return fmt::format("{}", v.constant.f64);
      case DType::i32:
        return fmt::format("{}", v.constant.i32);
      case DType::i64:
        return fmt::format("{}", v.constant.i64);
      default:
        return fmt::format("{}", v.constant.u8);
    }
  }
  Explanation::Value value(int v) const { return {names_[index(v)], g_.value(v).spec}; }
  int64_t bytes(int v) const {
    const Spec& s = g_.value(v).spec;
    return s.shape.numel() * static_cast<int64_t>(size_bytes(s.dtype));
  }

  Explanation::Operation operation(const graph::Node& n) const {
    Explanation::Operation o{n.op->name, {}, {}, n.line};
    for (int v : n.inputs) o.inputs.push_back(names_[index(v)]);
    for (int v : n.outputs) o.outputs.push_back(value(v));
    return o;
  }
  // The views between v and what made its storage, which no kernel makes.
  void add_views(int v, std::vector<Explanation::Operation>& views) {
    int p = g_.producer(v);
    if (p < 0 || g_.node(p).kernel >= 0 || shown_[index(p)]) return;
    shown_[index(p)] = 1;
    for (int x : g_.node(p).inputs) add_views(x, views);
    views.push_back(operation(g_.node(p)));
  }
  Explanation::Kernel kernel(const graph::Launch& l) {
    Explanation::Kernel k;
    k.line = l.line;
    k.bytes = l.bytes;
    for (int i : l.nodes) {
      const graph::Node& n = g_.node(i);
      k.name += (k.name.empty() ? "" : "+") + std::string(n.op->name);
      for (int v : n.inputs) add_views(v, k.views);
      k.operations.push_back(operation(n));
      for (int v : n.inputs) k.bytes_apart += bytes(v);
      for (int v : n.outputs) k.bytes_apart += bytes(v);
    }
    return k;
  }
  Explanation::Fusion fusion(const graph::FusionRecord& r) const {
    const graph::Node &from = g_.node(r.producer), &to = g_.node(r.consumer);
    return {
        value(from.outputs[0]), value(to.outputs[0]), from.op->name, to.op->name, r.fused, r.reason, r.bytes, to.line};
  }
  Explanation::Output output(const graph::OutputPlan& o) const {
    Explanation::Output out{value(o.value), {}, ""};
    if (o.storage < 0)
      out.alias_of = names_[index(o.root)];
    else if (e_.outputs[index(o.storage)].value != o.value)
      out.alias_of = names_[index(e_.outputs[index(o.storage)].value)];
    for (int slot : o.donors)
      for (size_t v = 0; v < g_.values.size(); ++v)
        if (g_.values[v].origin == Origin::slot && g_.values[v].index == slot) out.may_reuse.push_back(names_[v]);
    return out;
  }

  const graph::Plan& plan_;
  const Graph& g_;
  const graph::Executable& e_;
  std::vector<std::string> names_;  // by value
  std::vector<char> shown_;         // views, by node
};

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
    line(head);
  }
  std::string take() {
    if (!text_.empty()) text_.pop_back();
    return std::move(text_);
  }

 private:
  static constexpr size_t kWidth = 110;
  std::string text_;
};

void print(const Explanation::Plan& p, Page& page) {
  page.line(fmt::format("plan {}: {}", p.number, p.why), p.line);
  page.line(fmt::format("  {} recorded, {}, {} bytes read and written; planned in {:.1f} µs",
                        count(static_cast<size_t>(p.recorded), "operation"), count(p.kernels.size(), "kernel"),
                        with_commas(p.bytes), p.plan_us));
  if (!p.passes.empty())
    page.line("  passes: " + joined(p.passes, [](const graph::PassRecord& r) {
                return fmt::format("{} {} -> {} ({:.1f} µs)", r.name, r.nodes_before, r.nodes_after, r.time_us);
              }));
  std::vector<std::string> inputs;
  for (const Explanation::Value& v : p.inputs) inputs.push_back(text(v));
  if (p.numbers > 0) inputs.push_back(count(static_cast<size_t>(p.numbers), "number"));
  page.list("  inputs: ", inputs);
  for (size_t k = 0; k < p.kernels.size(); ++k) {
    const Explanation::Kernel& kernel = p.kernels[k];
    for (const Explanation::Operation& o : kernel.views) page.operation(o, 2);
    std::string head = fmt::format("  k{} {}: {} bytes", k, kernel.name, with_commas(kernel.bytes));
    if (kernel.operations.size() > 1)
      head += fmt::format(" in place of {} by {} kernels", with_commas(kernel.bytes_apart), kernel.operations.size());
    page.line(std::move(head));
    for (const Explanation::Operation& o : kernel.operations) page.operation(o, 5);
  }
  for (const Explanation::Operation& o : p.views) page.operation(o, 2);
  for (const Explanation::Fusion& f : p.fusions)
    if (!f.fused)
      page.line(fmt::format("  not fused: {} ({}) into {} ({}): {}", text(f.producer), std::string(f.producer_op),
                            text(f.consumer), std::string(f.consumer_op), f.reason),
                f.line);
  for (const Explanation::Output& o : p.outputs)
    page.line("  output " + text(o.value) + (o.alias_of.empty() ? "" : " in the storage of " + o.alias_of) +
              (o.may_reuse.empty() ? "" : ", may reuse " + joined(o.may_reuse, itself)));
  if (p.buffers.empty())
    page.line("  memory: nothing lies between kernels");
  else
    page.line(fmt::format("  memory: {}, naive {} B, arena {} B {}", count(p.buffers.size(), "buffer"),
                          with_commas(p.naive_bytes), with_commas(p.arena_bytes),
                          p.arena_bytes == p.lower_bound_bytes
                              ? "= lower bound (proven optimal)"
                              : fmt::format("(lower bound {} B)", with_commas(p.lower_bound_bytes))));
  for (const Explanation::Buffer& b : p.buffers)
    page.line(fmt::format("    {}: {} B at {}, k{} to k{}{}", text(b.value), with_commas(b.bytes),
                          with_commas(b.offset), b.first, b.last,
                          b.in_place_of.empty() ? "" : ", in place of " + b.in_place_of));
}

}  // namespace

Explanation detail::explain_plans(const graph::PlanCache& cache, Mode mode, const LeafNames& names) {
  Explanation e;
  e.mode = mode;
  e.events = cache.events();
  e.hits = cache.hits();
  int number = 0;
  for (const graph::Event& event : e.events) {
    if (event.what != "plan") continue;
    ++number;
    auto plan = event.plan.lock();
    if (plan == nullptr) continue;
    e.plans.push_back(Reader(*plan, names).read());
    e.plans.back().number = number;
    e.plans.back().why = event.why;
    e.plans.back().line = event.line;
  }
  return e;
}

std::string to_string(const Explanation& e) {
  Page page;
  const auto made = static_cast<size_t>(std::ranges::count(e.events, std::string("plan"), &graph::Event::what));
  if (e.mode == Mode::eager) return "eager: nothing is planned";
  page.line(fmt::format("{}: {}{}", std::string(name(e.mode)), count(made, "plan"),
                        e.mode == Mode::compiled ? fmt::format(", found {}", count(e.hits, "time")) : ""));
  int number = 0;
  auto next = e.plans.begin();
  for (const graph::Event& event : e.events) {
    if (event.what != "plan")
      page.line(fmt::format("{} at {}: {}", event.what, event.why, count(event.count, "time")), event.line);
    else if (++number; next != e.plans.end() && next->number == number)
      print(*next++, page);
    else
      page.line(fmt::format("plan {}: {}; no longer kept", number, event.why), event.line);
  }
  return page.take();
}

}  // namespace duet
