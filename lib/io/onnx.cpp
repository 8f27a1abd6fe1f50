#include "duet/io/onnx.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "duet/ops/movement.h"
#include "io/file.h"
#include "io/onnx_ops.h"
#include "ops/records.h"

namespace duet::onnx {

struct Graph {
  std::vector<Node> nodes;  // in an order in which they can run
  int values = 0;
  std::vector<std::pair<int, Tensor>> initializers;
  std::vector<int> inputs, outputs;
  std::vector<std::string> input_names, output_names;
  std::vector<char> decides_shapes;       // by value
  std::vector<std::vector<int>> dropped;  // by node: values that nobody reads after it
};

namespace {

const OpEntry* entry(std::string_view name) {
  for (auto table : {pointwise_ops(), reduce_ops(), movement_ops(), index_ops(), neural_ops(), loss_ops(), resize_ops(),
                     recurrent_ops()})
    for (const OpEntry& e : table)
      if (e.name == name) return &e;
  return nullptr;
}

bool reads_values(const OpEntry& e) { return e.name != "Shape" && e.name != "Size"; }

bool understands(const OpEntry& e, const std::string& attribute) {
  return attribute.find(' ') == attribute.npos &&
         (" " + std::string(e.attributes) + " ").find(" " + attribute + " ") != std::string::npos;
}

int64_t opset_of(std::string_view where, const io::OnnxModel& m) {
  for (const auto& [domain, version] : m.opsets) {
    if (!domain.empty() && domain != "ai.onnx") continue;
    if (version < 1 || version > 17)
      fail<ParseError>("{}: operator set {} is not supported; supported are 1 to 17", where, version);
    return version;
  }
  fail<ParseError>("{}: it names no operator set of ONNX's own", where);
}

Node checked_node(std::string_view where, io::OnnxNode& n, int64_t opset) {
  const std::string label = n.name.empty() ? io::quote(n.op) : io::quote(n.op) + " " + io::quote(n.name);
  if (!n.domain.empty() && n.domain != "ai.onnx")
    fail<ParseError>("{}: operator {} of domain {} is not supported", where, label, io::quote(n.domain));
  const OpEntry* e = entry(n.op);
  if (e == nullptr) fail<ParseError>("{}: operator {} is not supported", where, label);
  if (opset < e->since)
    fail<ParseError>("{}: operator {} is supported from operator set {} on, not in {}", where, label, e->since, opset);
  for (const io::OnnxAttribute& a : n.attributes)
    if (!understands(*e, a.name) || a.kind == io::OnnxAttribute::other)
      fail<ParseError>("{}: operator {}: attribute {} is not supported", where, label, io::quote(a.name));
  const int inputs = static_cast<int>(n.inputs.size());
  if (inputs < e->least || (e->most >= 0 && inputs > e->most))
    fail<ParseError>("{}: operator {} has {} inputs", where, label, inputs);
  Node out;
  out.op = e, out.label = n.op, out.attributes = std::move(n.attributes), out.opset = opset;
  return out;
}

std::shared_ptr<const Graph> build(std::string_view where, io::OnnxModel m) {
  auto g = std::make_shared<Graph>();
  std::unordered_map<std::string, int> at;
  auto define = [&](const std::string& name) {
    if (name.empty()) fail<ParseError>("{}: a value has no name", where);
    if (!at.emplace(name, g->values).second) fail<ParseError>("{}: two values are named {}", where, io::quote(name));
    return g->values++;
  };
  auto look_up = [&](const std::string& name) {
    auto found = at.find(name);
    if (found == at.end()) fail<ParseError>("{}: nothing before its use makes the value {}", where, io::quote(name));
    return found->second;
  };
  for (auto& [name, tensor] : m.initializers) g->initializers.emplace_back(define(name), std::move(tensor));
  for (const std::string& name : m.inputs) {
    if (at.contains(name) && at[name] < static_cast<int>(g->initializers.size())) continue;  // an input's default
    g->inputs.push_back(define(name));
    g->input_names.push_back(name);
  }
  const int64_t opset = opset_of(where, m);
  for (io::OnnxNode& n : m.nodes) {
    Node node = checked_node(where, n, opset);
    for (const std::string& name : n.inputs) node.inputs.push_back(name.empty() ? -1 : look_up(name));
    for (const std::string& name : n.outputs) node.outputs.push_back(name.empty() ? -1 : define(name));
    g->nodes.push_back(std::move(node));
  }
  for (const std::string& name : m.outputs) g->outputs.push_back(look_up(name));
  g->output_names = std::move(m.outputs);
  // From the last node to the first: what the host reads, and what that is made of.
  g->decides_shapes.assign(static_cast<size_t>(g->values), 0);
  g->dropped.resize(g->nodes.size());
  std::vector<char> read(static_cast<size_t>(g->values), 0);
  for (int v : g->outputs) read[static_cast<size_t>(v)] = 1;
  for (size_t k = g->nodes.size(); k-- > 0;) {
    const Node& n = g->nodes[k];
    const bool decides = std::any_of(n.outputs.begin(), n.outputs.end(),
                                     [&](int v) { return v >= 0 && g->decides_shapes[static_cast<size_t>(v)] != 0; });
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      if (n.inputs[i] < 0) continue;
      const size_t v = static_cast<size_t>(n.inputs[i]);
      if ((decides && reads_values(*n.op)) || (i < 32 && (n.op->host >> i & 1u))) g->decides_shapes[v] = 1;
      if (!std::exchange(read[v], 1)) g->dropped[k].push_back(n.inputs[i]);
    }
    for (int v : n.outputs)
      if (v >= 0 && !read[static_cast<size_t>(v)]) g->dropped[k].push_back(v);
  }
  return g;
}

// Operations inside run at once, whatever is being recorded around them.
class NotRecorded {
 public:
  NotRecorded() : saved_(std::exchange(thread_state.trace, nullptr)) {}
  ~NotRecorded() { thread_state.trace = saved_; }
  NotRecorded(const NotRecorded&) = delete;
  NotRecorded& operator=(const NotRecorded&) = delete;

