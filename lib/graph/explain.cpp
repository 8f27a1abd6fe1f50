#include "duet/graph/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "cuda/plan.h"
#include "duet/ops/convert.h"
#include "graph/bytes.h"
#include "graph/packs.h"
#include "graph/show.h"

namespace duet {
namespace {

using graph::Graph;
using graph::Origin;

// Reads one plan into an Explanation::Plan.
class Reader {
 public:
  Reader(const graph::Plan& plan, const graph::Event& event, const graph::FrozenPlan* frozen,
         const detail::LeafNames& leaves)
      : plan_(plan),
        event_(event),
        frozen_(frozen),
        leaves_(leaves),
        g_(plan.graph()),
        e_(plan.executable()),
        names_(graph::value_names(g_)) {
    for (size_t v = 0; v < names_.size(); ++v)
      if (g_.values[v].origin == Origin::slot) names_[v] = leaf_name(names_[v]);
  }

  Explanation::Plan read() {
    Explanation::Plan p;
    p.why = event_.why;
    p.line = event_.line;
    p.segment = event_.segment;
    p.splits = event_.splits;
    p.recorded = static_cast<int>(plan_.recorded().size());
    p.passes = plan_.report().passes;
    p.plan_us = plan_.compile_us();
    if (const cuda::PlanOnDevice* on = plan_.on_device()) {
      const auto& made = on->made();
      p.device = fmt::format("{}, {} fused kernel{}", plan_.graph().device, made.kernels, made.kernels == 1 ? "" : "s");
      if (made.kernels > 0)
        p.device +=
            fmt::format(" by {} in {:.1f} µs{}", made.compiler, made.time_us, made.from_disk ? ", from disk" : "");
    }
    p.bytes = plan_.cost().bytes;
    read_inputs(p);
    shown_.assign(g_.nodes.size(), 0);
    for (const graph::Launch& l : e_.launches) {
      const size_t number = p.kernels.size();
      p.kernels.push_back(kernel(l, p.aliases));
      if (plan_.on_device() != nullptr)
        p.kernels.back().epilogue = plan_.on_device()->program().launches[number].epilogue;
      p.bytes_apart += p.kernels.back().bytes_apart;
    }
    for (int v : g_.outputs) add_views(v, p.views, p.aliases);
    for (const graph::FusionRecord& r : plan_.report().fusions) p.fusions.push_back(fusion(r));
    for (size_t k = 0; k < e_.outputs.size(); ++k) p.outputs.push_back(output(k, p.aliases));
    read_memory(p);
    return p;
  }

 private:
  static size_t index(int i) { return static_cast<size_t>(i); }
  Explanation::Value value(int v) const { return {names_[index(v)], g_.value(v).spec}; }
  std::string leaf_name(const std::string& position) const {
    for (const auto& [known, name] : leaves_)
      if (known == position) return name;
    return position;
  }
  std::string slot(int s) const {
    for (size_t v = 0; v < g_.values.size(); ++v)
      if (g_.values[v].origin == Origin::slot && g_.values[v].index == s) return names_[v];
    return fmt::format("in{}", s);
  }

