// explain as JSON; docs/explain.schema.json says what stands where.
#include <fmt/format.h>

#include "duet/graph/explain.h"
#include "graph/explain_files.h"

namespace duet {
namespace {

// Writes JSON: values go into the innermost open list or object, in which a line holds one member.
class Json {
 public:
  void open(char bracket) {
    separate();
    text_ += bracket;
    closers_ += bracket == '{' ? '}' : ']';
    empty_ = true;
  }
  void close() {
    const char closer = closers_.back();
    closers_.pop_back();
    if (!empty_) line();
    text_ += closer;
    empty_ = false;
  }
  void key(std::string_view name) {
    separate();
    text_ += quoted(name) + ": ";
    after_key_ = true;
  }
  void value(std::string_view text) { put(quoted(text)); }
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool b) { put(b ? "true" : "false"); }
  void value(double v) { put(fmt::format("{:.3f}", v)); }
  template <class T>
  requires std::is_integral_v<T>
  void value(T n) { put(fmt::format("{}", n)); }
  void value(const Line& line) {
    if (line.file == nullptr) return put("null");
    Line place = line;
    place.grad_of = false;
    std::string file = to_string(place);
    file.resize(file.rfind(':'));
    put(fmt::format(R"({{"file": {}, "line": {}, "grad": {}}})", quoted(file), line.line, line.grad_of));
  }
  void value(const Explanation::Value& v) {
    std::string shape;
    for (int64_t d : v.spec.shape) shape += fmt::format("{}{}", shape.empty() ? "" : ", ", d);
    put(fmt::format(R"({{"name": {}, "dtype": "{}", "shape": [{}]}})", quoted(v.name), v.spec.dtype, shape));
  }
  template <class T>
  void value(const std::vector<T>& list) {
    open('[');
    for (const T& x : list) value(x);
    close();
  }
  template <class T>
  void member(std::string_view name, const T& x) {
    key(name);
    value(x);
  }
  std::string take() { return std::move(text_) + '\n'; }

  void value(const Explanation::Operation& o) {
    open('{');
    member("op", o.op);
    member("inputs", o.inputs);
    member("outputs", o.outputs);
    member("line", o.line);
    close();
  }
  void value(const Explanation::Kernel& k) {
    open('{');
    member("name", k.name);
    member("views", k.views);
    member("operations", k.operations);
    member("bytes", k.bytes);
    member("bytes_apart", k.bytes_apart);
    member("code_bytes", k.code_bytes);
    member("tiles", k.tiles);
    member("epilogue", k.epilogue);
    member("line", k.line);
    close();
  }
  void value(const Explanation::Fusion& f) {
    open('{');
    member("producer", f.producer);
    member("producer_op", f.producer_op);
    member("consumer", f.consumer);
    member("consumer_op", f.consumer_op);
    member("fused", f.fused);
    member("reason", f.reason);
    member("bytes", f.bytes);
    member("beside", f.beside);
    member("line", f.line);
    close();
  }
  void value(const Explanation::Captured& c) {
    open('{');
    member("value", c.value);
    member("constant", c.constant);
    member("contents", c.contents);
    close();
  }
  void value(const Explanation::Number& n) {
    open('{');
    member("name", n.name);
    member("dtype", name(n.dtype));
    member("value", n.value);
    close();
  }
  void value(const Explanation::Buffer& b) {
    open('{');
    member("value", b.value);
    member("first", b.first);
    member("last", b.last);
    member("bytes", b.bytes);
    member("offset", b.offset);
    member("in_place_of", b.in_place_of);
    close();
  }
  void value(const Explanation::Alias& a) {
    open('{');
    member("value", a.value);
    member("of", a.of);
    member("reason", a.reason);
    close();
  }
  void value(const Explanation::Output& o) {
    open('{');
    member("value", o.value);
    member("becomes", o.becomes);
    member("escapes", o.escapes);
    member("may_reuse", o.may_reuse);
    member("alias_of", o.alias_of);
    close();
  }
  void value(const graph::PassRecord& r) {
    open('{');
    member("name", r.name);
    member("purpose", r.purpose);
    member("nodes_before", r.nodes_before);
    member("nodes_after", r.nodes_after);
    member("time_us", r.time_us);
    close();
  }
  void value(const graph::Event& e) {
    open('{');
    member("what", e.what);
    member("why", e.why);
    member("line", e.line);
    member("count", e.count);
    close();
  }
  void value(const Explanation::Plan& p) {
    open('{');
    member("number", p.number);
    member("why", p.why);
    member("line", p.line);
    member("segment", p.segment);
    member("splits", p.splits);
    member("recorded", p.recorded);
    member("passes", p.passes);
    member("inputs", p.inputs);
    member("captured", p.captured);
    member("numbers", p.numbers);
    member("launches", p.kernels.size());
    member("bytes", p.bytes);
    member("bytes_apart", p.bytes_apart);
    member("kernels", p.kernels);
    member("views", p.views);
    member("fusions", p.fusions);
    member("outputs", p.outputs);
    key("memory");
    open('{');
    member("naive_bytes", p.naive_bytes);
    member("lower_bound_bytes", p.lower_bound_bytes);
    member("arena_bytes", p.arena_bytes);
    member("packed_bytes", p.packed_bytes);
    member("proven_optimal", p.proven_optimal);
    member("buffers", p.buffers);
    key("schedule");
    open('{');
    member("order", p.schedule.order);
    member("peak_bytes", p.schedule.peak_bytes);
    member("trace_peak_bytes", p.schedule.trace_peak_bytes);
    close();
    close();
    member("aliases", p.aliases);
    member("plan_us", p.plan_us);
    if (!p.device.empty()) member("device", p.device);
    close();
  }

 private:
  static std::string quoted(std::string_view text) {
    std::string s = "\"";
    for (const char c : graph::valid_utf8(text)) {
      if (c == '"' || c == '\\')
        s += {'\\', c};
      else if (static_cast<unsigned char>(c) < 0x20)
        s += fmt::format("\\u{:04x}", static_cast<int>(c));
      else
        s += c;
    }
    return s + '"';
  }
  void line() { text_ += '\n' + std::string(2 * closers_.size(), ' '); }
  void separate() {
    if (std::exchange(after_key_, false)) return;
    if (!empty_) text_ += ',';
    if (!closers_.empty()) line();
    empty_ = false;
  }
  void put(std::string_view text) {
    separate();
    text_ += text;
    empty_ = false;
  }

  std::string text_, closers_;
  bool empty_ = true, after_key_ = false;
};

}  // namespace

std::string to_json(const Explanation& e) {
  Json json;
  json.open('{');
  json.member("duet_explanation", 1);
  json.member("mode", name(e.mode));
  json.member("line", e.line);
  json.member("switched_off", e.switched_off);
  json.member("hits", e.hits);
  json.member("events", e.events);
  json.member("plans", e.plans);
  json.close();
  return json.take();
}

}  // namespace duet