 private:
  graph::Trace* saved_;
};

void run(const Node& n, std::vector<Value>& values) {
  bool known = true;
  for (int i : n.inputs) known = known && (i < 0 || values[static_cast<size_t>(i)].known);
  known = known || !reads_values(*n.op);
  std::optional<NotRecorded> at_once;
  if (known) at_once.emplace();
  Results results = n.op->run(Call(n, values));
  if (n.outputs.size() > results.size())
    fail<Error>("onnx: {}: {} outputs are wanted, {} are supported", n.label, n.outputs.size(), results.size());
  for (size_t i = 0; i < n.outputs.size(); ++i)
    if (n.outputs[i] >= 0) values[static_cast<size_t>(n.outputs[i])] = {std::move(results[i]), known};
}

}  // namespace

std::vector<std::string> Function::shape_inputs() const {
  std::vector<std::string> out;
  for (size_t i = 0; i < arguments_.size(); ++i)
    if (graph_->decides_shapes[static_cast<size_t>(arguments_[i])]) out.push_back(inputs_[i]);
  return out;
}

Function Function::with(const std::string& input, const Tensor& value, std::source_location line) const {
  LineScope scope(line);
  Function f = *this;
  const auto found = std::find(f.inputs_.begin(), f.inputs_.end(), input);
  check<Error>(found != f.inputs_.end(), "onnx: there is no input {}", io::quote(input));
  check<Error>(value.defined(), "onnx: the value of input {} is an empty Tensor", io::quote(input));
  const auto i = found - f.inputs_.begin();
  f.fixed_.emplace_back(f.arguments_[static_cast<size_t>(i)], value);
  f.inputs_.erase(found);
  f.arguments_.erase(f.arguments_.begin() + i);
  return f;
}

std::vector<Tensor> Function::operator()(const std::vector<Tensor>& arguments) const {
  check<Error>(graph_ != nullptr, "onnx: the function is empty; load one");
  if (arguments.size() != arguments_.size())
    fail<Error>("onnx: {} arguments for {} inputs", arguments.size(), arguments_.size());
  std::vector<Value> values(static_cast<size_t>(graph_->values));
  auto set = [&](int v, const Tensor& t, bool known) { values[static_cast<size_t>(v)] = {t, known}; };
  for (const auto& [v, t] : graph_->initializers) set(v, t, true);
  for (const auto& [v, t] : fixed_) set(v, t, true);
  for (size_t i = 0; i < arguments.size(); ++i) set(arguments_[i], arguments[i], false);
  for (size_t k = 0; k < graph_->nodes.size(); ++k) {
    run(graph_->nodes[k], values);
    for (int v : graph_->dropped[k]) values[static_cast<size_t>(v)] = {};
  }
  std::vector<Tensor> out;
  for (int v : graph_->outputs) out.push_back(values[static_cast<size_t>(v)].t);
  return out;
}