  void read_inputs(Explanation::Plan& p) const {
    for (const graph::Value& slot : plan_.slots())
      for (size_t v = 0; v < g_.values.size(); ++v)
        if (g_.values[v].origin == Origin::slot && g_.values[v].index == slot.index) {
          p.inputs.push_back(value(static_cast<int>(v)));
          if (slot.argument < 0) p.captured.push_back(captured(slot.index, p.inputs.back()));
        }
    for (int n = 0; n < g_.numbers; ++n) {
      Explanation::Number number{fmt::format("number{}", n), DType::f32, "read at each call"};
      for (const graph::Value& v : g_.values)
        if (v.origin == Origin::number && v.index == n) number.dtype = v.spec.dtype;
      if (frozen_ != nullptr) {
        const int argument = frozen_->number_argument[index(n)];
        number.value = argument < 0 ? graph::number_text(frozen_->numbers[index(n)], frozen_->number_dtypes[index(n)])
                                    : fmt::format("argument {}", argument + 1);
      }
      p.numbers.push_back(std::move(number));
    }
  }
  Explanation::Captured captured(int slot, const Explanation::Value& v) const {
    if (frozen_ == nullptr) return {v, false, ""};
    constexpr int64_t kShown = 6;
    const Tensor t = frozen_->constants[index(slot)].to(Device::cpu());
    std::string contents;
    visit_stored(t.dtype(), [&](auto zero) {
      using T = decltype(zero);
      for (int64_t i = 0; i < std::min(kShown, t.numel()); ++i) {
        int64_t rest = i, at = 0;
        for (int axis = t.rank() - 1; axis >= 0; rest /= t.shape(axis), --axis)
          at += rest % t.shape(axis) * t.block().strides[axis];
        contents += fmt::format("{}{}", i > 0 ? ", " : "", readable(static_cast<const T*>(t.block().data)[at]));
      }
    });
    return {v, true, contents + (t.numel() > kShown ? ", …" : "")};
  }

  Explanation::Operation operation(const graph::Node& n) const {
    Explanation::Operation o{n.op->name, {}, {}, n.line};
    for (int v : n.inputs) o.inputs.push_back(names_[index(v)]);
    for (int v : n.outputs) o.outputs.push_back(value(v));
    return o;
  }
  // The views between v and what made its storage, which no kernel makes.
  void add_views(int v, std::vector<Explanation::Operation>& views, std::vector<Explanation::Alias>& aliases) {
    int p = g_.producer(v);
    if (p < 0 || g_.node(p).kernel >= 0 || shown_[index(p)]) return;
    shown_[index(p)] = 1;
    for (int x : g_.node(p).inputs) add_views(x, views, aliases);
    views.push_back(operation(g_.node(p)));
    aliases.push_back({value(v), names_[index(g_.node(p).inputs[0])],
                       fmt::format("{} looks at the same elements", g_.node(p).op->name)});
  }
  Explanation::Kernel kernel(const graph::Launch& l, std::vector<Explanation::Alias>& aliases) {
    Explanation::Kernel k;
    k.line = l.line;
    k.bytes = l.bytes;
    for (int i : l.nodes) {
      const graph::Node& n = g_.node(i);
      k.name += (k.name.empty() ? "" : "+") + std::string(n.op->name);
      for (int v : n.inputs) add_views(v, k.views, aliases);
      k.operations.push_back(operation(n));
      for (int v : n.inputs) k.bytes_apart += value_bytes(g_, v);
      for (int v : n.outputs) k.bytes_apart += value_bytes(g_, v);
    }
    graph::for_each_pass(l, [&](const cpu::Pass& pass) {
      k.code_bytes += static_cast<int64_t>(pass.code.code_bytes());
      if (!pass.empty() && !pass.code && k.tiles.empty()) k.tiles = pass.no_code;
    });
    for (const cpu::Segment& s : l.segments) k.code_bytes += static_cast<int64_t>(s.code.code_bytes());
    return k;
  }
  Explanation::Fusion fusion(const graph::FusionRecord& r) const {
    const graph::Node &from = g_.node(r.producer), &to = g_.node(r.consumer);
    const int between = from.outputs[0];
    return {value(between),
            value(to.outputs[0]),
            from.op->name,
            to.op->name,
            r.fused,
            r.reason,
            r.beside      ? 0
            : r.bytes > 0 ? r.bytes
                          : 2 * value_bytes(g_, between),
            r.beside,
            to.line};
  }
  static Explanation::Value workspace(const graph::Buffer& b) {
    return {fmt::format("workspace of k{}", b.first), {DType::u8, Shape{b.bytes}}};
  }