Function load(const std::string& path, std::source_location line) {
  LineScope scope(line);
  io::InputFile file("load: " + path, path);
  return io::read_whole(file, [&] {
    std::vector<uint8_t> bytes(file.size());
    file.read(0, bytes);
    Function f;
    f.graph_ = build(file.where(), io::parse_onnx_model(file.where(), bytes));
    f.inputs_ = f.graph_->input_names;
    f.outputs_ = f.graph_->output_names;
    f.arguments_ = f.graph_->inputs;
    return f;
  });
}

// What operators see.

const Tensor& Call::value(int i) const {
  static const Tensor none;
  const int v = node_.inputs[static_cast<size_t>(i)];
  return v < 0 ? none : values_[static_cast<size_t>(v)].t;
}
const Tensor& Call::operator[](int i) const {
  require(has(i), "input {} is missing", i);
  return value(i);
}
void Call::reject(const std::string& what) const { fail<Error>("onnx: {}: {}", node_.label, what); }

std::vector<double> Call::host_numbers(int i) const {
  const Tensor& t = (*this)[i];
  require(values_[static_cast<size_t>(node_.inputs[static_cast<size_t>(i)])].known || thread_state.trace == nullptr,
          "input {} decides shapes and is not known when the function is recorded; fix it by with()", i);
  NotRecorded at_once;
  return cast(t, f64).to_vector<double>();
}
std::vector<int64_t> Call::host_ints(int i) const {
  const Tensor& t = (*this)[i];
  require(values_[static_cast<size_t>(node_.inputs[static_cast<size_t>(i)])].known || thread_state.trace == nullptr,
          "input {} decides shapes and is not known when the function is recorded; fix it by with()", i);
  NotRecorded at_once;
  return cast(t, i64).to_vector<int64_t>();
}

int64_t Call::host_int(int i) const {
  const std::vector<int64_t> all = host_ints(i);
  require(all.size() == 1, "input {} must be one number: {}", i, (*this)[i].spec());
  return all[0];
}
double Call::host_number(int i) const {
  const std::vector<double> all = host_numbers(i);
  require(all.size() == 1, "input {} must be one number: {}", i, (*this)[i].spec());
  return all[0];
}

const io::OnnxAttribute* Call::find(std::string_view name) const {
  for (const io::OnnxAttribute& a : node_.attributes)
    if (a.name == name) return &a;
  return nullptr;
}
int64_t Call::integer(std::string_view name, int64_t fallback) const {
  const auto* a = find(name);
  if (a != nullptr) require(a->kind == io::OnnxAttribute::integer, "attribute '{}' is no integer", name);
  return a == nullptr ? fallback : a->i;
}
double Call::number(std::string_view name, double fallback) const {
  const auto* a = find(name);
  if (a != nullptr) require(a->kind == io::OnnxAttribute::number, "attribute '{}' is no number", name);
  return a == nullptr ? fallback : a->f;
}
std::string_view Call::text(std::string_view name, std::string_view fallback) const {
  const auto* a = find(name);
  if (a != nullptr) require(a->kind == io::OnnxAttribute::text, "attribute '{}' is no string", name);
  return a == nullptr ? fallback : std::string_view(a->s);
}
std::vector<int64_t> Call::integers(std::string_view name, std::vector<int64_t> fallback) const {
  const auto* a = find(name);
  if (a != nullptr) require(a->kind == io::OnnxAttribute::integers, "attribute '{}' is no list of integers", name);
  return a == nullptr ? std::move(fallback) : a->ints;
}

int axis_of(const Call& c, int64_t axis, int rank) {
  c.require(axis >= -rank && axis < rank, "there is no axis {}: rank {}", axis, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}
Shape shape_of(const Call& c, const std::vector<int64_t>& extents) {
  c.require(extents.size() <= kMaxRank, "more than {} axes are not supported", kMaxRank);
  return Shape(extents.data(), static_cast<int>(extents.size()));
}
Tensor permute(const Tensor& x, const std::vector<int>& axes) {
  std::vector<int> at(axes.size());
  Tensor y = x;
  for (size_t i = 0; i < at.size(); ++i) at[i] = static_cast<int>(i);
  // By exchanges, as transpose takes its axes from the program's text.
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t j = static_cast<size_t>(std::find(at.begin(), at.end(), axes[i]) - at.begin());
    if (j == i) continue;
    y = swap_axes(y, static_cast<int>(i), static_cast<int>(j));
    std::swap(at[i], at[j]);
  }
  return y;
}

}  // namespace duet::onnx