  Explanation::Output output(size_t k, std::vector<Explanation::Alias>& aliases) const {
    const graph::OutputPlan& o = e_.outputs[k];
    Explanation::Output out;
    out.value = value(o.value);
    const graph::Holder& held = event_.holders[k];
    auto position = [&](const std::string& root) {
      return held.leaf < 0 ? root : fmt::format("{}.{}", root, held.leaf);
    };
    if (held.kind == graph::Holder::Kind::result)
      out.becomes = position("result");
    else if (held.kind == graph::Holder::Kind::argument)
      out.becomes = leaf_name(position(fmt::format("arg{}", held.argument)));
    else
      out.escapes = event_.splits ? "is needed after the split" : "is held outside of result and arguments";
    if (o.storage < 0)
      out.alias_of = names_[index(o.root)];
    else if (e_.outputs[index(o.storage)].value != o.value)
      out.alias_of = names_[index(e_.outputs[index(o.storage)].value)];
    for (int s : o.donors) {
      out.may_reuse.push_back(slot(s));
      aliases.push_back({out.value, out.may_reuse.back(),
                         "nothing reads the input later; only in calls that are its sole owner, one input for each"});
    }
    return out;
  }

  void read_memory(Explanation::Plan& p) const {
    const graph::MemoryPlan& m = plan_.memory();
    for (const graph::Buffer& b : m.buffers) {
      // What a kernel needs while it runs is no value of the graph.
      const Explanation::Value what =
          b.value >= 0 ? value(b.value)
                       : Explanation::Value{fmt::format("workspace of k{}", b.first), {DType::u8, Shape{b.bytes}}};
      Explanation::Buffer buffer{what, b.first, b.last, b.bytes, b.offset, ""};
      if (b.shares >= 0) {
        const graph::Buffer& from = m.buffers[index(b.shares)];
        buffer.in_place_of = names_[index(from.value)];
        p.aliases.push_back({buffer.value, buffer.in_place_of,
                             fmt::format("k{} reads each element for the last time before it writes it", b.first)});
      }
      p.buffers.push_back(std::move(buffer));
    }
    for (auto [product, home] : e_.product_in)
      p.aliases.push_back(
          {value(product), names_[index(home)], "only the kernel's own epilogue reads it, element by element"});
    for (const graph::Launch& l : e_.launches)
      if (l.passes_by)
        p.aliases.push_back(
            {value(l.outputs[0]), "the nearest caches", "only the kernel's own epilogue reads it, a block at a time"});
    p.naive_bytes = m.naive_bytes;
    p.lower_bound_bytes = m.lower_bound_bytes;
    p.arena_bytes = m.arena_bytes;
    p.packed_bytes = plan_.packs().bytes();
    p.proven_optimal = m.proven_optimal;
    p.schedule = plan_.report().schedule;
  }

  const graph::Plan& plan_;
  const graph::Event& event_;
  const graph::FrozenPlan* frozen_;
  const detail::LeafNames& leaves_;
  const Graph& g_;
  const graph::Executable& e_;
  std::vector<std::string> names_;  // by value
  std::vector<char> shown_;         // views, by node
};

}  // namespace

Explanation detail::explain_plans(const graph::PlanCache& cache, Mode mode, const LeafNames& names) {
  Explanation e;
  e.mode = mode;
  e.line = cache.line();
  e.switched_off = mode == Mode::compiled && !compile_enabled();
  e.events = cache.events();
  e.hits = cache.hits();
  const auto frozen = cache.frozen();
  for (const graph::Event& event : e.events) {
    if (event.what != "plan") continue;
    auto plan = event.plan.lock();
    if (plan == nullptr) continue;
    const auto bound = std::ranges::find(frozen, plan, [](const auto& f) { return f->plan; });
    e.plans.push_back(Reader(*plan, event, bound == frozen.end() ? nullptr : bound->get(), names).read());
    e.plans.back().number = static_cast<int>(event.number);
  }
  return e;
}

}  // namespace duet
